/* model.h -- every interleaving of a few threads, by running them.
 *
 * The threads are coroutines that run the real code. At each point where another thread could make
 * a difference (before a lock, asleep, before a signal, where the test says so) the state is kept
 * and every thread that can go on is tried; a state that was met before is not explored again. The
 * state is all that can matter: registers, live stack, the memory that the test names. Signals and
 * locks come here through the linker, so nothing in the code under test knows of it.
 *
 * What is not seen: more threads or longer programs than the test has, and what a processor does to
 * memory that is written without a lock (ThreadSanitizer looks for that).
 * One run at a time; everything is static. Includes: the C library only. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 5u /* at most */

/* 128 bits that stand for a state. */
typedef struct {
    uint64_t a;
    uint64_t b;
} model_hash;

void model_mix(model_hash *at, const void *data, size_t len);

typedef struct {
    unsigned long states;
    unsigned long transitions;
    unsigned long ends; /* states in which every thread has come to its end */
    size_t depth;       /* of the longest way without a state met before */
} model_counts;

typedef struct {
    void (*check)(void);            /* after each step that leaves the lock free */
    void (*end)(void);              /* when every thread is at its end */
    void (*digest)(model_hash *at); /* mixes in what counts of the memory that is kept */
    bool (*can_fork)(unsigned thread);
    void (*fork)(unsigned thread); /* makes the state that of the child */
    bool wakings;                  /* sleepers may wake without a reason, as POSIX allows */
} model_hooks;

/* Forgets the last run. */
void model_clear(void);

/* Before the run: memory that belongs to the state. With `all` every byte of it counts; else what
 * digest() says. */
void model_keep(void *memory, size_t size, bool all);

/* Before the run: a thread; one that is `dormant` does not start before model_start. */
unsigned model_thread(void (*run)(void *arg), void *arg, bool dormant);

/* Explores everything. Ends the program with the way that led there when something is wrong. */
model_counts model_run(const model_hooks *hooks);

/* ---- called by threads ---- */

void model_step(const char *what); /* anybody else may go on here */
unsigned model_choose(unsigned n); /* 0 to n - 1: each is tried */
void model_join(unsigned threads); /* waits for the end of a set of threads, as bits */
void model_fail(const char *what); /* ends the program, with the way that led here */
#define MODEL_CHECK(condition) ((condition) ? (void)0 : model_fail(#condition))

/* ---- called by hooks ---- */

void model_start(unsigned thread); /* a dormant one */
void model_kill(unsigned thread);  /* it does not exist in the child */
void model_lose_lock(void);        /* the lock is held by nobody who could give it back */
void model_free_lock(void);        /* it was made anew */

/* Signals are lost from now on: the run must find that. */
void model_lose_signals(void);

#endif
