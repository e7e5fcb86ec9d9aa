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

/* Eight bytes, of which each may differ in the bit that is a letter's case, if it is a letter. */
static bool is_alike_word(uint64_t a, uint64_t b)
{
    static const uint64_t ones = UINT64_MAX / 255;
    uint64_t differs = a ^ b, low, is_letter;

    if ((differs & ~(ones * 0x20)) != 0)
        return false;
    /* Without the highest bit, so that no sum carries over: at least `a`, and not above `z`. */
    low = (a | ones * 0x20) & ones * 0x7f;
    is_letter = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x7f - 'z')) & ~a & ones * 0x80;
    return (differs & ~(is_letter >> 2)) == 0;
}

static uint64_t load_8(const char *text)
{
    uint64_t word;

    memcpy(&word, text, sizeof(word));
    return word;
}

/* The first and the last four of four to eight bytes. */
static uint64_t load_4_to_8(const char *text, size_t len)
{
    uint32_t first, last;

    memcpy(&first, text, sizeof(first));
    memcpy(&last, text + len - sizeof(last), sizeof(last));
    return (uint64_t)last << 32 | first;
}

/* What is no whole number of words is looked at twice in part. */
bool weir_slice_is_alike(struct weir_slice a, struct weir_slice b)
{
    if (a.len != b.len)
        return false;
    if (a.len < 4) {
        for (size_t i = 0; i < a.len; i++) {
            if (lower(a.data[i]) != lower(b.data[i]))
                return false;
        }
        return true;
    }
    if (a.len < 8)
        return is_alike_word(load_4_to_8(a.data, a.len), load_4_to_8(b.data, b.len));
    for (size_t i = 0; i + 8 < a.len; i += 8) {
        if (!is_alike_word(load_8(a.data + i), load_8(b.data + i)))
            return false;
    }
    return is_alike_word(load_8(a.data + a.len - 8), load_8(b.data + b.len - 8));
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

struct weir_slice weir_slice_trim(struct weir_slice slice)
{
    while (slice.len > 0 && weir_is_blank(slice.data[0])) {
        slice.data++;
        slice.len--;
    }
    while (slice.len > 0 && weir_is_blank(slice.data[slice.len - 1]))
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
