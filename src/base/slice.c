#include "weir/base/slice.h"

bool weir_slice_is(struct weir_slice slice, const char *text)
{
    return weir_slice_is_equal(slice, weir_slice_from(text));
}

bool weir_slice_is_equal(struct weir_slice a, struct weir_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool weir_slice_is_like(struct weir_slice slice, const char *text)
{
    return weir_slice_is_alike(slice, weir_slice_from(text));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool weir_slice_is_alike(struct weir_slice a, struct weir_slice b)
{
    if (a.len != b.len)
        return false;
    /* Mostly they are the same to the letter. */
    if (a.len == 0 || memcmp(a.data, b.data, a.len) == 0)
        return true;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    }
    return true;
}

bool weir_slice_has_prefix(struct weir_slice slice, struct weir_slice prefix)
{
    return slice.len >= prefix.len &&
           weir_slice_is_equal(weir_slice_make(slice.data, prefix.len), prefix);
}

bool weir_slice_has_prefix_like(struct weir_slice slice, const char *prefix)
{
    struct weir_slice start = weir_slice_from(prefix);
    return slice.len >= start.len &&
           weir_slice_is_alike(weir_slice_make(slice.data, start.len), start);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct weir_slice weir_slice_trim(struct weir_slice slice)
{
    while (slice.len > 0 && is_blank(slice.data[0])) {
        slice.data++;
        slice.len--;
    }
    while (slice.len > 0 && is_blank(slice.data[slice.len - 1]))
        slice.len--;
    return slice;
}

bool weir_slice_next_element(struct weir_slice *list, struct weir_slice *element)
{
    while (list->len > 0) {
        const char *comma = memchr(list->data, ',', list->len);
        size_t len = comma ? (size_t)(comma - list->data) : list->len;
        size_t step = comma ? len + 1 : len;

        *element = weir_slice_trim(weir_slice_make(list->data, len));
        list->data += step;
        list->len -= step;
        if (element->len > 0)
            return true;
    }
    return false;
}

bool weir_slice_to_number(struct weir_slice slice, uint64_t *number)
{
    uint64_t value = 0;

    if (slice.len == 0)
        return false;
    for (size_t i = 0; i < slice.len; i++) {
        unsigned digit = (unsigned)(unsigned char)slice.data[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *number = value;
    return true;
}
