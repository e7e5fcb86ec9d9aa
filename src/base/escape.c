#include "weir/base/escape.h"

enum { LONGEST = 6 }; /* \u00ff */

static const char digits[] = "0123456789abcdef";

size_t weir_escape_plain_bytes(const unsigned char *c, size_t len)
{
    static const unsigned least[] = {0, 0, 0xa0, 0x800, 0x10000};
    size_t bytes = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
    unsigned code = c[0] & (0xffu >> (bytes + 1));

    if (bytes == 1)
        return c[0] >= 0x20 && c[0] != 0x7f;
    if (c[0] < 0xc2 || c[0] > 0xf4 || bytes > len)
        return 0;
    for (size_t i = 1; i < bytes; i++) {
        if ((c[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (c[i] & 0x3fu);
    }
    if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ||
        code == 0x2028 || code == 0x2029)
        return 0;
    return bytes;
}

/* What most of all text is made of. */
static bool is_simple(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The letter that C has for it, or 0. */
static char letter_of(unsigned char c)
{
    return c == '\r' ? 'r' : c == '\n' ? 'n' : c == '\t' ? 't' : c == '\\' ? '\\' : 0;
}

static size_t escape_byte(enum weir_escape_style style, unsigned char c, char *out)
{
    size_t at = 0;

    if (style == WEIR_ESCAPE_C && c == '"') {
        out[at++] = '"';
        return at;
    }
    out[at++] = '\\';
    if (style == WEIR_ESCAPE_C && letter_of(c)) {
        out[at++] = letter_of(c);
        return at;
    }
    if (style == WEIR_ESCAPE_JSON && (c == '"' || c == '\\')) {
        out[at++] = (char)c;
        return at;
    }
    out[at++] = style == WEIR_ESCAPE_JSON ? 'u' : 'x';
    if (style == WEIR_ESCAPE_JSON) {
        out[at++] = '0';
        out[at++] = '0';
    }
    out[at++] = digits[c >> 4];
    out[at++] = digits[c & 15];
    return at;
}

size_t weir_escape(enum weir_escape_style style, struct weir_slice text, char *out, size_t room,
                   size_t *used)
{
    const unsigned char *from = (const unsigned char *)text.data;
    size_t at = 0, i = 0;

    while (i < text.len) {
        size_t len = 1;
        if (is_simple(from[i])) {
            if (at == room)
                break;
            out[at++] = (char)from[i++];
            continue;
        }
        if (room - at < LONGEST)
            break;
        if (style == WEIR_ESCAPE_JSON && from[i] >= 0x80 &&
            (len = weir_escape_plain_bytes(from + i, text.len - i)) > 0) {
            memcpy(out + at, from + i, len);
            at += len;
            i += len;
        } else {
            at += escape_byte(style, from[i++], out + at);
        }
    }
    *used = i;
    return at;
}
