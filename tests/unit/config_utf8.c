#include "weir/config/utf8.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct row {
    char text[8];
    size_t len;
    uint32_t character;
};

static struct row rows[] = {
    {"a", 1, 'a'},
    {"\x7f", 1, 0x7f},
    {"\xc2\x80", 2, 0x80},
    {"ä", 2, 0xe4},
    {"€", 3, 0x20ac},
    {"\xef\xbf\xbf", 3, 0xffff},
    {"\xf0\x9f\x8c\x8a", 4, 0x1f30a},
    {"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
    {"\x80", 0, 0},             /* a continuation first */
    {"\xc3", 0, 0},             /* cut short */
    {"\xc3(", 0, 0},            /* no continuation */
    {"\xc0\xaf", 0, 0},         /* too long a form */
    {"\xe0\x80\xaf", 0, 0},     /* too long a form */
    {"\xf0\x80\x80\xaf", 0, 0}, /* too long a form */
    {"\xed\xa0\x80", 0, 0},     /* a surrogate */
    {"\xf4\x90\x80\x80", 0, 0}, /* above U+10FFFF */
    {"\xf8\x88\x80\x80", 0, 0}, /* five bytes */
    {"\xff", 0, 0},
};

ParameterizedTestParameters(config_utf8, reads)
{
    return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(struct row *row, config_utf8, reads)
{
    uint32_t character = 0;

    cr_expect_eq(weir_utf8_read(row->text, &character), row->len, "%s", row->text);
    cr_expect_eq(character, row->character);
    cr_expect_eq(weir_utf8_is_valid(row->text), row->len > 0);
}

Test(config_utf8, looks_at_the_whole_text)
{
    cr_expect(weir_utf8_is_valid(""));
    cr_expect(weir_utf8_is_valid("wéïr 🌊"));
    cr_expect_not(weir_utf8_is_valid("weir \xff"));
}
