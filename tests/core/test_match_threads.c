/* test_match_threads.c -- one compiled expression, evaluated by several threads at a time. */
#include <pthread.h>

#include "core/match/hk_match_run.h"
#include "check.h"
#include "sample.h"

#define THREADS 4
#define ROUNDS 2000

static hk_match *shared;

typedef struct {
    pthread_t thread;
    bool matches; /* what is expected */
    unsigned long wrong;
} worker;

static void *
work(void *arg)
{
    worker *w = arg;
    hk_match_scratch scratch;
    const hk_message message = {
        .type = slice_of(w->matches ? "abcabcd" : "other"),
        .payload = slice_of("\xff GET /index.html"),
    };
    must(hk_match_scratch_init(&scratch, shared));
    for (int i = 0; i < ROUNDS; i++) {
        w->wrong += hk_match_run(shared, &message, slice_of("ops"), &scratch) != w->matches;
    }
    w->wrong += scratch.failed;
    hk_match_scratch_clear(&scratch);
    return NULL;
}

int
main(void)
{
    worker workers[THREADS] = {{.matches = true}, {.matches = false}, {.matches = true}};
    must(hk_match_compile(slice_of("Type =~ /^(abc)+d/ && Payload =~ /GET .*html$/ && "
                                   "Uuid == '' && Signer == 'ops' && Fields[a] == NIL"),
                          HK_DIALECT_HEKA2, &shared, NULL));
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK_INT(pthread_join(workers[i].thread, NULL), 0);
        CHECK_SIZE(workers[i].wrong, 0);
    }
    hk_match_free(shared);
    return check_report();
}
