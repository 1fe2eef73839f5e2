/* model.c -- every interleaving of a few threads: coroutines, snapshots, and a set of states. */
#include "model.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK (64u * 1024u) /* bytes; a few hundred of them are live */
#define LIVE 2048u          /* bytes of a stack that a snapshot holds at most */
#define BELOW 192u          /* bytes below a frame's address that still belong to the frame */
#define REGIONS 8u
#define DEPTH 400u /* steps */

typedef enum { DORMANT, STEP, LOCK, ASLEEP, CHOICE, JOIN, END } point;

typedef struct {
    point at;
    unsigned choices;
    unsigned chosen;
    unsigned joins;
    bool timed;     /* asleep with a deadline */
    bool timed_out; /* and it has passed */
    const void *cond;
    const char *what;
    uint8_t *low; /* of the live stack */
    jmp_buf env;
} thread;

/* The part of the scheduler that belongs to the state. */
static struct {
    thread threads[MODEL_THREADS];
    unsigned owner; /* thread + 1 of the lock's holder; 0: free; LOST: never released */
} now;
#define LOST 99u

static _Alignas(64) uint8_t stacks[MODEL_THREADS][STACK];
static struct {
    void (*run)(void *arg);
    void *arg;
    ucontext_t context;
} starts[MODEL_THREADS];
static unsigned thread_count;

static struct {
    void *memory;
    size_t size;
    bool all;
} regions[REGIONS];
static size_t region_count;

static unsigned current; /* the thread that runs */
static ucontext_t starter;
static jmp_buf scheduler;
static const model_hooks *hooks;
static bool signals_lost;

/* ---- states ---- */

typedef enum { GO, TIMEOUT, WAKE, FORK } happening;

typedef struct {
    unsigned thread;
    happening kind;
    unsigned chosen;
} transition;

#define TRANSITIONS (MODEL_THREADS * 4u)

typedef struct {
    uint8_t *kept; /* the scheduler's part, the regions, the live stacks */
    transition out[TRANSITIONS];
    size_t count;
    size_t next;
} level;

static level levels[DEPTH];
static size_t depth;

static size_t
live_size(unsigned t)
{
    return (size_t)(stacks[t] + STACK - now.threads[t].low);
}

static size_t
kept_size(void)
{
    size_t size = sizeof now + (size_t)thread_count * LIVE;
    for (size_t i = 0; i < region_count; i++) {
        size += regions[i].size;
    }
    return size;
}

static void
save(level *l)
{
    if (l->kept == NULL && (l->kept = malloc(kept_size())) == NULL) {
        model_fail("no memory");
    }
    uint8_t *to = l->kept;
    memcpy(to, &now, sizeof now);
    to += sizeof now;
    for (size_t i = 0; i < region_count; i++) {
        memcpy(to, regions[i].memory, regions[i].size);
        to += regions[i].size;
    }
    for (unsigned t = 0; t < thread_count; t++) {
        const size_t size = live_size(t);
        if (size > LIVE) {
            model_fail("a stack is larger than LIVE");
        }
        memcpy(to, now.threads[t].low, size);
        to += LIVE;
    }
}

static void
restore(const level *l)
{
    const uint8_t *from = l->kept;
    memcpy(&now, from, sizeof now);
    from += sizeof now;
    for (size_t i = 0; i < region_count; i++) {
        memcpy(regions[i].memory, from, regions[i].size);
        from += regions[i].size;
    }
    for (unsigned t = 0; t < thread_count; t++) {
        memcpy(now.threads[t].low, from, live_size(t));
        from += LIVE;
    }
}

void
model_mix(model_hash *at, const void *data, size_t len)
{
    const uint8_t *bytes = data;
    uint64_t a = at->a ^ len;
    uint64_t b = at->b;
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = 0;
        if (len - i >= 8) {
            memcpy(&word, bytes + i, 8);
        } else {
            memcpy(&word, bytes + i, len - i);
        }
        a = (a ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        a ^= a >> 29;
        b = (b + word) * UINT64_C(0xd1342543de82ef95);
        b ^= b >> 32;
    }
    *at = (model_hash){a, b};
}

static model_hash
digest(void)
{
    model_hash at = {1, 2};
    model_mix(&at, &now.owner, sizeof now.owner);
    for (unsigned t = 0; t < thread_count; t++) {
        const thread *th = &now.threads[t];
        const uint64_t numbers[] = {
            th->at,    th->choices,   th->chosen,          th->joins,
            th->timed, th->timed_out, (uintptr_t)th->cond, (uintptr_t)th->what};
        model_mix(&at, numbers, sizeof numbers);
        if (th->at != DORMANT && th->at != END) {
            model_mix(&at, &th->env, sizeof th->env[0].__jmpbuf);
            model_mix(&at, th->low, live_size(t));
        }
    }
    for (size_t i = 0; i < region_count; i++) {
        if (regions[i].all) {
            model_mix(&at, regions[i].memory, regions[i].size);
        }
    }
    hooks->digest(&at);
    return at;
}

/* The states seen so far, as hashes of 128 bits, so that a collision is practically impossible. */
static struct {
    model_hash *slots; /* 0, 0: free */
    size_t size;       /* a power of two */
    size_t count;
} met;

static bool
insert(model_hash *slots, size_t size, model_hash key)
{
    size_t at = key.a & (size - 1);
    while (slots[at].a != 0 || slots[at].b != 0) {
        if (slots[at].a == key.a && slots[at].b == key.b) {
            return false;
        }
        at = (at + 1) & (size - 1);
    }
    slots[at] = key;
    return true;
}

static void
enlarge(void)
{
    const size_t size = met.size == 0 ? 1u << 16 : met.size * 2;
    model_hash *slots = calloc(size, sizeof *slots);
    if (slots == NULL) {
        model_fail("no memory");
    }
    for (size_t i = 0; i < met.size; i++) {
        if (met.slots[i].a != 0 || met.slots[i].b != 0) {
            (void)insert(slots, size, met.slots[i]);
        }
    }
    free(met.slots);
    met.slots = slots;
    met.size = size;
}

static bool
is_new(void)
{
    if (met.count * 2 >= met.size) {
        enlarge();
    }
    const bool fresh = insert(met.slots, met.size, digest());
    met.count += fresh;
    return fresh;
}

/* ---- coroutines ---- */

/* Clears the stack below its caller: values left by earlier calls must not make states differ. */
static __attribute__((noinline)) void
wipe(void)
{
    volatile uint64_t *top = (volatile uint64_t *)((uint8_t *)__builtin_frame_address(0) - 64);
    for (size_t i = 1; i <= LIVE / sizeof *top; i++) {
        top[-(ptrdiff_t)i] = 0;
    }
}

/* Switches to the scheduler; the state is that at this point. */
static __attribute__((noinline)) void
yield(point at, const char *what)
{
    thread *t = &now.threads[current];
    wipe();
    t->at = at;
    t->what = what;
    t->low = (uint8_t *)__builtin_frame_address(0) - BELOW;
    if (_setjmp(t->env) == 0) {
        _longjmp(scheduler, 1);
    }
}

static void
begin(void)
{
    const unsigned t = current;
    yield(now.threads[t].at, "start");
    starts[t].run(starts[t].arg);
    yield(END, "end");
    abort();
}

static __attribute__((noinline)) void
go_on(unsigned t)
{
    current = t;
    if (_setjmp(scheduler) == 0) {
        _longjmp(now.threads[t].env, 1);
    }
}

static __attribute__((noinline)) void
create(unsigned t)
{
    current = t;
    if (_setjmp(scheduler) == 0) {
        (void)getcontext(&starts[t].context);
        starts[t].context.uc_stack.ss_sp = stacks[t];
        starts[t].context.uc_stack.ss_size = STACK;
        starts[t].context.uc_link = NULL;
        makecontext(&starts[t].context, begin, 0);
        (void)swapcontext(&starter, &starts[t].context);
    }
}

void
model_clear(void)
{
    for (size_t i = 0; i < DEPTH; i++) {
        free(levels[i].kept);
        levels[i].kept = NULL;
    }
    free(met.slots);
    memset(&met, 0, sizeof met);
    memset(&now, 0, sizeof now);
    memset(stacks, 0, sizeof stacks);
    thread_count = 0;
    region_count = 0;
    depth = 0;
}

void
model_keep(void *memory, size_t size, bool all)
{
    regions[region_count].memory = memory;
    regions[region_count].size = size;
    regions[region_count++].all = all;
}

unsigned
model_thread(void (*run)(void *arg), void *arg, bool dormant)
{
    const unsigned t = thread_count++;
    starts[t].run = run;
    starts[t].arg = arg;
    now.threads[t].at = dormant ? DORMANT : STEP;
    create(t);
    return t;
}

void
model_step(const char *what)
{
    yield(STEP, what);
}

unsigned
model_choose(unsigned n)
{
    now.threads[current].choices = n;
    yield(CHOICE, "choice");
    return now.threads[current].chosen;
}

void
model_join(unsigned threads)
{
    now.threads[current].joins = threads;
    yield(JOIN, "join");
}

void
model_start(unsigned thread_)
{
    now.threads[thread_].at = STEP;
}

void
model_kill(unsigned thread_)
{
    now.threads[thread_].at = END;
}

void
model_lose_lock(void)
{
    now.owner = LOST;
}

void
model_free_lock(void)
{
    now.owner = 0;
}

void
model_lose_signals(void)
{
    signals_lost = true;
}

/* ---- pthread functions that the linker redirects here ---- */

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    (void)mutex; /* there is one */
    yield(LOCK, "lock");
    now.owner = current + 1;
    return 0;
}

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    (void)mutex;
    MODEL_CHECK(now.owner == current + 1);
    now.owner = 0;
    return 0;
}

static int
sleep_on(const void *cond, bool timed)
{
    thread *t = &now.threads[current];
    MODEL_CHECK(now.owner == current + 1);
    now.owner = 0;
    t->cond = cond;
    t->timed = timed;
    t->timed_out = false;
    yield(ASLEEP, "sleep");
    t->cond = NULL; /* here with the lock free: waking makes it a LOCK */
    now.owner = current + 1;
    return now.threads[current].timed_out ? ETIMEDOUT : 0;
}

int
__wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    (void)mutex;
    return sleep_on(cond, false);
}

int
__wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                              const struct timespec *until)
{
    (void)mutex;
    (void)until;
    return sleep_on(cond, true);
}

static void
wake(const void *cond, bool all)
{
    size_t sleepers = 0;
    yield(STEP, "signal");
    for (unsigned t = 0; t < thread_count && !signals_lost; t++) {
        if (now.threads[t].at == ASLEEP && now.threads[t].cond == cond) {
            now.threads[t].at = LOCK;
            sleepers++;
        }
    }
    MODEL_CHECK(all || sleepers <= 1); /* else it would have to be any one of them */
}

int
__wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    wake(cond, false);
    return 0;
}

int
__wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    wake(cond, true);
    return 0;
}

/* ---- the search ---- */

static void
add(level *l, unsigned t, happening kind, unsigned chosen)
{
    l->out[l->count++] = (transition){t, kind, chosen};
}

/* Lists the possible next steps. False when there is none except a spurious wake-up. */
static bool
list_transitions(level *l)
{
    bool some = false;
    unsigned ended = 0;
    for (unsigned t = 0; t < thread_count; t++) {
        ended |= now.threads[t].at == END ? 1u << t : 0;
    }
    l->count = l->next = 0;
    for (unsigned t = 0; t < thread_count; t++) {
        const thread *th = &now.threads[t];
        const size_t before = l->count;
        if (th->at == STEP || (th->at == LOCK && now.owner == 0) ||
            (th->at == JOIN && (th->joins & ~ended) == 0)) {
            add(l, t, GO, 0);
        }
        for (unsigned i = 0; th->at == CHOICE && i < th->choices; i++) {
            add(l, t, GO, i);
        }
        if (th->at == ASLEEP && th->timed) {
            add(l, t, TIMEOUT, 0);
        }
        some |= l->count > before;
        if (th->at == ASLEEP && hooks->wakings) {
            add(l, t, WAKE, 0);
        }
        if (th->at == STEP && hooks->can_fork != NULL && hooks->can_fork(t)) {
            add(l, t, FORK, 0);
        }
    }
    return some;
}

static void
apply(const transition *tr)
{
    thread *t = &now.threads[tr->thread];
    switch (tr->kind) {
        case GO:
            t->chosen = tr->chosen;
            go_on(tr->thread);
            break;
        case TIMEOUT:
            t->timed_out = true;
            t->at = LOCK;
            break;
        case WAKE:
            t->at = LOCK;
            break;
        case FORK:
            hooks->fork(tr->thread);
            break;
    }
}

void
model_fail(const char *what)
{
    static const char *const kinds[] = {"", " times out", " wakes", " forks"};
    printf("wrong: %s\n", what);
    for (size_t i = 0; i < depth; i++) {
        const transition *tr = &levels[i].out[levels[i].next - 1];
        thread *threads = (thread *)(void *)levels[i].kept; /* `now` begins with them */
        printf("  %3zu  thread %u: %s%s", i, tr->thread, threads[tr->thread].what, kinds[tr->kind]);
        printf(tr->kind == GO && tr->chosen > 0 ? " %u\n" : "\n", tr->chosen);
    }
    exit(1);
}

static bool
all_ended(void)
{
    for (unsigned t = 0; t < thread_count; t++) {
        if (now.threads[t].at != END && now.threads[t].at != DORMANT) {
            return false;
        }
    }
    return true;
}

static void
arrive(model_counts *counts)
{
    if (now.owner == 0) {
        hooks->check();
    }
    if (!is_new()) {
        return;
    }
    counts->states++;
    if (all_ended()) {
        counts->ends++;
        hooks->end();
        return;
    }
    if (depth == DEPTH) {
        model_fail("the way is longer than DEPTH");
    }
    if (!list_transitions(&levels[depth])) {
        model_fail("nobody can go on");
    }
    save(&levels[depth++]);
    counts->depth = depth > counts->depth ? depth : counts->depth;
}

model_counts
model_run(const model_hooks *use)
{
    model_counts counts = {0};
    hooks = use;
    arrive(&counts);
    while (depth > 0) {
        level *l = &levels[depth - 1];
        if (l->next == l->count) {
            depth--;
            continue;
        }
        restore(l);
        apply(&l->out[l->next++]);
        counts.transitions++;
        arrive(&counts);
    }
    return counts;
}
