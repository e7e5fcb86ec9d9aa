#include "text.h"

#include "weir/config/utf8.h"

#include <langinfo.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <wchar.h>

bool weir_text_init(void)
{
    bool is_utf8 = setlocale(LC_CTYPE, "") && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

    if (!is_utf8)
        setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters */
    return is_utf8;
}

/* The width that the C library knows; without it, one. */
static size_t width_of(uint32_t character)
{
    int width = wcwidth((wchar_t)character);

    return width < 0 ? 1 : (size_t)width;
}

static bool is_harmless(uint32_t character)
{
    return character >= 0x20 && (character < 0x7f || character > 0x9f) && character != 0xad &&
           character != 0x61c && (character < 0x200b || character > 0x200f) &&
           (character < 0x2028 || character > 0x202e) &&
           (character < 0x2060 || character > 0x206f) && character != 0xfeff &&
           (character < 0xe0000 || character > 0xe0fff) && wcwidth((wchar_t)character) != 0;
}

void weir_text_clean(char *text, bool is_ascii)
{
    char *to = text;
    uint32_t character;

    while (*text) {
        size_t len = weir_utf8_read(text, &character);

        if (len > 0 && is_harmless(character) && (!is_ascii || character < 0x80)) {
            memmove(to, text, len);
            to += len;
        } else {
            *to++ = '?';
        }
        text += len > 0 ? len : 1;
    }
    *to = '\0';
}

size_t weir_text_width(const char *text)
{
    size_t width = 0;

    for (uint32_t character; *text;) {
        size_t len = weir_utf8_read(text, &character);

        width += len > 0 ? width_of(character) : 1;
        text += len > 0 ? len : 1;
    }
    return width;
}

size_t weir_text_fit(const char *text, size_t columns)
{
    const char *at = text;

    for (uint32_t character; *at;) {
        size_t len = weir_utf8_read(at, &character);
        size_t width = len > 0 ? width_of(character) : 1;

        if (width > columns)
            break;
        columns -= width;
        at += len > 0 ? len : 1;
    }
    return (size_t)(at - text);
}
