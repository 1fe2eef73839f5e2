/* test_nomem.c -- each allocation fails, by itself and with all later ones: a status, no leak, no
 * crash.
 *
 * LeakSanitizer finds leaks in the sanitized configurations. */
#include <stdlib.h>
#include <openssl/err.h>

#include "core/agent/hk_stats.h"
#include "core/format/hk_firsts.h"
#include "core/format/hk_json.h"
#include "core/format/hk_otlp.h"
#include "core/match/hk_match_run.h"
#include "core/match/hk_regex.h"
#include "core/wire/hk_keyring.h"
#include "core/wire/hk_normalise.h"
#include "core/wire/hk_reader.h"
#include "check.h"
#include "failing.h"
#include "sample.h"
#include "queues.h"

#define NEVER 100000ul /* allocations: more than any function below makes */

typedef hk_status (*work)(void *arg);

static void
prepare_crypto(void)
{
    hk_identity identity = sample_identity("name", 1, HK_SHA1, "key");
    hk_identity md5 = sample_identity("name", 1, HK_MD5, "key");
    uint8_t digest[HK_DIGEST_MAX];
    /* libcrypto initialises itself at the first use, and does not repeat it after a failure. */
    must(hk_sign(&identity.key, slice_of("m"), digest, NULL));
    must(hk_sign(&md5.key, slice_of("m"), digest, NULL));
    hk_identity_clear(&md5);
    hk_identity_clear(&identity);
}

/* Calls `run` again and again: the first allocation fails, then the second, until none does. A
 * failed allocation must show in the status, unless libcrypto works without it (`crypto`). */
static void
sweep(const char *what, work run, void *arg, bool crypto)
{
    for (int once = 0; once < 2; once++) {
        unsigned long n = 0;
        unsigned long survived = 0;
        for (; n < NEVER; n++) {
            failing_arm(n, once == 1);
            const hk_status status = run(arg);
            const bool failed = failing_disarm();
            if (!failed) {
                CHECK_INT(status, HK_OK);
                break;
            }
            survived += status == HK_OK;
            const bool known =
                status == HK_ERR_NOMEM || (crypto && (status == HK_ERR_CRYPTO || status == HK_OK));
            if (!CHECK(known)) {
                printf("  %s: allocation %lu failed, status %d\n", what, n, (int)status);
            }
            CHECK_SIZE(ERR_peek_error() != 0 && !crypto, 0);
            ERR_clear_error();
        }
        CHECK((n > 0 || crypto) && n < NEVER); /* since 3.5 a kept context signs without memory */
        printf("  %-24s %4lu allocations failed %s, %lu without effect\n", what, n,
               once == 1 ? "once" : "from there on", survived);
    }
}

/* ---- writing and decoding ---- */

static hk_status
encode(void *arg)
{
    const hk_message *m = arg; /* a canonical message, which is encoded again */
    hk_buffer out;
    hk_slice fields = m->fields;
    hk_field field;
    hk_value value;
    size_t at;
    const hk_head head = {
        .uuid = m->uuid,
        .timestamp = m->timestamp,
        .type = {m->type.data, m->type.len, HK_TEXT_UTF8},
        .payload = {m->payload.data, m->payload.len, HK_TEXT_UTF8},
    };
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    hk_status status = hk_encode_head(&out, &head);
    while (status == HK_OK && hk_field_next(&fields, &field)) {
        const hk_text name = {field.name.data, field.name.len, HK_TEXT_UTF8};
        hk_field_mark mark;
        status = hk_field_open(&out, slice_of("prefix."), &name, HK_STRING, &name,
                               HK_SURROGATES_REFUSED, &mark);
        for (int i = 0; status == HK_OK && i < 40; i++) {
            status = hk_put_string(&out, &name, HK_SURROGATES_REFUSED, &at);
            if (status == HK_OK && hk_value_next(&field.values, field.type, &value)) {
                status = hk_put_bytes(&out, field.whole);
            }
        }
        if (status == HK_OK) {
            status = hk_field_close(&out, &mark);
        }
    }
    hk_buffer_clear(&out);
    return status;
}

static hk_status
normalise(void *arg)
{
    const hk_buffer *foreign = arg;
    hk_buffer out;
    hk_error err = {HK_OK, 0, ""};
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    const hk_status status = hk_decode_normalise(foreign->data, foreign->len, &out, &err);
    CHECK_INT(err.status, status);
    hk_buffer_clear(&out);
    return status;
}

static hk_status
decode(void *arg)
{
    const hk_buffer *foreign = arg;
    hk_message m;
    hk_buffer out;
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    const hk_status status = hk_decode(foreign->data, foreign->len, &m, &out, NULL);
    hk_buffer_clear(&out);
    return status;
}

static hk_status
write_line(void *arg)
{
    const hk_json_origin origin = {.from = slice_of("here")};
    hk_buffer out;
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    const hk_status status = hk_json_line(arg, &origin, &out, NULL);
    CHECK((out.len > 0) == (status == HK_OK));
    hk_buffer_clear(&out);
    return status;
}

static hk_status
write_otlp(void *arg)
{
    hk_block_place place = {.len = 1, .message = *(const hk_message *)arg};
    const hk_block block = {.count = 1, .places = &place};
    const hk_otlp_options options = {.now = 1};
    hk_buffer out = sample_buffer();
    const hk_status status = hk_otlp_logs(&block, &options, &out, NULL);
    CHECK((out.len != 0) == (status == HK_OK));
    hk_buffer_clear(&out);
    return status;
}

static void
test_messages(void)
{
    hk_buffer message = sample_buffer();
    hk_buffer foreign = sample_buffer();
    hk_message m;
    uint64_t seed = 0;
    do { /* one with several fields */
        message.len = 0;
        sample_message(&message, ++seed);
    } while (hk_decode_canonical(message.data, message.len, &m) != HK_OK || m.fields.len < 1000);
    sweep("encode", encode, &m, false);

    for (unsigned i = 0; i <= HK_FIRSTS_FEW; i++) { /* so many that their names are sorted */
        put_hex(&message, "5207 0a0161 1000 1a00");
        message.data[message.len - 5] = (uint8_t)i;
    }
    must(hk_decode_canonical(message.data, message.len, &m));
    sweep("JSON line", write_line, &m, false);
    sweep("OTLP request", write_otlp, &m, false);

    sample_foreign(&foreign, 7);
    while (foreign.len < 40000) { /* concatenated messages are one valid protobuf message */
        sample_foreign(&foreign, ++seed);
    }
    sweep("normalise", normalise, &foreign, false);
    sweep("decode", decode, &foreign, false);
    hk_buffer_clear(&foreign);
    hk_buffer_clear(&message);
}

/* ---- signing ---- */

static hk_status
make_signer(void *arg)
{
    hk_signer signer;
    const hk_status status = hk_signer_init(&signer, *(const hk_hash *)arg, slice_of("key"), NULL);
    CHECK((signer.mac != NULL) == (status == HK_OK));
    hk_signer_clear(&signer);
    return status;
}

static hk_status
sign(void *arg)
{
    uint8_t digest[HK_DIGEST_MAX];
    return hk_sign(arg, slice_of("message"), digest, NULL);
}

static hk_status
verify(void *arg)
{
    static const uint8_t wrong[HK_DIGEST_MAX];
    const hk_status status =
        hk_verify(arg, slice_of("message"), (hk_slice){wrong, sizeof wrong}, NULL);
    return status == HK_ERR_DIGEST ? HK_OK : status; /* a lack of memory must not look like it */
}

static hk_status
fill_keyring(void *arg)
{
    hk_keyring *ring = hk_keyring_new();
    const hk_signer *signer = NULL;
    hk_refusal why = HK_REFUSALS;
    hk_status status = HK_OK;
    (void)arg;
    if (ring == NULL) {
        return HK_ERR_NOMEM;
    }
    for (uint32_t i = 0; i < 6 && status == HK_OK; i++) {
        status = hk_keyring_add(ring, slice_of("name"), i, slice_of("key"), NULL);
        /* A key that was added has both hashes: a lack of memory must not drop MD5 silently. */
        for (uint32_t hash = 0; hash < HK_HASHES && status == HK_OK; hash++) {
            CHECK_INT(hk_keyring_find(ring, slice_of("name"), i, hash, &signer, &why), HK_OK);
        }
    }
    hk_keyring_free(ring);
    return status;
}

static void
test_keys(void)
{
    hk_hash sha1 = HK_SHA1;
    hk_hash md5 = HK_MD5;
    hk_signer signer;
    sweep("signer of SHA1", make_signer, &sha1, true);
    sweep("signer of MD5", make_signer, &md5, true);
    must(hk_signer_init(&signer, HK_SHA1, slice_of("key"), NULL));
    sweep("sign", sign, &signer, true);
    sweep("verify", verify, &signer, true);
    hk_signer_clear(&signer);
    sweep("keyring", fill_keyring, NULL, true);
}

/* The error queue contains the application's own errors afterwards, and nothing else. */
static void
test_error_queue(void)
{
    for (unsigned long n = 0; n < 20; n++) {
        hk_signer signer;
        ERR_clear_error();
        ERR_raise(ERR_LIB_USER, 77);
        failing_arm(n, false);
        const hk_status status = hk_signer_init(&signer, HK_SHA1, slice_of("key"), NULL);
        if (!failing_disarm()) {
            CHECK_INT(status, HK_OK);
        }
        hk_signer_clear(&signer);
        CHECK_INT(ERR_GET_REASON(ERR_get_error()), 77);
        CHECK_SIZE(ERR_get_error(), 0);
    }
}

static hk_status
make_queue(void *arg)
{
    const hk_queue_settings settings = {
        .capacity = 1u << 20, .frame_max = HK_FRAME_MAX, .window = HK_QUEUE_WINDOW};
    hk_queue *q = NULL;
    hk_error err = {HK_OK, 0, ""};
    (void)arg;
    const hk_status status = hk_queue_open(NULL, &settings, &q, &err);
    CHECK((q != NULL) == (status == HK_OK));
    CHECK_INT(err.status, status);
    hk_queue_free(q);
    return status;
}

/* Opens a queue on disk that holds frames and holes, and begins a segment. */
static hk_status
use_disk(void *arg)
{
    const char *directory = arg;
    hk_queue_settings settings = settings_of(20000);
    uint8_t frame[LARGEST];
    settings.lazy = lazy;
    hk_queue *q = NULL;
    hk_error err = {HK_OK, 0, ""};
    hk_status status = hk_queue_open(directory, &settings, &q, &err);
    CHECK((q != NULL) == (status == HK_OK));
    CHECK_INT(err.status, status);
    if (status == HK_OK) {
        heka_frame_write(frame, 100, 1, 0);
        status = hk_queue_put(q, frame, 100);
        status = status == HK_ERR_FULL ? HK_ERR_NOMEM : status; /* no segment: no room */
        size_t dropped;
        CHECK_INT(hk_queue_drop_oldest(q, 100, REASON, &dropped), HK_OK);
    }
    hk_queue_free(q);
    return status;
}

static void
test_disk(void)
{
    char path[300];
    const char *directory = fresh_directory();
    hk_queue *q = open_queue(directory, 20000);
    put_many(q, 100, 25);
    hk_queue_free(q);
    (void)snprintf(path, sizeof path, "%s/%020u.heka", directory, 10);
    const int fd = open(path, O_RDWR);
    for (off_t at = 100; at < 900; at += 200) {
        CHECK_INT(pwrite(fd, "torn", 4, at), 4);
    }
    CHECK_INT(pwrite(fd, "\x1e", 1, 999), 1); /* the beginning of one more, at the end */
    (void)close(fd);
    sweep("queue on disk", use_disk, (void *)(uintptr_t)directory, false);
    lazy = true;
    sweep("lazy queue on disk", use_disk, (void *)(uintptr_t)directory, false);
    lazy = false;
    remove_directory(directory);
}

/* ---- regular expressions ---- */

/* Compiles an expression and searches a subject that has to be repaired. Where the JIT has no
 * memory the interpreter serves. */
static hk_status
use_regex(void *arg)
{
    static const uint8_t subject[] = "abcabcx\xff: 12";
    hk_regex *regex = NULL;
    size_t column;
    const char *expected;
    hk_regex_result result = HK_REGEX_NOMEM;
    hk_status status = hk_regex_compile(slice_of(arg), &regex, &column, &expected);
    CHECK((regex != NULL) == (status == HK_OK));
    if (status != HK_OK) {
        return status;
    }
    hk_regex_scratch *scratch = hk_regex_scratch_new();
    if (scratch != NULL) {
        result = hk_regex_search(regex, scratch, (hk_slice){subject, sizeof subject - 1});
        hk_regex_scratch_free(scratch);
    }
    hk_regex_free(regex);
    CHECK(result == HK_REGEX_YES || result == HK_REGEX_NOMEM);
    return result == HK_REGEX_YES ? HK_OK : HK_ERR_NOMEM;
}

static void
test_regex(void)
{
    char easy[] = "[xyz].:";
    char guarded[] = "(?P<a>(a|b|c)+)(?P<b>x)\\x{FFFD}:\\s*\\d{2,}$";
    char literal[] = "^(abc|def)";
    sweep("regex, easy", use_regex, easy, true);
    sweep("regex, guarded", use_regex, guarded, true);
    sweep("regex, literal", use_regex, literal, true);
}

/* ---- matchers ---- */

/* The last clause alone is true, and needs the engine. */
static hk_status
match_message(void *arg)
{
    hk_match *match = NULL;
    hk_match_scratch scratch = {.regex = NULL};
    hk_match_error err = {HK_OK, 0, ""};
    hk_status status = hk_match_compile(*(const hk_slice *)arg, HK_DIALECT_HEKA, &match, &err);
    const hk_message message = {.type = slice_of("b\xff"), .payload = slice_of("a")};
    CHECK((match != NULL) == (status == HK_OK));
    CHECK_INT(err.status, status);
    if (status == HK_OK) {
        status = hk_match_scratch_init(&scratch, match);
    }
    if (status == HK_OK && !hk_match_run(match, &message, slice_of(""), &scratch)) {
        status = HK_ERR_NOMEM;
        CHECK(scratch.failed);
    }
    hk_match_scratch_clear(&scratch);
    hk_match_free(match);
    return status;
}

static void
test_matcher(void)
{
    hk_slice text = slice_of(
        "Type == 'a' || Type == 'c' || Payload =~ /b/ || Type =~ /^z/ || "
        "Uuid > 'x' || Pid == 1 || Type =~ /^[b-z]+.$/");
    sweep("matcher", match_message, &text, true);
}

/* ---- reading ---- */

typedef struct {
    hk_buffer stream;
    hk_keyring *ring;
    size_t chunk;
    bool by_blocks;
    size_t frames; /* of the last run */
    size_t retries;
} reading;

/* Reads the next frame or block; adds its frames to in->frames. */
static hk_status
read_next(reading *in, hk_reader *r, hk_block *block)
{
    hk_frame frame;
    const hk_status status =
        in->by_blocks ? hk_reader_next_block(r, block, NULL) : hk_reader_next(r, &frame, NULL);
    if (status == HK_OK) {
        in->frames += in->by_blocks ? block->count : 1;
    } else {
        CHECK_SIZE(block->count, 0);
    }
    return status;
}

/* Reads the stream; after HK_ERR_NOMEM it repeats the call, as hk_reader.h allows. */
static hk_status
read_stream(void *arg)
{
    reading *in = arg;
    hk_reader r;
    hk_block block;
    hk_status status = HK_ERR_TRUNCATED;
    hk_status worst = HK_OK;

    in->frames = 0;
    hk_block_init(&block);
    hk_reader_init(&r, HK_MESSAGE_MAX, in->ring, false);
    for (size_t at = 0; at < in->stream.len && status == HK_ERR_TRUNCATED; at += in->chunk) {
        const size_t left = in->stream.len - at;
        const size_t n = in->chunk < left ? in->chunk : left;
        hk_reader_feed(&r, in->stream.data + at, n);
        while ((status = read_next(in, &r, &block)) != HK_ERR_TRUNCATED) {
            CHECK_SIZE(
                r.delivered_bytes + r.refused_bytes + r.discarded_bytes + hk_reader_pending(&r),
                at + n);
            if (status == HK_OK) {
                continue;
            }
            worst = status;
            in->retries++;
            (void)failing_disarm();
        }
    }
    hk_block_clear(&block);
    hk_reader_clear(&r);
    return worst;
}

/* The same, but calls hk_reader_abandon at the first failure, inside a chunk. */
static hk_status
abandon_stream(void *arg)
{
    reading *in = arg;
    hk_reader r;
    hk_frame frame;
    hk_status status = HK_ERR_TRUNCATED;
    size_t fed = 0;

    hk_reader_init(&r, HK_MESSAGE_MAX, in->ring, false);
    while (fed < in->stream.len && (status == HK_ERR_TRUNCATED)) {
        const size_t left = in->stream.len - fed;
        const size_t n = in->chunk < left ? in->chunk : left;
        hk_reader_feed(&r, in->stream.data + fed, n);
        fed += n;
        do {
            status = hk_reader_next(&r, &frame, NULL);
        } while (status == HK_OK);
    }
    hk_reader_close(&r);
    CHECK_SIZE(hk_reader_pending(&r), 0);
    CHECK_SIZE(r.delivered_bytes + r.refused_bytes + r.discarded_bytes, fed);
    hk_reader_clear(&r);
    return status == HK_ERR_TRUNCATED ? HK_OK : status;
}

/* Arms each allocation of a run in turn; every frame is delivered all the same. */
static void
read_without_memory(reading *in)
{
    for (int once = 0; once < 2; once++) {
        for (unsigned long n = 0; n < NEVER; n++) {
            in->retries = 0;
            failing_arm(n, once == 1);
            const hk_status status = read_stream(in);
            /* Disarmed at the first visible failure, so the status shows whether one happened. */
            const bool failed = failing_disarm() || status != HK_OK;
            CHECK_SIZE(in->frames, 16);
            CHECK((in->retries > 0) == (status != HK_OK));
            ERR_clear_error();
            if (!failed) {
                break;
            }
        }
    }
}

/* Copies of the frames of a block that has a Message which is not canonical. */
static hk_status
copy_block(void *arg)
{
    const hk_buffer *stream = arg;
    const bool keep[] = {true, false, true, true};
    hk_reader r;
    hk_block block;
    hk_block some;
    hk_block_init(&block);
    hk_block_init(&some);
    hk_reader_init(&r, HK_MESSAGE_MAX, NULL, false);
    hk_reader_feed(&r, stream->data, stream->len);
    hk_status status = hk_reader_next_block(&r, &block, NULL);
    if (status == HK_OK && block.count < 4) {
        status = HK_ERR_NOMEM; /* a failure within the run ended it */
    }
    status = status == HK_OK ? hk_block_select(&some, &block, keep, NULL) : status;
    CHECK_SIZE(some.count, status == HK_OK ? 3 : 0);
    status = status == HK_OK ? hk_block_own(&block, NULL) : status;
    hk_block_clear(&some);
    hk_block_clear(&block);
    hk_reader_clear(&r);
    return status;
}

static void
test_blocks(void)
{
    hk_buffer stream = sample_buffer();
    hk_buffer message = sample_buffer();
    for (uint64_t seed = 1; seed <= 4; seed++) {
        message.len = 0;
        (seed == 3 ? sample_foreign : sample_message)(&message, seed);
        put_frame(&stream, message.data, message.len, NULL);
    }
    sweep("blocks", copy_block, &stream, false);
    hk_buffer_clear(&message);
    hk_buffer_clear(&stream);
}

static void
test_reader(void)
{
    reading in = {.stream = sample_buffer(), .ring = hk_keyring_new(), .chunk = 700};
    hk_identity identity = sample_identity("name", 1, HK_SHA1, "key");
    hk_buffer message = sample_buffer();
    must(hk_keyring_add(in.ring, slice_of("name"), 1, slice_of("key"), NULL));
    for (uint64_t seed = 1; seed <= 12; seed++) {
        message.len = 0;
        sample_message(&message, seed);
        put_hex(&in.stream, "1e1f00");
        put_frame(&in.stream, message.data, message.len, seed % 2 == 0 ? &identity : NULL);
    }
    for (uint64_t seed = 1; seed <= 4; seed++) { /* one behind the other */
        message.len = 0;
        (seed % 2 == 0 ? sample_foreign : sample_message)(&message, seed);
        put_frame(&in.stream, message.data, message.len, NULL);
    }
    for (int blocks = 0; blocks < 2; blocks++) {
        in.by_blocks = blocks == 1;
        CHECK_INT(read_stream(&in), HK_OK);
        CHECK_SIZE(in.frames, 16);
        read_without_memory(&in);
    }
    sweep("reader, abandoned", abandon_stream, &in, true);
    hk_buffer_clear(&message);
    hk_identity_clear(&identity);
    hk_keyring_free(in.ring);
    hk_buffer_clear(&in.stream);
}

/* A value without memory is dropped and counted; a flush without memory fails. */
static hk_status
use_stats(void *arg)
{
    const hk_slice name = slice_of("s");
    const hk_stats_options options = {.dialect = HK_STATS_STATSD,
                                      .interval = 10,
                                      .prefixes = {name, name, name, name, name, name},
                                      .max_stats = 100,
                                      .max_values = 100};
    hk_stats *stats = NULL;
    hk_stats_account account;
    hk_buffer out;
    (void)arg;
    hk_status status = hk_stats_new(&options, &stats, NULL);
    if (status != HK_OK) {
        return status;
    }
    const hk_stats_fed fed =
        hk_stats_feed(stats, slice_of("a:1|c\nb:1|ms:2|ms:3|ms:4|ms:5|ms:6|ms:7|ms:8|ms:9|ms\n"
                                      "c:a|s\nc:b|s\nc:c|s\nc:d|s\nc:e|s\nd:1|g"));
    hk_stats_look(stats, &account);
    CHECK_SIZE(account.dropped_keys + account.dropped_values, fed.lost);
    hk_buffer_init(&out, NULL, 0, HK_LENGTH_MAX);
    status = hk_stats_flush(stats, 1, &out, NULL);
    hk_buffer_clear(&out);
    hk_stats_free(stats);
    return status == HK_OK && fed.lost > 0 ? HK_ERR_NOMEM : status;
}

int
main(void)
{
    if (!failing_start()) {
        printf("libcrypto cannot be put on the failing allocator\n");
        return 1;
    }
    prepare_crypto();
    printf("\n");
    test_messages();
    test_keys();
    test_error_queue();
    sweep("queue", make_queue, NULL, false);
    sweep("stats", use_stats, NULL, false);
    test_disk();
    test_blocks();
    test_regex();
    test_matcher();
    test_reader();
    return check_report();
}
