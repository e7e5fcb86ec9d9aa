/* A slice: bytes that somebody else owns. Never terminated by NUL, never freed through the slice.
 */
#ifndef WEIR_BASE_SLICE_H
#define WEIR_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weir_slice {
    const char *data;
    size_t len;
};

/* A slice of a string literal, usable in initialisers. */
#define WEIR_SLICE(literal)                                                                        \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static inline struct weir_slice weir_slice_make(const char *data, size_t len)
{
    return (struct weir_slice){data, len};
}

static inline struct weir_slice weir_slice_from(const char *text)
{
    return (struct weir_slice){text, strlen(text)};
}

/* A space or a tab (RFC 9110 section 5.6.3, OWS). */
static inline bool weir_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Are the bytes the same? */
bool weir_slice_is(struct weir_slice slice, const char *text);
bool weir_slice_is_equal(struct weir_slice a, struct weir_slice b);
/* The same, without regard to the case of ASCII letters. */
bool weir_slice_is_like(struct weir_slice slice, const char *text);
bool weir_slice_is_alike(struct weir_slice a, struct weir_slice b);
bool weir_slice_has_prefix(struct weir_slice slice, struct weir_slice prefix);
bool weir_slice_has_prefix_like(struct weir_slice slice, const char *prefix);

/* Without the spaces and tabs at both ends (RFC 9110 section 5.6.3, OWS). */
struct weir_slice weir_slice_trim(struct weir_slice slice);

/* Takes the next element off a comma-separated list (RFC 9110 section 5.6.1): *list is advanced,
 * the element comes back trimmed. Empty elements are skipped; false when none is left. */
bool weir_slice_next_element(struct weir_slice *list, struct weir_slice *element);

/* Reads the whole slice as decimal digits. Fails: false when empty, when there is anything but
 * digits, or above UINT64_MAX. */
bool weir_slice_to_number(struct weir_slice slice, uint64_t *number);

#endif
