#include "weir/base/escape.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>

struct escape_row {
    char text[24];
    size_t len; /* 0: of the string */
    char json[64], hex[64];
};

static struct escape_row rows[] = {
    {"", 0, "", ""},
    {"/a?b=c&d~", 0, "/a?b=c&d~", "/a?b=c&d~"},
    {"say \"hi\"", 0, "say \\\"hi\\\"", "say \\x22hi\\x22"},
    {"a\\b", 0, "a\\\\b", "a\\x5cb"},
    {"a\r\nb\tc", 0, "a\\u000d\\u000ab\\u0009c", "a\\x0d\\x0ab\\x09c"},
    {"a\0b", 3, "a\\u0000b", "a\\x00b"},
    {"\x1b[0m\x7f", 0, "\\u001b[0m\\u007f", "\\x1b[0m\\x7f"},
    {"\xc3\xa9\xe2\x82\xac", 0, "\xc3\xa9\xe2\x82\xac", "\\xc3\\xa9\\xe2\\x82\\xac"},
    {"\xf0\x9f\x98\x80", 0, "\xf0\x9f\x98\x80", "\\xf0\\x9f\\x98\\x80"},
    {"\xe9", 0, "\\u00e9", "\\xe9"},                                 /* Latin-1 */
    {"\xc3", 0, "\\u00c3", "\\xc3"},                                 /* cut */
    {"\xc3\xa9", 1, "\\u00c3", "\\xc3"},                             /* cut by the length */
    {"\xc0\x8a", 0, "\\u00c0\\u008a", "\\xc0\\x8a"},                 /* a line end, overlong */
    {"\xed\xa0\x80", 0, "\\u00ed\\u00a0\\u0080", "\\xed\\xa0\\x80"}, /* a surrogate */
    {"\xf4\x90\x80\x80", 0, "\\u00f4\\u0090\\u0080\\u0080", "\\xf4\\x90\\x80\\x80"},
    {"\xc2\x85", 0, "\\u00c2\\u0085", "\\xc2\\x85"},                 /* NEL */
    {"\xe2\x80\xa8", 0, "\\u00e2\\u0080\\u00a8", "\\xe2\\x80\\xa8"}, /* LINE SEPARATOR */
};

ParameterizedTestParameters(base_escape, styles)
{
    return cr_make_param_array(struct escape_row, rows, sizeof(rows) / sizeof(*rows));
}

static void expect(enum weir_escape_style style, const struct escape_row *row, const char *want)
{
    size_t len = row->len > 0 ? row->len : strlen(row->text), used;
    char out[128];
    size_t n = weir_escape(style, weir_slice_make(row->text, len), out, sizeof(out) - 1, &used);

    out[n] = '\0';
    cr_expect_str_eq(out, want);
    cr_expect_eq(used, len);
}

ParameterizedTest(struct escape_row *row, base_escape, styles)
{
    expect(WEIR_ESCAPE_JSON, row, row->json);
    expect(WEIR_ESCAPE_HEX, row, row->hex);
}

Test(base_escape, for_people_as_c_would_write_it)
{
    struct escape_row row = {.text = "say \"hi\"\\\r\n\t\x01\xff"};

    expect(WEIR_ESCAPE_C, &row, "say \"hi\"\\\\\\r\\n\\t\\x01\\xff");
}

Test(base_escape, every_pair_of_bytes_is_a_json_string)
{
    for (unsigned pair = 0; pair < 65536; pair++) {
        char text[3] = {(char)(pair >> 8), (char)pair, 'x'}, out[32] = "[\"";
        size_t used, n = 2;
        n += weir_escape(WEIR_ESCAPE_JSON, weir_slice_make(text, 3), out + n, 24, &used);
        memcpy(out + n, "\"]", 2);
        json_t *array = json_loadb(out, n + 2, JSON_ALLOW_NUL, NULL);
        cr_assert_not_null(array, "%04x", pair);
        json_decref(array);
    }
}

Test(base_escape, it_never_writes_more_than_there_is_room_for)
{
    static const char text[] = "ab\"\n\xc3\xa9z";

    for (size_t room = 0; room < 32; room++) {
        char out[33];
        size_t used;
        memset(out, '#', sizeof(out));
        size_t n = weir_escape(WEIR_ESCAPE_JSON, weir_slice_from(text), out, room, &used);
        cr_expect_leq(n, room);
        cr_expect_leq(used, sizeof(text) - 1);
        cr_expect_eq(out[room], '#');
    }
}
