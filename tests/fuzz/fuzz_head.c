/* Any bytes as a head: at once and in pieces it is read the same; what is accepted is within its
 * bytes, line by line; and llhttp, where it is there, reads it no other way.
 *
 * The first byte says what kind of head it is, the second how long the pieces are. */
#include "weir/base/assert.h"
#include "weir/http/message.h"

#include <stdlib.h>

#ifdef WEIR_HAVE_LLHTTP
#include "../support/llhttp_read.h"
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct weir_head_limits limits = {.bytes_max = 32768, .fields_max = 150};

/* Reads the bytes in pieces, each time from a copy of its own. Returns the last copy. Owns: the
 * caller frees it. */
static char *read_head(struct weir_head *head, enum weir_head_kind kind, const char *bytes,
                       size_t len, size_t step, enum weir_error *error)
{
    char *copy = NULL;

    weir_head_init(head, kind);
    for (size_t end = step < len ? step : len;; end = len - end > step ? end + step : len) {
        free(copy);
        copy = malloc(end + !end);
        WEIR_ASSERT(copy);
        memcpy(copy, bytes, end);
        *error = weir_head_parse(head, copy, end, &limits);
        if (*error || head->complete || end == len)
            return copy;
    }
}

static void check_same(const struct weir_head *a, const struct weir_head *b)
{
    WEIR_ASSERT(a->end == b->end && a->fields_end == b->fields_end && a->start == b->start);
    WEIR_ASSERT(a->minor == b->minor && a->status == b->status && a->n_fields == b->n_fields);
    WEIR_ASSERT(memcmp(&a->method, &b->method, sizeof(a->method)) == 0);
    WEIR_ASSERT(memcmp(&a->target, &b->target, sizeof(a->target)) == 0);
    WEIR_ASSERT(memcmp(&a->reason, &b->reason, sizeof(a->reason)) == 0);
    WEIR_ASSERT(memcmp(a->fields, b->fields, a->n_fields * sizeof(*a->fields)) == 0);
}

/* Each field is one line: its name, a colon, its value, and blanks. */
static void check_lines(const struct weir_head *head, const char *base)
{
    WEIR_ASSERT(head->fields_end + 2 == head->end &&
                memcmp(base + head->fields_end, "\r\n", 2) == 0);
    for (uint32_t i = 0; i < head->n_fields; i++) {
        const struct weir_field *field = &head->fields[i];
        uint32_t end = i + 1 < head->n_fields ? head->fields[i + 1].at : head->fields_end;
        struct weir_slice name = weir_field_name(base, field);

        WEIR_ASSERT(weir_is_token(name) && base[field->at + field->name_len] == ':');
        WEIR_ASSERT(field->value_at > field->at + field->name_len);
        WEIR_ASSERT(field->value_at + field->value_len + 2 <= end);
        WEIR_ASSERT(memcmp(base + end - 2, "\r\n", 2) == 0);
        for (uint32_t k = field->at; k < end - 2; k++)
            WEIR_ASSERT(base[k] != '\r' && base[k] != '\n' && base[k] != '\0');
        WEIR_ASSERT(field->id == weir_field_identify(name));
    }
}

#ifdef WEIR_HAVE_LLHTTP
static void check_opinion(const struct weir_head *head, const char *base,
                          struct weir_framing framing)
{
    char *copy = malloc(head->end + 4);
    bool is_request = head->kind == WEIR_HEAD_REQUEST;

    WEIR_ASSERT(copy);
    size_t len = llhttp_read_translate(copy, head, base, head->end);
    struct llhttp_read *other = llhttp_read(is_request ? HTTP_REQUEST : HTTP_RESPONSE, copy, len);
    WEIR_ASSERT_SHOW(other->is_accepted, other->reason);
    WEIR_ASSERT(other->n_fields == head->n_fields && other->status == head->status);
    WEIR_ASSERT(weir_slice_is_equal(other->target, weir_span_in(base, head->target)));
    for (uint32_t i = 0; i < head->n_fields; i++) {
        WEIR_ASSERT(weir_slice_is_equal(other->names[i], weir_field_name(base, &head->fields[i])));
        WEIR_ASSERT(
            weir_slice_is_equal(other->values[i], weir_field_value(base, &head->fields[i])));
    }
    if (framing.kind == WEIR_FRAMING_LENGTH)
        WEIR_ASSERT(other->has_length && !other->is_chunked && other->length == framing.length);
    else if (framing.kind == WEIR_FRAMING_CHUNKED)
        WEIR_ASSERT(other->is_chunked && !other->has_length);
    else if (is_request || framing.kind == WEIR_FRAMING_CLOSE)
        WEIR_ASSERT(!other->is_chunked && !other->has_length);
    free(other);
    free(copy);
}
#else
static void check_opinion(const struct weir_head *head, const char *base,
                          struct weir_framing framing)
{
    (void)head, (void)base, (void)framing;
}
#endif

static void check_meaning(const struct weir_head *head, const char *base)
{
    struct weir_request request;
    struct weir_response response;

    if (head->kind == WEIR_HEAD_REQUEST && !weir_request_read(&request, head, base)) {
        WEIR_ASSERT(request.forward.len > 0 && request.path.len > 0);
        WEIR_ASSERT(request.framing.kind != WEIR_FRAMING_CLOSE);
        WEIR_ASSERT(request.authority.len > 0 || head->minor == 0);
        check_opinion(head, base, request.framing);
    }
    if (head->kind == WEIR_HEAD_RESPONSE &&
        !weir_response_read(&response, head, base, WEIR_METHOD_GET)) {
        WEIR_ASSERT(!response.is_keep_alive || response.framing.kind != WEIR_FRAMING_CLOSE);
        check_opinion(head, base, response.framing);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_head whole, pieces;
    enum weir_error error, pieces_error;

    if (size < 2 || size > 32768)
        return 0;
    enum weir_head_kind kind = (enum weir_head_kind)(data[0] % 3);
    const char *bytes = (const char *)data + 2;
    char *whole_base = read_head(&whole, kind, bytes, size - 2, size, &error);
    char *base = read_head(&pieces, kind, bytes, size - 2, 1u + data[1] % 32, &pieces_error);

    /* In pieces a bad byte may be seen before a limit is. */
    WEIR_ASSERT((error == WEIR_OK) == (pieces_error == WEIR_OK));
    WEIR_ASSERT(whole.complete == pieces.complete && (!error || !whole.complete));
    if (whole.complete) {
        check_same(&whole, &pieces);
        check_lines(&whole, whole_base);
        check_meaning(&whole, whole_base);
    }
    weir_head_fini(&whole);
    weir_head_fini(&pieces);
    free(whole_base);
    free(base);
    return 0;
}
