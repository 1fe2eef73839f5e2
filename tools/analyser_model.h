/* analyser_model.h -- what clang-tidy has to know of a function whose body it does not see.
 *
 * hk_fail returns the status it was given; the analyser, which reads one file at a time, follows a
 * path on which it returns HK_OK and reports what that caller would then read unset. tools/check_c.sh
 * includes this in front of every file but hk_status.c, which defines the function. */
#ifndef ANALYSER_MODEL_H
#define ANALYSER_MODEL_H

#include "core/base/hk_status.h"

#define hk_fail(err, status, ...) ((void)hk_fail((err), (status), __VA_ARGS__), (status))

#endif
