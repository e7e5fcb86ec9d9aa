#include "origin_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PERIOD = 65520, LINE = 16, DIGITS_MAX = 20 };

/* Two periods, so that a whole one can be copied from any place in the first. */
static char pattern[2 * PERIOD + 1];

void origin_pattern_init(void)
{
    for (unsigned i = 0; i < 2 * PERIOD / LINE; i++)
        snprintf(pattern + (size_t)i * LINE, LINE + 1, "weir origin %03x\n", i % (PERIOD / LINE));
}

void origin_out_bytes(struct origin_out *out, const void *data, size_t len)
{
    if (out->size - out->len < len) {
        out->size = (out->len + len) * 2;
        out->data = realloc(out->data, out->size);
        if (!out->data)
            abort();
    }
    if (len)
        memcpy(out->data + out->len, data, len);
    out->len += len;
}

void origin_out_text(struct origin_out *out, const char *text)
{
    origin_out_bytes(out, text, strlen(text));
}

static void out_base(struct origin_out *out, uint64_t number, unsigned base)
{
    char digits[DIGITS_MAX];
    size_t at = sizeof(digits);
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    origin_out_bytes(out, digits + at, sizeof(digits) - at);
}

void origin_out_number(struct origin_out *out, uint64_t number)
{
    out_base(out, number, 10);
}

void origin_out_hex(struct origin_out *out, uint64_t number)
{
    out_base(out, number, 16);
}

void origin_out_pattern(struct origin_out *out, size_t len, uint64_t offset)
{
    while (len) {
        size_t piece = len < PERIOD ? len : PERIOD;
        origin_out_bytes(out, pattern + offset % PERIOD, piece);
        offset += piece;
        len -= piece;
    }
}
