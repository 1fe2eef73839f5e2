/* hk_regex_class.c -- reads characters, escapes and character classes of RE2, and writes them for
 * PCRE2. */
#include "hk_regex_class.h"

#include <stdio.h>
#include <string.h>

/* Letters outside ASCII that (?i) takes for ASCII ones. */
#define LONG_S 0x17fu
#define KELVIN 0x212au

hk_status
hk_regex_fail(hk_regex_cursor *c, hk_status status, size_t column, const char *expected)
{
    c->column = column;
    c->expected = expected;
    return status;
}

hk_status
hk_regex_put(hk_regex_cursor *c, const char *text)
{
    const hk_status status = hk_buffer_append(c->out, (const uint8_t *)text, strlen(text));
    return status == HK_ERR_TOO_BIG ? hk_regex_fail(c, status, c->at, "a smaller expression")
                                    : status;
}

static bool
is_alnum(uint32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static int
hex_digit(int c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool
is_surrogate(uint32_t rune)
{
    return rune >= 0xd800 && rune <= 0xdfff;
}

hk_status
hk_regex_put_rune(hk_regex_cursor *c, uint32_t rune)
{
    char text[16];
    (void)snprintf(text, sizeof text, is_alnum(rune) ? "%c" : "\\x{%x}", rune);
    return hk_regex_put(c, text);
}

uint32_t
hk_regex_rune(hk_regex_cursor *c)
{
    const uint8_t *in = c->pattern.data + c->at;
    const size_t n = in[0] < 0x80 ? 1 : in[0] < 0xe0 ? 2 : in[0] < 0xf0 ? 3 : 4;
    uint32_t rune = n == 1 ? in[0] : in[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        rune = rune << 6 | (in[i] & 0x3fu);
    }
    c->at += n;
    return rune;
}

/* ---- escapes of one character ---- */

/* The digits of \x, which begin at c->at. */
static hk_status
read_hexadecimal(hk_regex_cursor *c, size_t start, uint32_t *rune)
{
    const bool braces = hk_regex_peek(c, 0) == '{';
    size_t digits = 0;
    *rune = 0;
    c->at += braces;
    for (int digit; (digit = hex_digit(hk_regex_peek(c, 0))) >= 0; digits++) {
        if (!braces && digits == 2) {
            break;
        }
        *rune = *rune * 16 + (uint32_t)digit;
        if (*rune > HK_REGEX_RUNE_MAX) {
            return hk_regex_fail(c, HK_ERR_CORRUPT, start, "a code point of at most \\x{10FFFF}");
        }
        c->at++;
    }
    if (digits == 0 || (braces ? hk_regex_peek(c, 0) != '}' : digits != 2)) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, "\\x7F or \\x{10FFFF}");
    }
    c->at += braces;
    return is_surrogate(*rune)
               ? hk_regex_fail(c, HK_ERR_CORRUPT, start, "a code point that is no surrogate")
               : HK_OK;
}

hk_status
hk_regex_escape(hk_regex_cursor *c, uint32_t *rune)
{
    static const char names[] = "afnrtv";
    static const char values[] = "\a\f\n\r\t\v";
    const size_t start = c->at;
    const int letter = hk_regex_peek(c, 1);
    if (letter < 0) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, "a character after the backslash");
    }
    c->at += 2;
    if (letter == 'x') {
        return read_hexadecimal(c, start, rune);
    }
    const int next = hk_regex_peek(c, 0);
    if (letter == '0' || (letter >= '1' && letter <= '7' && next >= '0' && next <= '7')) {
        *rune = (uint32_t)letter - '0'; /* octal, up to three digits */
        for (int i = 0; i < 2; i++) {
            const int digit = hk_regex_peek(c, 0);
            if (digit < '0' || digit > '7') {
                break;
            }
            *rune = *rune * 8 + (uint32_t)digit - '0';
            c->at++;
        }
        return HK_OK;
    }
    const char *name = strchr(names, letter);
    if (letter != 0 && name != NULL) {
        *rune = (uint8_t)values[name - names];
        return HK_OK;
    }
    if (letter < 0x80 && !is_alnum((uint32_t)letter)) {
        *rune = (uint32_t)letter;
        return HK_OK;
    }
    return hk_regex_fail(c, HK_ERR_CORRUPT, start,
                         letter >= '1' && letter <= '9'
                             ? "no back-reference: RE2 has none"
                             : "an escape of RE2, such as \\d \\w \\s \\b \\n \\x7F \\pL or \\.");
}

/* ---- sets of ASCII characters ---- */

/* A set of ASCII characters, by two words of 64 bits. */
typedef struct {
    uint64_t bits[2];
} ascii_set;

static void
set_add(ascii_set *set, unsigned low, unsigned high)
{
    for (unsigned i = low; i <= high; i++) {
        set->bits[i / 64] |= UINT64_C(1) << i % 64;
    }
}

static bool
set_has(const ascii_set *set, unsigned i)
{
    return (set->bits[i / 64] >> i % 64 & 1) != 0;
}

/* Ranges as pairs of characters, "09AZ", of which the text holds len bytes. */
static ascii_set
set_of(const char *pairs, size_t len)
{
    ascii_set set = {{0, 0}};
    for (size_t i = 0; i + 1 < len; i += 2) {
        set_add(&set, (uint8_t)pairs[i], (uint8_t)pairs[i + 1]);
    }
    return set;
}

/* Adds the other case of each letter. */
static void
set_fold(ascii_set *set)
{
    for (unsigned i = 'A'; i <= 'Z'; i++) {
        const unsigned lower = i + ('a' - 'A');
        if (set_has(set, i) || set_has(set, lower)) {
            set_add(set, i, i);
            set_add(set, lower, lower);
        }
    }
}

static hk_status
put_range(hk_regex_cursor *c, uint32_t low, uint32_t high)
{
    hk_status status = hk_regex_put_rune(c, low);
    if (status == HK_OK && high > low) {
        status = hk_regex_put(c, "-");
        status = status == HK_OK ? hk_regex_put_rune(c, high) : status;
    }
    return status;
}

/* Writes the set, or all other code points, as ranges of a class. The complement of a set that is
 * closed under folding is so too: under (?i) PCRE2 adds nothing to it. */
static hk_status
put_set(hk_regex_cursor *c, ascii_set set, bool negated)
{
    hk_status status = HK_OK;
    bool long_s = false;
    bool kelvin = false;
    if ((c->flags & HK_REGEX_FOLD) != 0) {
        set_fold(&set);
        long_s = set_has(&set, 's');
        kelvin = set_has(&set, 'k');
    }
    for (unsigned i = 0; i < 128 && status == HK_OK; i++) {
        unsigned end = i;
        if (set_has(&set, i) == negated) {
            continue;
        }
        while (end + 1 < 128 && set_has(&set, end + 1) != negated) {
            end++;
        }
        status = put_range(c, i, end);
        i = end;
    }
    if (status != HK_OK) {
        return status;
    }
    if (!negated) {
        status = long_s ? hk_regex_put_rune(c, LONG_S) : HK_OK;
        return status == HK_OK && kelvin ? hk_regex_put_rune(c, KELVIN) : status;
    }
    uint32_t from = 0x80;
    if (long_s) {
        status = put_range(c, from, LONG_S - 1);
        from = LONG_S + 1;
    }
    if (status == HK_OK && kelvin) {
        status = put_range(c, from, KELVIN - 1);
        from = KELVIN + 1;
    }
    return status == HK_OK ? put_range(c, from, HK_REGEX_RUNE_MAX) : status;
}

typedef struct {
    const char *name;
    const char *pairs;
    size_t len; /* of pairs, as they may hold NUL */
} named_set;

#define NAMED(name, pairs)             \
    {                                  \
        name, pairs, sizeof(pairs) - 1 \
    }

/* \s has no vertical tab, [[:space:]] has it: RE2's, and Go's. */
static const named_set perl_sets[] = {NAMED("d", "09"), NAMED("s", "\t\n\f\r  "),
                                      NAMED("w", "09AZ__az")};
static const named_set posix_sets[] = {NAMED("alnum", "09AZaz"),
                                       NAMED("alpha", "AZaz"),
                                       NAMED("ascii", "\0\x7f"),
                                       NAMED("blank", "\t\t  "),
                                       NAMED("cntrl", "\0\x1f\x7f\x7f"),
                                       NAMED("digit", "09"),
                                       NAMED("graph", "!~"),
                                       NAMED("lower", "az"),
                                       NAMED("print", " ~"),
                                       NAMED("punct", "!/:@[`{~"),
                                       NAMED("space", "\t\r  "),
                                       NAMED("upper", "AZ"),
                                       NAMED("word", "09AZaz__"),
                                       NAMED("xdigit", "09AFaf")};

static const named_set *
find_set(const named_set *sets, size_t count, const uint8_t *name, size_t len)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(sets[i].name) == len && memcmp(sets[i].name, name, len) == 0) {
            return &sets[i];
        }
    }
    return NULL;
}

/* ---- properties of Unicode ---- */

/* General categories but Cn, which RE2 has not; C is written out, as PCRE2's holds Cn. */
static const char categories[] =
    " C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So"
    " Z Zl Zp Zs ";

/* Scripts of Unicode 12.1, which PCRE2 10.34 knows. */
static const char scripts[] =
    " Adlam Ahom Anatolian_Hieroglyphs Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak"
    " Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian"
    " Caucasian_Albanian Chakma Cham Cherokee Common Coptic Cuneiform Cypriot Cyrillic Deseret"
    " Devanagari Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic Ethiopic Georgian Glagolitic"
    " Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Han Hangul Hanifi_Rohingya Hanunoo"
    " Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi"
    " Inscriptional_Parthian Javanese Kaithi Kannada Katakana Kayah_Li Kharoshthi Khmer Khojki"
    " Khudawadi Lao Latin Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar"
    " Malayalam Mandaic Manichaean Marchen Masaram_Gondi Medefaidrin Meetei_Mayek Mende_Kikakui"
    " Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean"
    " Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Old_Hungarian"
    " Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic"
    " Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi"
    " Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sogdian"
    " Sora_Sompeng Soyombo Sundanese Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet"
    " Takri Tamil Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Ugaritic Vai Wancho"
    " Warang_Citi Yi Zanabazar_Square ";

static bool
listed(const char *list, const char *name)
{
    char word[64];
    (void)snprintf(word, sizeof word, " %s ", name);
    return strstr(list, word) != NULL;
}

/* Copies the name of a property, which begins after \p, and reads it. */
static bool
read_property(hk_regex_cursor *c, char *name, size_t size, bool *negated)
{
    size_t len = 0;
    if (hk_regex_peek(c, 0) != '{') {
        if (hk_regex_peek(c, 0) < 'A' || hk_regex_peek(c, 0) > 'Z') {
            return false;
        }
        name[len++] = (char)c->pattern.data[c->at++];
    } else {
        c->at++;
        if (hk_regex_peek(c, 0) == '^') {
            *negated = !*negated;
            c->at++;
        }
        for (; is_alnum((uint32_t)hk_regex_peek(c, 0)) || hk_regex_peek(c, 0) == '_'; c->at++) {
            if (len + 1 >= size) {
                return false;
            }
            name[len++] = (char)c->pattern.data[c->at];
        }
        if (hk_regex_peek(c, 0) != '}') {
            return false;
        }
        c->at++;
    }
    name[len] = '\0';
    return len > 0;
}

/* \pN \p{Greek} \PN \p{^Greek}, from the backslash on, as a part of a class. */
static hk_status
put_property(hk_regex_cursor *c)
{
    static const char unknown[] =
        "a category such as \\pL or \\p{Lu}, or a script such as \\p{Greek}";
    const size_t start = c->at;
    bool negated = c->pattern.data[c->at + 1] == 'P';
    char name[40];
    char text[60];
    c->at += 2;
    if (!read_property(c, name, sizeof name, &negated)) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, unknown);
    }
    if (strcmp(name, "Any") == 0) {
        return negated ? HK_OK : put_range(c, 0, HK_REGEX_RUNE_MAX);
    }
    const bool script = listed(scripts, name);
    if (!script && !listed(categories, name)) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start, unknown);
    }
    if ((c->flags & HK_REGEX_FOLD) != 0) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, start,
                             "no property of Unicode under (?i): PCRE2 folds it otherwise");
    }
    if (strcmp(name, "C") == 0) {
        return hk_regex_put(c, negated ? "\\P{C}\\p{Cn}" : "\\p{Cc}\\p{Cf}\\p{Co}\\p{Cs}");
    }
    (void)snprintf(text, sizeof text, "\\%c{%s%s}", negated ? 'P' : 'p',
                   script && c->script_prefix ? "sc:" : "", name);
    return hk_regex_put(c, text);
}

/* What is written for a class without any code point. */
static const char nothing[] = "[^\\x{0}-\\x{10ffff}]";

/* The parts of a class that can stand by themselves; *found as in hk_regex_class_escape. */
static hk_status
put_class_escape(hk_regex_cursor *c, bool *found)
{
    const int letter = hk_regex_peek(c, 1);
    *found = false;
    if (hk_regex_peek(c, 0) != '\\' || letter < 0) {
        return HK_OK;
    }
    if (letter == 'p' || letter == 'P') {
        *found = true;
        return put_property(c);
    }
    const uint8_t lower = (uint8_t)(letter | 0x20);
    const named_set *set = find_set(perl_sets, 3, &lower, 1);
    if (set == NULL || (letter != lower && letter + 0x20 != lower)) {
        return HK_OK;
    }
    *found = true;
    c->at += 2;
    return put_set(c, set_of(set->pairs, set->len), letter != lower);
}

hk_status
hk_regex_class_escape(hk_regex_cursor *c, bool *found)
{
    const size_t start = c->out->len;
    hk_status status = hk_regex_put(c, "[");
    const size_t inner = c->out->len;
    status = status == HK_OK ? put_class_escape(c, found) : status;
    if (status == HK_OK && !*found) {
        c->out->len = start;
    } else if (status == HK_OK && c->out->len == inner) {
        c->out->len = start;
        status = hk_regex_put(c, nothing);
    } else if (status == HK_OK) {
        status = hk_regex_put(c, "]");
    }
    return status;
}

/* ---- classes in brackets ---- */

/* [:alpha:] and [:^alpha:], if such a part stands there. */
static hk_status
put_posix(hk_regex_cursor *c, bool *found)
{
    *found = false;
    if (hk_regex_peek(c, 0) != '[' || hk_regex_peek(c, 1) != ':') {
        return HK_OK;
    }
    const uint8_t *name = c->pattern.data + c->at + 2;
    const size_t left = c->pattern.len - c->at - 2;
    const uint8_t *end = memmem(name, left, ":]", 2);
    if (end == NULL) {
        return HK_OK; /* RE2 then reads a bracket and a colon */
    }
    const bool negated = name < end && *name == '^';
    const named_set *set = find_set(posix_sets, sizeof posix_sets / sizeof posix_sets[0],
                                    name + negated, (size_t)(end - name) - negated);
    if (set == NULL) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, c->at, "a class such as [:alpha:]");
    }
    *found = true;
    c->at = (size_t)(end - c->pattern.data) + 2;
    return put_set(c, set_of(set->pairs, set->len), negated);
}

static hk_status
read_member(hk_regex_cursor *c, size_t open, uint32_t *rune)
{
    if (hk_regex_peek(c, 0) < 0) {
        return hk_regex_fail(c, HK_ERR_CORRUPT, open, "a ] that closes the class");
    }
    if (hk_regex_peek(c, 0) == '\\') {
        return hk_regex_escape(c, rune);
    }
    *rune = hk_regex_rune(c);
    return HK_OK;
}

/* One character or a range. */
static hk_status
put_members(hk_regex_cursor *c, size_t open)
{
    const size_t start = c->at;
    uint32_t low;
    hk_status status = read_member(c, open, &low);
    uint32_t high = low;
    if (status == HK_OK && hk_regex_peek(c, 0) == '-' && hk_regex_peek(c, 1) >= 0 &&
        hk_regex_peek(c, 1) != ']') {
        c->at++;
        status = read_member(c, open, &high);
        if (status == HK_OK && high < low) {
            return hk_regex_fail(c, HK_ERR_CORRUPT, start, "a range from low to high");
        }
    }
    return status == HK_OK ? put_range(c, low, high) : status;
}

hk_status
hk_regex_class(hk_regex_cursor *c)
{
    const size_t open = c->at++;
    const size_t start = c->out->len;
    const bool negated = hk_regex_peek(c, 0) == '^';
    c->at += negated;
    hk_status status = hk_regex_put(c, negated ? "[^" : "[");
    const size_t inner = c->out->len;
    for (bool first = true; status == HK_OK; first = false) {
        bool found = false;
        if (hk_regex_peek(c, 0) == ']' && !first) {
            break;
        }
        status = put_posix(c, &found);
        if (status == HK_OK && !found) {
            status = put_class_escape(c, &found);
        }
        if (status == HK_OK && !found) {
            status = put_members(c, open);
        }
    }
    if (status != HK_OK) {
        return status;
    }
    c->at++;
    if (c->out->len == inner) { /* only \P{Any} */
        c->out->len = start;
        return hk_regex_put(c, negated ? "[\\x{0}-\\x{10ffff}]" : nothing);
    }
    return hk_regex_put(c, "]");
}
