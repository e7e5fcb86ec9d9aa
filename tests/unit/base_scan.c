/* Held against the plainest way to find the same. */
#include "weir/base/scan.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdlib.h>

enum { LEN_MAX = 40 };

static const char *plain_by_byte(const char *text, const char *end, unsigned char low)
{
    while (text < end && (unsigned char)*text >= low && (unsigned char)*text <= 0x7e)
        text++;
    return text;
}

static const char *name_by_byte(const char *text, const char *end)
{
    while (text < end && (isalpha((unsigned char)*text) || *text == '-'))
        text++;
    return text;
}

/* Sixteen bytes at least, with AT the only one that may not belong; each beginning in them. The
 * memory ends where the text does, so that a sanitizer sees who reads on. */
static void compare(size_t len, size_t at, unsigned char odd)
{
    char *text = malloc(len);
    const char *end = text + len;

    memset(text, 'm', len);
    text[at] = (char)odd;
    for (const char *from = text; from <= end; from++) {
        cr_assert_eq(weir_scan_plain(from, end, ' '), plain_by_byte(from, end, ' '),
                     "%02x at %zu of %zu", odd, at, len);
        cr_assert_eq(weir_scan_plain(from, end, '!'), plain_by_byte(from, end, '!'),
                     "%02x at %zu of %zu", odd, at, len);
        cr_assert_eq(weir_scan_name(from, end), name_by_byte(from, end), "%02x at %zu of %zu", odd,
                     at, len);
    }
    free(text);
}

Test(base_scan, every_byte_at_every_place)
{
    for (size_t len = WEIR_SCAN_BYTES; len <= LEN_MAX; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned odd = 0; odd < 256; odd++)
                compare(len, at, (unsigned char)odd);
        }
    }
}
