#include "weir/config/statuses.h"

enum { DIGITS = 3 };

/* Reads a status, and moves on behind it. Fails: 0. */
static unsigned read_status(const char **text)
{
    unsigned status = 0;

    for (int i = 0; i < DIGITS; i++, (*text)++) {
        if (**text < '0' || **text > '9')
            return 0;
        status = status * 10 + (unsigned)(**text - '0');
    }
    return status >= WEIR_STATUS_MIN && status <= WEIR_STATUS_MAX ? status : 0;
}

static const char *skip_spaces(const char *text)
{
    while (*text == ' ')
        text++;
    return text;
}

bool weir_statuses_read(const char *text, struct weir_statuses *statuses, struct weir_why *why)
{
    const char *at = text;

    *statuses = (struct weir_statuses){{0}};
    for (;;) {
        at = skip_spaces(at);
        unsigned first = read_status(&at), last = first;
        if (first != 0 && *at == '-') {
            at++;
            last = read_status(&at);
        }
        if (first == 0 || last == 0)
            break;
        if (last < first)
            return weir_why_set(why, "has a range that ends before it begins; write 200-399");
        for (unsigned i = first; i <= last; i++)
            statuses->bits[i / 64] |= 1ull << i % 64;
        at = skip_spaces(at);
        if (*at == '\0')
            return true;
        if (*at++ != ',')
            break;
    }
    return weir_why_set(why, "is no list of statuses from 100 to 599; write 200-399 or 200,204");
}
