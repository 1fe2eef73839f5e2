/* hk_regex_limits.h -- what a pattern may have at most. Includes: nothing. */
#ifndef HK_REGEX_LIMITS_H
#define HK_REGEX_LIMITS_H

#define HK_REGEX_PATTERN_MAX (16u * 1024u) /* bytes of a pattern */
#define HK_REGEX_DEPTH_MAX 200u            /* groups within each other */
#define HK_REGEX_REPEAT_MAX 1000u          /* of x{n}, and the product of those within: RE2's */

#endif
