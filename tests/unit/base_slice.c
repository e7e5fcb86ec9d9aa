#include "weir/base/slice.h"

#include <criterion/criterion.h>
#include <inttypes.h>

struct pair {
    const char *a, *b;
    bool is_same, is_alike, has_prefix, has_prefix_alike;
};

static const struct pair pairs[] = {
    {"", "", true, true, true, true},
    {"a", "", false, false, true, true},
    {"", "a", false, false, false, false},
    {"ab", "ab", true, true, true, true},
    {"ab", "AB", false, true, false, true},
    {"aZ", "Az", false, true, false, true},
    {"abc", "ab", false, false, true, true},
    {"abc", "AB", false, false, false, true},
    {"ab", "abc", false, false, false, false},
    /* Only letters have a case: not `@` and `` ` ``, `[` and `{`, nor what is beyond ASCII. */
    {"@", "`", false, false, false, false},
    {"[", "{", false, false, false, false},
    {"-", "\r", false, false, false, false},
    {"\xc4", "\xe4", false, false, false, false},
};

Test(base_slice, comparisons)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        const struct pair *row = &pairs[i];
        struct weir_slice a = weir_slice_from(row->a), b = weir_slice_from(row->b);
        cr_expect_eq(weir_slice_is(a, row->b), row->is_same, "row %zu", i);
        cr_expect_eq(weir_slice_is_equal(a, b), row->is_same, "row %zu", i);
        cr_expect_eq(weir_slice_is_like(a, row->b), row->is_alike, "row %zu", i);
        cr_expect_eq(weir_slice_is_alike(a, b), row->is_alike, "row %zu", i);
        cr_expect_eq(weir_slice_has_prefix(a, b), row->has_prefix, "row %zu", i);
        cr_expect_eq(weir_slice_has_prefix_like(a, row->b), row->has_prefix_alike, "row %zu", i);
    }
}

/* Every byte against every other at this place of texts of this length. */
static void compare_letters(size_t len, size_t place)
{
    for (unsigned i = 0; i < 256 * 256; i++) {
        char one[] = "aBc-1@[{~xy", other[] = "AbC-1@[{~XY";
        unsigned char x = (unsigned char)(i >> 8), y = (unsigned char)i;
        bool is_letter = (x | 0x20) >= 'a' && (x | 0x20) <= 'z';
        bool expected = x == y || (is_letter && (x ^ y) == 0x20);
        one[place] = (char)x;
        other[place] = (char)y;
        bool is_alike = weir_slice_is_alike(weir_slice_make(one, len), weir_slice_make(other, len));
        cr_assert_eq(is_alike, expected, "%02x and %02x at %zu of %zu", x, y, place, len);
    }
}

/* Texts are compared byte by byte, as one word that overlaps itself, or as several. */
Test(base_slice, letters_alone_have_a_case_wherever_they_stand)
{
    static const size_t lens[] = {3, 4, 6, 8, 11};

    for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
        for (size_t place = 0; place < lens[i]; place++)
            compare_letters(lens[i], place);
    }
}

/* NUL is a byte like others, and nothing behind the end counts. */
Test(base_slice, is_its_bytes_and_no_more)
{
    static const struct weir_slice with_nul = WEIR_SLICE("a\0b");

    cr_expect(!weir_slice_is(with_nul, "a"));
    cr_expect(!weir_slice_is_like(with_nul, "a"));
    cr_expect(weir_slice_is(weir_slice_make("abc", 2), "ab"));
    cr_expect(weir_slice_is_equal(weir_slice_make(NULL, 0), weir_slice_from("")));
}

Test(base_slice, trim_takes_spaces_and_tabs_only)
{
    static const char *const rows[][2] = {
        {"", ""},
        {" ", ""},
        {" \t ", ""},
        {"a", "a"},
        {" a", "a"},
        {"a\t", "a"},
        {"\t a b \t", "a b"},
        {"\ra\n", "\ra\n"},
        {"\x0b"
         "a",
         "\x0b"
         "a"},
        {"\xa0"
         "a",
         "\xa0"
         "a"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        cr_expect(weir_slice_is(weir_slice_trim(weir_slice_from(rows[i][0])), rows[i][1]),
                  "row %zu", i);
}

Test(base_slice, elements_of_a_list)
{
    static const struct {
        const char *list;
        const char *elements[4];
    } rows[] = {
        {"", {NULL}},
        {" ", {NULL}},
        {",", {NULL}},
        {" , \t,,", {NULL}},
        {"a", {"a"}},
        {"a,b", {"a", "b"}},
        {" a\t, b c ,", {"a", "b c"}},
        {",,a,,b,,c", {"a", "b", "c"}},
        {"a;b=\"c,d\"", {"a;b=\"c", "d\""}}, /* quotes mean nothing here */
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct weir_slice list = weir_slice_from(rows[i].list), element;
        size_t n = 0;
        while (weir_slice_next_element(&list, &element)) {
            cr_assert(n < 4 && rows[i].elements[n], "row %zu has more", i);
            cr_expect(weir_slice_is(element, rows[i].elements[n]), "row %zu, element %zu", i, n);
            n++;
        }
        cr_expect(n == 4 || !rows[i].elements[n], "row %zu has less", i);
        cr_expect_eq(list.len, 0);
    }
}

Test(base_slice, numbers_are_all_digits)
{
    static const struct {
        struct weir_slice text;
        bool is_number;
        uint64_t number;
    } rows[] = {
        {WEIR_SLICE("0"), true, 0},
        {WEIR_SLICE("000"), true, 0},
        {WEIR_SLICE("42"), true, 42},
        {WEIR_SLICE("00042"), true, 42},
        {WEIR_SLICE("18446744073709551615"), true, UINT64_MAX},
        {WEIR_SLICE("18446744073709551616"), false, 0},
        {WEIR_SLICE("18446744073709551620"), false, 0},
        {WEIR_SLICE("184467440737095516150"), false, 0},
        {WEIR_SLICE(""), false, 0},
        {WEIR_SLICE(" 1"), false, 0},
        {WEIR_SLICE("1 "), false, 0},
        {WEIR_SLICE("+1"), false, 0},
        {WEIR_SLICE("-1"), false, 0},
        {WEIR_SLICE("1a"), false, 0},
        {WEIR_SLICE("0x1"), false, 0},
        {WEIR_SLICE("1\0"), false, 0},
        {WEIR_SLICE("1/"), false, 0},
        {WEIR_SLICE("1:"), false, 0},
        {WEIR_SLICE("\xb1"), false, 0},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        uint64_t number = 4711;
        cr_expect_eq(weir_slice_to_number(rows[i].text, &number), rows[i].is_number, "row %zu", i);
        cr_expect_eq(number, rows[i].is_number ? rows[i].number : 4711, "row %zu: %" PRIu64, i,
                     number);
    }
}
