/* hk_match_time.h -- RFC 3339 times as nanoseconds since the epoch.
 *
 * Pure function, independent of the locale and of time zones. Includes: hk_status.h. */
#ifndef HK_MATCH_TIME_H
#define HK_MATCH_TIME_H

#include "core/base/hk_status.h"

/* Reads YYYY-MM-DDTHH:MM:SS, then optionally a point and 1 to 9 digits, then Z, +HH:MM or -HH:MM.
 * False: the text is not of that form, names no day of the calendar, or is out of the range of
 * 64-bit nanoseconds (1677-09-21 to 2262-04-11). A leap second (:60) is refused, as Go does. */
bool hk_match_time(hk_slice text, int64_t *ns);

#endif
