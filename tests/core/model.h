/* model.h -- an exhaustive model checker: runs every interleaving of a few threads.
 *
 * The threads are coroutines that run the real code. At each point where another thread could
 * change the result (before a lock, in a wait, before a signal, and where the test calls
 * model_step) the state is saved, and each runnable thread is tried; a state that was seen before
 * is not explored again. The state is everything that can matter: registers, live stack, and the
 * memory that the test names. The linker redirects calls of pthread functions here, so the code
 * under test is unchanged.
 *
 * Not covered: more threads or longer programs than the test has, and the effects of the
 * processor's memory model on memory that is written without a lock (ThreadSanitizer covers these).
 * One run at a time; everything is static. Includes: the C library only. */
#ifndef MODEL_H
#define MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 5u /* at most */

/* A 128-bit hash of a state. */
typedef struct {
    uint64_t a;
    uint64_t b;
} model_hash;

void model_mix(model_hash *at, const void *data, size_t len);

typedef struct {
    unsigned long states;
    unsigned long transitions;
    unsigned long ends; /* states in which every thread has ended */
    size_t depth;       /* steps of the longest path through new states */
} model_counts;

typedef struct {
    void (*check)(void);            /* after each step that leaves the lock free */
    void (*end)(void);              /* when every thread has ended */
    void (*digest)(model_hash *at); /* mixes in the relevant part of the saved memory */
    bool (*can_fork)(unsigned thread);
    void (*fork)(unsigned thread); /* changes the state to that of the child */
    bool wakings;                  /* waits may wake spuriously, as POSIX allows */
} model_hooks;

/* Forgets the last run. */
void model_clear(void);

/* Before the run: memory that belongs to the state. With `all` every byte of it counts; else what
 * digest() says. */
void model_keep(void *memory, size_t size, bool all);

/* Before the run: a thread; one that is `dormant` does not start before model_start. */
unsigned model_thread(void (*run)(void *arg), void *arg, bool dormant);

/* Explores all states. On a failure, prints the path that led to it and ends the program. */
model_counts model_run(const model_hooks *hooks);

/* ---- called by threads ---- */

void model_step(const char *what); /* any other thread may run here */
unsigned model_choose(unsigned n); /* 0 to n - 1: each is tried */
void model_join(unsigned threads); /* waits for the end of a set of threads, as bits */
void model_fail(const char *what); /* prints the path that led here, and ends the program */
#define MODEL_CHECK(condition) ((condition) ? (void)0 : model_fail(#condition))

/* ---- called by hooks ---- */

void model_start(unsigned thread); /* starts a dormant thread */
void model_kill(unsigned thread);  /* removes a thread that does not exist in the child */
void model_lose_lock(void);        /* the holder of the lock does not exist in the child */
void model_free_lock(void);        /* the lock was initialised again */

/* From now on, signals are lost: the run must detect that. */
void model_lose_signals(void);

#endif
