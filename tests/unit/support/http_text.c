#include "unit/support/http_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN_MAX = 1024, SHOWN_AT_ONCE = 4 };

const struct weir_head_limits http_limits = {.bytes_max = 32768, .fields_max = 100};

static char *copy_of(struct weir_slice bytes)
{
    char *copy = malloc(bytes.len + !bytes.len);

    if (!copy)
        abort();
    memcpy(copy, bytes.data, bytes.len);
    return copy;
}

struct http_text *http_text_drip(enum weir_head_kind kind, struct weir_slice bytes, size_t first,
                                 size_t step, const struct weir_head_limits *limits)
{
    struct http_text *text = calloc(1, sizeof(*text));
    size_t len = first < bytes.len ? first : bytes.len;

    if (!text)
        abort();
    weir_head_init(&text->head, kind);
    for (;;) {
        free(text->base);
        text->base = copy_of(weir_slice_make(bytes.data, len));
        text->len = len;
        text->error = weir_head_parse(&text->head, text->base, len, limits);
        if (text->error || text->head.complete || len == bytes.len)
            return text;
        len = bytes.len - len > step ? len + step : bytes.len;
    }
}

struct http_text *http_text_read(enum weir_head_kind kind, struct weir_slice bytes)
{
    return http_text_drip(kind, bytes, bytes.len, 1, &http_limits);
}

void http_text_free(struct http_text *text)
{
    weir_head_fini(&text->head);
    free(text->base);
    free(text);
}

static bool is_same_span(struct weir_span a, struct weir_span b)
{
    return a.at == b.at && a.len == b.len;
}

bool http_text_is_same(const struct http_text *a, const struct http_text *b)
{
    const struct weir_head *x = &a->head, *y = &b->head;

    if (a->error || b->error || !x->complete || !y->complete)
        return weir_error_status(a->error) == weir_error_status(b->error) &&
               x->complete == y->complete;
    if (x->minor != y->minor || x->status != y->status || x->start != y->start ||
        x->fields_end != y->fields_end || x->end != y->end || x->n_fields != y->n_fields ||
        !is_same_span(x->method, y->method) || !is_same_span(x->target, y->target) ||
        !is_same_span(x->reason, y->reason))
        return false;
    for (uint32_t i = 0; i < x->n_fields; i++) {
        const struct weir_field *f = &x->fields[i], *g = &y->fields[i];
        if (f->at != g->at || f->name_len != g->name_len || f->value_at != g->value_at ||
            f->value_len != g->value_len || f->id != g->id)
            return false;
    }
    return true;
}

const char *http_show(struct weir_slice bytes)
{
    static char buffers[SHOWN_AT_ONCE][SHOWN_MAX];
    static unsigned turn;
    char *shown = buffers[turn++ % SHOWN_AT_ONCE];
    size_t at = 0;

    for (size_t i = 0; i < bytes.len && at + 5 < SHOWN_MAX; i++) {
        unsigned char c = (unsigned char)bytes.data[i];
        if (c == '\r' || c == '\n')
            at += (size_t)snprintf(shown + at, SHOWN_MAX - at, "\\%c", c == '\r' ? 'r' : 'n');
        else if (c < 0x20 || c >= 0x7f || c == '\\')
            at += (size_t)snprintf(shown + at, SHOWN_MAX - at, "\\x%02x", c);
        else
            shown[at++] = (char)c;
    }
    shown[at] = '\0';
    return shown;
}

char *http_gathered(const struct weir_gather *gather, size_t *len)
{
    size_t total = 0;
    char *text;

    for (uint32_t i = gather->first; i < gather->n; i++)
        total += gather->slices[i].len;
    text = malloc(total + 1);
    if (!text)
        abort();
    *len = 0;
    for (uint32_t i = gather->first; i < gather->n; i++) {
        if (gather->slices[i].len > 0)
            memcpy(text + *len, gather->slices[i].data, gather->slices[i].len);
        *len += gather->slices[i].len;
    }
    text[total] = '\0';
    return text;
}

/* SplitMix64. */
uint32_t http_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}
