#include "weir/config/utf8.h"

/* A first byte's bits, the length they announce, and the least character that needs it. */
struct form {
    unsigned char mask, bits;
    size_t len;
    uint32_t least;
};

static const struct form forms[] = {
    {0x80, 0x00, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

static const struct form *find_form(unsigned char first)
{
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
        if ((first & forms[i].mask) == forms[i].bits)
            return &forms[i];
    return NULL;
}

size_t weir_utf8_read(const char *text, uint32_t *character)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const struct form *form = find_form(bytes[0]);

    if (form == NULL)
        return 0;
    uint32_t value = bytes[0] & (unsigned char)~form->mask;
    for (size_t i = 1; i < form->len; i++) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3fu);
    }
    if (value < form->least || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *character = value;
    return form->len;
}

bool weir_utf8_is_valid(const char *text)
{
    size_t len = 1;
    uint32_t character;

    for (; *text != '\0' && len > 0; text += len)
        len = weir_utf8_read(text, &character);
    return len > 0;
}
