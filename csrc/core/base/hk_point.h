/* hk_point.h -- places where a crash may strike: tests count them and end the process at each.
 *
 * Between any two of them lies at most one store, or one system call, that is seen from outside.
 * Includes: nothing. */
#ifndef HK_POINT_H
#define HK_POINT_H

#ifdef HK_CRASH_POINTS /* the test's */
void hk_spool_point(void);
#define HK_POINT() hk_spool_point()
#else
#define HK_POINT() ((void)0)
#endif

#endif
