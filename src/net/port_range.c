#include "weir/net/port_range.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SETTINGS "/proc/sys/net/ipv4/"

/* Reserved ports can be a long list; the rest of a longer one is not looked at. */
enum { TEXT_BYTES = 16 * 1024, PORT_MAX = 65535 };

/* Reads a number and moves behind it. Fails: false. */
static bool read_port(const char **text, unsigned *port)
{
    char *end;
    unsigned long number;

    if (**text < '0' || **text > '9')
        return false;
    number = strtoul(*text, &end, 10);
    if (number > PORT_MAX)
        return false;
    *text = end;
    *port = (unsigned)number;
    return true;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t\n");
}

/* How many ports of FIRST to LAST lie in one element of the list, `80` or `80-89`; the kernel
 * prints elements in order, none twice. */
static bool read_element(const char **text, unsigned first, unsigned last, unsigned *n)
{
    unsigned from, to;

    if (!read_port(text, &from))
        return false;
    to = from;
    if (**text == '-') {
        (*text)++;
        if (!read_port(text, &to))
            return false;
    }
    from = from > first ? from : first;
    to = to < last ? to : last;
    *n = from <= to ? to - from + 1 : 0;
    return true;
}

bool weir_port_range_count(const char *range, const char *reserved, unsigned *ports)
{
    unsigned first, last, n;

    range = skip_blanks(range);
    if (!read_port(&range, &first))
        return false;
    range = skip_blanks(range);
    if (!read_port(&range, &last) || *skip_blanks(range) != '\0' || first > last)
        return false;
    *ports = last - first + 1;
    for (reserved = skip_blanks(reserved); *reserved != '\0'; reserved = skip_blanks(reserved)) {
        if (!read_element(&reserved, first, last, &n))
            return false;
        *ports -= n < *ports ? n : *ports;
        if (*reserved == ',')
            reserved++;
    }
    return true;
}

static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len;

    if (!file)
        return false;
    len = fread(text, 1, size - 1, file);
    text[len] = '\0';
    fclose(file);
    return true;
}

bool weir_port_range_read(unsigned *ports)
{
    char range[64], reserved[TEXT_BYTES];

    if (!read_text(SETTINGS "ip_local_port_range", range, sizeof(range)))
        return false;
    if (!read_text(SETTINGS "ip_local_reserved_ports", reserved, sizeof(reserved)))
        reserved[0] = '\0';
    if (strlen(reserved) == sizeof(reserved) - 1)
        *strrchr(reserved, ',') = '\0'; /* cut inside an element */
    return weir_port_range_count(range, reserved, ports);
}
