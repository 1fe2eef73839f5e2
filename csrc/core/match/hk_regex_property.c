/* hk_regex_property.c -- categories and scripts of Unicode in RE2's syntax, for PCRE2. */
#include "hk_regex_property.h"

#include <stdio.h>
#include <string.h>

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
is_word(int c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

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
        for (; is_word(hk_regex_peek(c, 0)); c->at++) {
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

hk_status
hk_regex_property(hk_regex_cursor *c)
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
        return negated ? HK_OK : hk_regex_put_range(c, 0, HK_REGEX_RUNE_MAX);
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
