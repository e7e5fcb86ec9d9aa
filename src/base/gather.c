#include "weir/base/gather.h"

#include "weir/base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

struct weir_gather_spill {
    struct weir_gather_spill *next;
    char data[];
};

void weir_gather_init(struct weir_gather *gather)
{
    gather->first = gather->n = gather->text_len = 0;
    gather->is_open = gather->failed = false;
    gather->spills = NULL;
    gather->packed = NULL;
    gather->packed_size = 0;
}

void weir_gather_clear(struct weir_gather *gather)
{
    struct weir_gather_spill *spill, *following;

    LL_FOREACH_SAFE(gather->spills, spill, following) {
        free(spill);
    }
    weir_gather_init(gather);
}

static char *take_spill(struct weir_gather *gather, size_t len)
{
    struct weir_gather_spill *spill = malloc(sizeof(*spill) + len);

    if (!spill) {
        gather->failed = true;
        return NULL;
    }
    LL_PREPEND(gather->spills, spill);
    return spill->data;
}

/* All slices become one, copied to the heap: behind the one they became the last time, if there is
 * room, which doubles when there is not. */
static void compact(struct weir_gather *gather)
{
    struct weir_slice *first = &gather->slices[gather->first];
    size_t len = 0, at = 0;
    bool is_behind;

    for (uint32_t i = gather->first; i < gather->n; i++)
        len += gather->slices[i].len;
    is_behind = gather->packed && first->data == gather->packed && len <= gather->packed_size;
    if (!is_behind) {
        gather->packed = take_spill(gather, 2 * len);
        gather->packed_size = 2 * len;
    }
    if (!gather->packed)
        return;
    for (uint32_t i = gather->first; i < gather->n; i++) {
        struct weir_slice slice = gather->slices[i];
        if (!is_behind || i > gather->first)
            memcpy(gather->packed + at, slice.data, slice.len);
        at += slice.len;
    }
    gather->slices[0] = weir_slice_make(gather->packed, len);
    gather->first = 0;
    gather->n = 1;
}

void weir_gather_add_apart(struct weir_gather *gather, struct weir_slice slice)
{
    if (slice.len == 0 || gather->failed)
        return;
    gather->is_open = false;
    if (gather->n == WEIR_GATHER_SLICES)
        compact(gather);
    if (!gather->failed)
        gather->slices[gather->n++] = slice;
}

static char *take_text(struct weir_gather *gather, size_t len)
{
    char *text = gather->text + gather->text_len;

    if (len > WEIR_GATHER_TEXT - gather->text_len)
        return take_spill(gather, len);
    gather->text_len += (uint32_t)len;
    return text;
}

void weir_gather_copy_apart(struct weir_gather *gather, struct weir_slice slice)
{
    char *text = slice.len > 0 ? take_text(gather, slice.len) : NULL;

    if (!text)
        return;
    memcpy(text, slice.data, slice.len);
    weir_gather_add(gather, weir_slice_make(text, slice.len));
    gather->is_open = !gather->failed && text + slice.len == gather->text + gather->text_len;
}

void weir_gather_number(struct weir_gather *gather, uint64_t number)
{
    char digits[20], *first = digits + sizeof(digits);

    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    weir_gather_copy(gather, weir_slice_make(first, (size_t)(digits + sizeof(digits) - first)));
}

void weir_gather_print(struct weir_gather *gather, const char *format, ...)
{
    char text[WEIR_GATHER_TEXT];
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    WEIR_ASSERT(len >= 0 && (size_t)len < sizeof(text));
    weir_gather_copy(gather, weir_slice_make(text, (size_t)len));
}

uint32_t weir_gather_mark(struct weir_gather *gather)
{
    WEIR_ASSERT(gather->n < WEIR_GATHER_SLICES);
    gather->is_open = false;
    gather->slices[gather->n] = weir_slice_make(NULL, 0);
    return gather->n++;
}

void weir_gather_fill(struct weir_gather *gather, uint32_t mark, struct weir_slice text)
{
    char *copy = take_text(gather, text.len);

    if (!copy)
        return;
    memcpy(copy, text.data, text.len);
    gather->is_open = false;
    gather->slices[mark] = weir_slice_make(copy, text.len);
}

void weir_gather_move_before(struct weir_gather *gather, char *data, size_t room)
{
    struct weir_slice *slices = &gather->slices[gather->first];

    if (gather->n - gather->first != 2 || slices[0].data != gather->text ||
        slices[1].data != data || slices[0].len > room)
        return;
    memcpy(data - slices[0].len, slices[0].data, slices[0].len);
    slices[1].data -= slices[0].len;
    slices[1].len += slices[0].len;
    gather->first++;
}

void weir_gather_advance(struct weir_gather *gather, size_t len)
{
    while (len > 0) {
        WEIR_ASSERT(!weir_gather_is_empty(gather));
        struct weir_slice *slice = &gather->slices[gather->first];
        size_t step = len < slice->len ? len : slice->len;

        slice->data += step;
        slice->len -= step;
        len -= step;
        if (slice->len == 0)
            gather->first++;
    }
    while (!weir_gather_is_empty(gather) && gather->slices[gather->first].len == 0)
        gather->first++;
    gather->is_open = gather->is_open && !weir_gather_is_empty(gather);
}
