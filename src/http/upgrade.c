#include "weir/http/upgrade.h"

#include "weir/http/message.h"

static const struct weir_slice option = WEIR_SLICE("upgrade");

struct weir_protocols weir_protocols_of(const struct weir_head *head, const char *base)
{
    return (struct weir_protocols){.head = head, .base = base, .list = weir_slice_make(base, 0)};
}

static bool next_element(struct weir_protocols *protocols, struct weir_slice *element)
{
    while (!weir_slice_next_element(&protocols->list, element)) {
        const struct weir_field *field;

        if (protocols->next_field == protocols->head->n_fields)
            return false;
        field = &protocols->head->fields[protocols->next_field++];
        if (field->id == WEIR_FIELD_UPGRADE)
            protocols->list = weir_field_value(protocols->base, field);
    }
    return true;
}

/* protocol = protocol-name [ "/" protocol-version ], both tokens. */
static bool is_askable(struct weir_slice protocol)
{
    static const char *const carry_requests[] = {"h2c", "h2", "HTTP", "TLS"};
    const char *slash = memchr(protocol.data, '/', protocol.len);
    size_t name_len = slash ? (size_t)(slash - protocol.data) : protocol.len;
    struct weir_slice name = weir_slice_make(protocol.data, name_len);

    if (!weir_is_token(name) ||
        (slash && !weir_is_token(weir_slice_make(slash + 1, protocol.len - name_len - 1))))
        return false;
    for (size_t i = 0; i < sizeof(carry_requests) / sizeof(*carry_requests); i++) {
        if (weir_slice_is_like(name, carry_requests[i]))
            return false;
    }
    return true;
}

bool weir_protocols_next(struct weir_protocols *protocols, struct weir_slice *protocol)
{
    while (next_element(protocols, protocol)) {
        if (is_askable(*protocol))
            return true;
    }
    return false;
}

bool weir_upgrade_is_asked(const struct weir_head *head, const char *base)
{
    struct weir_protocols protocols;
    struct weir_slice protocol;

    if (!weir_head_find(head, WEIR_FIELD_UPGRADE) || head->minor == 0 ||
        !weir_head_has_option(head, base, option))
        return false;
    protocols = weir_protocols_of(head, base);
    return weir_protocols_next(&protocols, &protocol);
}

static bool has_asked(struct weir_protocols protocols, struct weir_slice wanted)
{
    struct weir_slice protocol;

    while (weir_protocols_next(&protocols, &protocol)) {
        if (weir_slice_is_alike(protocol, wanted))
            return true;
    }
    return false;
}

/* RFC 9110 section 8.6, RFC 9112 section 6.1: neither field is to stand in a 1xx. A length of 0 can
 * be read in one way only. */
static bool announces_body(const struct weir_head *head, const char *base)
{
    for (uint32_t i = 0; i < head->n_fields; i++) {
        const struct weir_field *field = &head->fields[i];
        if (field->id == WEIR_FIELD_TRANSFER_ENCODING ||
            (field->id == WEIR_FIELD_CONTENT_LENGTH &&
             !weir_slice_is(weir_field_value(base, field), "0")))
            return true;
    }
    return false;
}

bool weir_upgrade_is_answered(const struct weir_head *answer, const char *base,
                              const struct weir_head *request, const char *request_base)
{
    struct weir_protocols switched = weir_protocols_of(answer, base);
    struct weir_slice protocol;
    unsigned n_switched = 0;

    if (answer->minor == 0 || !weir_head_has_option(answer, base, option) ||
        announces_body(answer, base))
        return false;
    for (; next_element(&switched, &protocol); n_switched++) {
        if (!has_asked(weir_protocols_of(request, request_base), protocol))
            return false;
    }
    return n_switched > 0;
}
