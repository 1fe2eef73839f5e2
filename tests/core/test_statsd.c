/* test_statsd.c -- lines of statsd in both dialects: keys, types, rates, several values, tags. */
#include "core/agent/hk_statsd.h"

#include <stdlib.h>

#include "check.h"
#include "sample.h"

/* What a datagram gives, as text: "key kind value@rate" for each value, "LINE" and "VALUE" for what
 * is refused, joined by ", ". The datagram lies in an allocation of exactly its length. */
static const char *
read_all(hk_stats_dialect dialect, const char *data, size_t len)
{
    static char out[4096];
    static const char kinds[] = "ctgs"; /* in the order of hk_stat_kind */
    hk_statsd reader;
    hk_stat stat;
    hk_statsd_step step;
    uint8_t *exact = malloc(len > 0 ? len : 1);
    size_t at = 0;
    if (exact == NULL) {
        abort();
    }
    memcpy(exact, data, len);
    out[0] = '\0';
    hk_statsd_start(&reader, dialect, (hk_slice){exact, len});
    while ((step = hk_statsd_next(&reader, &stat)) != HK_STATSD_END) {
        const char *comma = at == 0 ? "" : ", ";
        const size_t room = sizeof out - at;
        int n;
        if (step != HK_STATSD_STAT) {
            n = snprintf(out + at, room, "%s%s", comma,
                         step == HK_STATSD_BAD_LINE ? "LINE" : "VALUE");
        } else if (stat.kind == HK_STAT_SET) {
            n = snprintf(out + at, room, "%s%.*s s %.*s", comma, (int)stat.key.len,
                         (const char *)stat.key.data, (int)stat.member.len,
                         (const char *)stat.member.data);
        } else {
            n = snprintf(out + at, room, "%s%.*s %c %s%.9g@%.9g", comma, (int)stat.key.len,
                         (const char *)stat.key.data, kinds[stat.kind], stat.is_relative ? "~" : "",
                         stat.value, stat.rate);
        }
        if (n < 0 || (size_t)n >= room) {
            break; /* the text is cut; the comparison shows it */
        }
        at += (size_t)n;
    }
    free(exact);
    return out;
}

typedef struct {
    const char *line;
    const char *heka;
    const char *statsd;
} example;

static void
test_examples(void)
{
    static const example cases[] = {
        {"a:1|c", "a c 1@1", "a c 1@1"},
        {"a:2|ms\nb:3|g\n\n\nc:4|c", "a t 2@1, b g 3@1, c c 4@1", "a t 2@1, b g 3@1, c c 4@1"},
        {" \ta:1|c \t", "a c 1@1", "a c 1@1"},
        {"a:1|c\r\n", "LINE", "a c 1@1"},
        /* types */
        {"a:1|h", "a c 1@1", "a t 1@1"},
        {"a:1|m", "a c 1@1", "a t 1@1"},
        {"a:1|d", "LINE", "a t 1@1"},
        {"a:1|s", "LINE", "a s 1"},
        {"a:|s", "LINE", "a s 0"},
        {"a:1|x\na:1|\na:1|msx\na:1|cc", "LINE, LINE, LINE, LINE", "LINE, LINE, LINE, LINE"},
        /* no key, no ':' or no '|' */
        {":1|c", "LINE", "LINE"},
        {"a\na|c\n|c", "LINE, LINE, LINE", "LINE, LINE, LINE"},
        {"a:\na:1", "LINE, LINE", "LINE, LINE"},
        /* rates */
        {"a:9|c|@0.3", "a c 9@0.300000012", "a c 9@0.3"},
        {"a:9|ms|@.1", "a t 9@0.100000001", "a t 9@0.1"},
        {"a:1|c|@0\na:1|c|@-1\na:1|c|@\na:1|c|@x", "VALUE, VALUE, VALUE, VALUE",
         "VALUE, VALUE, VALUE, VALUE"},
        {"a:1|c|@nan\na:1|c|@inf", "VALUE, VALUE", "VALUE, VALUE"},
        {"a:1|c|@1e-320", "VALUE", "a c 1@9.99988867e-321"}, /* no float is so small */
        {"a:1|c|", "a c 1@1", "LINE"},
        {"a:1|c|0.5", "a c 1@1", "LINE"},
        /* values */
        {"a:16777217|c", "a c 16777216@1", "a c 16777217@1"}, /* heka: a float */
        {"a:0.1|g", "a g 0.1@1", "a g 0.1@1"},
        {"a:-1.5e3|c", "a c -1500@1", "a c -1500@1"},
        {"a:|c\na:x|c\na:nan|g\na:-inf|ms\na:1e999|g\na:0x1|c",
         "VALUE, VALUE, VALUE, VALUE, VALUE, VALUE", "VALUE, VALUE, VALUE, VALUE, VALUE, VALUE"},
        {"a: 1 |c", "VALUE", "a c 1@1"},
        {"a:-1|ms\na:-1|h", "a t -1@1, a c -1@1", "VALUE, a t -1@1"},
        {"a:1e39|c", "VALUE", "a c 1e+39@1"}, /* no float is so large */
        /* gauges */
        {"a:+3|g\na:-3|g\na:3|g", "a g 3@1, a g -3@1, a g 3@1", "a g ~3@1, a g ~-3@1, a g 3@1"},
        {"a:+3|c", "a c 3@1", "a c 3@1"},
        /* keys */
        {"a b/c\xc3\xa9!:1|c", "a b/c\xc3\xa9! c 1@1", "a_b-c c 1@1"},
        {"a  b:1|c", "a  b c 1@1", "a_b c 1@1"},
        {"\xff:1|c", "LINE", "LINE"},
        {"a\tb:1|c\na\x7f:1|c", "LINE, LINE", "a_b c 1@1, a c 1@1"},
        {"a@b:1|c", "a@b c 1@1", "ab c 1@1"},
        {"!:1|c", "! c 1@1", "LINE"},
        {"a;b=c:1|c", "a;b=c c 1@1", "a;b=c c 1@1"},
        /* several values */
        {"a:1|ms:2|ms", "LINE", "a t 1@1, a t 2@1"},
        {"a:1|c:2|ms|@0.5:3|g", "LINE", "a c 1@1, a t 2@0.5, a g 3@1"},
        {"a:1:2:3|ms|@0.5", "VALUE", "a t 1@0.5, a t 2@0.5, a t 3@0.5"},
        {"a:1:x:3|h", "VALUE", "a t 1@1, VALUE, a t 3@1"},
        {"a:1|x:2|c", "LINE", "LINE, a c 2@1"},
        {"a:1|c:", "LINE", "a c 1@1, LINE"},
        {"a:x:y|s", "LINE", "a s x, a s y"},
        /* tags, and the other sections of DogStatsD */
        {"a:1|c|#b:x,a:y", "a c 1@1", "a;a=y;b=x c 1@1"},
        {"a:1|c|@0.5|#b:x", "VALUE", "a;b=x c 1@0.5"},
        {"a:1|c|#b:x|@0.5", "a c 1@0.5", "a;b=x c 1@0.5"},
        {"a:1:2|ms|#b:x|c:ab/1", "VALUE", "a;b=x t 1@1, a;b=x t 2@1"},
        {"a:1|c|T1656581400|#prod,,:z,u:", "a c 1@1", "a;prod=true;u=true c 1@1"},
        {"a:1|c|#b;c:x=1:2 3", "a c 1@1", "a;b_c=x=12_3 c 1@1"},
        {"a:1|c|#", "a c 1@1", "a c 1@1"},
    };
    const size_t count = sizeof cases / sizeof cases[0];
    for (size_t i = 0; i < count; i++) {
        const char *line = cases[i].line;
        CHECK_TEXT(read_all(HK_STATS_HEKA, line, strlen(line)), cases[i].heka);
        CHECK_TEXT(read_all(HK_STATS_STATSD, line, strlen(line)), cases[i].statsd);
    }
}

static void
test_nul_and_nothing(void)
{
    CHECK_TEXT(read_all(HK_STATS_HEKA, "", 0), "");
    CHECK_TEXT(read_all(HK_STATS_HEKA, "a\0b:1|c", 7), "LINE");
    CHECK_TEXT(read_all(HK_STATS_STATSD, "a\0b:1|c\0", 8), "LINE"); /* the type has a NUL */
    CHECK_TEXT(read_all(HK_STATS_STATSD, "a\0b:1|c", 7), "ab c 1@1");
    CHECK_TEXT(read_all(HK_STATS_STATSD, "a:1\0|c\nb:1|c", 12), "VALUE, b c 1@1");
}

/* Appends n times the text. */
static void
put_many(hk_buffer *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put_raw(out, text, strlen(text));
    }
}

static void
test_limits(void)
{
    hk_buffer line = sample_buffer();
    for (size_t len = HK_STATSD_KEY_MAX; len <= HK_STATSD_KEY_MAX + 1; len++) {
        line.len = 0;
        put_many(&line, "k", len);
        put_many(&line, ":1|c", 1);
        const bool fits = len <= HK_STATSD_KEY_MAX;
        for (unsigned dialect = HK_STATS_HEKA; dialect <= HK_STATS_STATSD; dialect++) {
            const char *got =
                read_all((hk_stats_dialect)dialect, (const char *)line.data, line.len);
            CHECK((strcmp(got, "LINE") == 0) == !fits);
        }
    }
    for (size_t tags = HK_STATSD_TAGS_MAX; tags <= HK_STATSD_TAGS_MAX + 1; tags++) {
        line.len = 0;
        put_many(&line, "k:1|c|#", 1);
        put_many(&line, "b:1,", tags);
        const char *got = read_all(HK_STATS_STATSD, (const char *)line.data, line.len - 1);
        CHECK((strcmp(got, "LINE") == 0) == (tags > HK_STATSD_TAGS_MAX));
    }
    line.len = 0;
    put_many(&line, "k:1|c|#b:", 1);
    put_many(&line, "x", HK_STATSD_KEY_MAX);
    CHECK_TEXT(read_all(HK_STATS_STATSD, (const char *)line.data, line.len), "LINE");
    line.len = 0; /* each fits, together with the key they do not */
    put_many(&line, "k", HK_STATSD_KEY_MAX - 3);
    put_many(&line, ":1|c|#b:xyz", 1);
    CHECK_TEXT(read_all(HK_STATS_STATSD, (const char *)line.data, line.len), "LINE");
    hk_buffer_clear(&line);
}

int
main(void)
{
    test_examples();
    test_nul_and_nothing();
    test_limits();
    return check_report();
}
