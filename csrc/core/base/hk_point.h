/* hk_point.h -- crash points: a test counts them and ends the process at each in turn.
 *
 * Between two crash points there is at most one store or system call that changes the files.
 * Includes: nothing. */
#ifndef HK_POINT_H
#define HK_POINT_H

#ifdef HK_CRASH_POINTS /* defined by tests/core/Makefile; hk_crash_point is the test's */
void hk_crash_point(void);
#define HK_POINT() hk_crash_point()
#else
#define HK_POINT() ((void)0)
#endif

#endif
