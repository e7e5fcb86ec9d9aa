/* A head that weir accepts, sent on and read again: it is accepted, means the same, is framed just
 * once, and has no line that was not there and is not weir's own.
 *
 * The first byte says whether it is a request and how it is sent on. */
#include "weir/base/assert.h"
#include "weir/proxy/forward.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct weir_head_limits limits = {.bytes_max = 1u << 20, .fields_max = 1000};

static char *gathered(struct weir_gather *out, size_t *len)
{
    size_t total = 0;

    WEIR_ASSERT(!weir_gather_has_failed(out));
    for (uint32_t i = out->first; i < out->n; i++)
        total += out->slices[i].len;
    char *bytes = malloc(total + 1);
    WEIR_ASSERT(bytes);
    *len = 0;
    for (uint32_t i = out->first; i < out->n; i++) {
        memcpy(bytes + *len, out->slices[i].data, out->slices[i].len);
        *len += out->slices[i].len;
    }
    bytes[total] = '\0';
    weir_gather_clear(out);
    return bytes;
}

static struct weir_slice line_of(const struct weir_head *head, const char *base, uint32_t i)
{
    uint32_t end = i + 1 < head->n_fields ? head->fields[i + 1].at : head->fields_end;

    return weir_slice_make(base + head->fields[i].at, end - head->fields[i].at);
}

static bool is_own(enum weir_field_id id)
{
    return id == WEIR_FIELD_HOST || id == WEIR_FIELD_VIA || id == WEIR_FIELD_CONTENT_LENGTH ||
           id == WEIR_FIELD_TRANSFER_ENCODING || id == WEIR_FIELD_FORWARDED ||
           id == WEIR_FIELD_X_FORWARDED_FOR || id == WEIR_FIELD_X_FORWARDED_HOST ||
           id == WEIR_FIELD_X_FORWARDED_PROTO || id == WEIR_FIELD_CONNECTION ||
           id == WEIR_FIELD_UPGRADE;
}

/* Lines are those that came, in their order, and of the kinds that weir writes. */
static void check_lines(const struct weir_head *sent, const char *sent_base,
                        const struct weir_head *head, const char *base)
{
    uint32_t next = 0;
    unsigned n_framings = 0;

    for (uint32_t i = 0; i < sent->n_fields; i++) {
        enum weir_field_id id = sent->fields[i].id;
        struct weir_slice line = line_of(sent, sent_base, i);
        uint32_t k = next;

        n_framings += id == WEIR_FIELD_CONTENT_LENGTH || id == WEIR_FIELD_TRANSFER_ENCODING;
        if (is_own(id))
            continue;
        while (k < head->n_fields && !weir_slice_is_equal(line, line_of(head, base, k)))
            k++;
        WEIR_ASSERT(k < head->n_fields);
        next = k + 1;
    }
    WEIR_ASSERT(n_framings <= 1);
}

static void check_request(const struct weir_head *head, const char *base, unsigned how)
{
    static const char *const peers[] = {"192.0.2.7", "2001:db8::7", "unix"};
    static const enum weir_forwarded modes[] = {WEIR_FORWARDED_OFF, WEIR_FORWARDED_X,
                                                WEIR_FORWARDED_RFC7239, WEIR_FORWARDED_BOTH};
    static struct weir_head sent;
    struct weir_request request, again;
    struct weir_gather out;
    size_t len;

    if (weir_request_read(&request, head, base))
        return;
    weir_gather_init(&out);
    weir_forward_request(&out, &(struct weir_forward_request){.head = head,
                                                              .base = base,
                                                              .request = &request,
                                                              .forwarded = modes[how % 4],
                                                              .peer_is_trusted = how & 4,
                                                              .peer_host = peers[how / 8 % 3],
                                                              .server_name = "server:80"});
    char *bytes = gathered(&out, &len);
    weir_head_init(&sent, WEIR_HEAD_REQUEST);
    WEIR_ASSERT_SHOW(!weir_head_parse(&sent, bytes, len, &limits), bytes);
    WEIR_ASSERT_SHOW(sent.complete && sent.end == len && sent.minor == 1, bytes);
    WEIR_ASSERT_SHOW(!weir_request_read(&again, &sent, bytes), bytes);
    check_lines(&sent, bytes, head, base);
    WEIR_ASSERT(
        weir_slice_is_equal(weir_span_in(bytes, sent.method), weir_span_in(base, head->method)));
    WEIR_ASSERT(weir_slice_is_equal(again.forward, request.forward));
    WEIR_ASSERT(weir_slice_is_equal(again.path, request.path) && !again.has_absolute_target);
    WEIR_ASSERT(request.authority.len == 0
                    ? weir_slice_is(again.authority, "server:80")
                    : weir_slice_is_equal(again.authority, request.authority));
    WEIR_ASSERT(again.framing.kind == request.framing.kind);
    WEIR_ASSERT(again.framing.length == request.framing.length);
    WEIR_ASSERT(again.expects_continue == request.expects_continue);
    WEIR_ASSERT(again.is_repeatable == request.is_repeatable && again.is_keep_alive);
    WEIR_ASSERT(again.asks_upgrade == request.asks_upgrade &&
                request.asks_upgrade == (weir_head_find(&sent, WEIR_FIELD_UPGRADE) != NULL));
    weir_head_fini(&sent);
    free(bytes);
}

static void check_response(const struct weir_head *head, const char *base, unsigned how)
{
    enum weir_method method = how & 1 ? WEIR_METHOD_HEAD : WEIR_METHOD_GET;
    static struct weir_head sent;
    struct weir_response response, again;
    struct weir_gather out;
    size_t len;

    if (weir_response_read(&response, head, base, method))
        return;
    struct weir_framing framing = weir_forward_framing(response.framing, how & 2);
    bool keeps = (how & 4) && framing.kind != WEIR_FRAMING_CLOSE;
    weir_gather_init(&out);
    if (response.is_interim)
        weir_forward_interim(&out, head, base, NULL);
    else
        weir_forward_response(&out,
                              &(struct weir_forward_response){.head = head,
                                                              .base = base,
                                                              .framing = framing,
                                                              .client_is_http10 = how & 2,
                                                              .keeps_client = keeps,
                                                              .has_options = response.has_options});
    char *bytes = gathered(&out, &len);
    weir_head_init(&sent, WEIR_HEAD_RESPONSE);
    WEIR_ASSERT_SHOW(!weir_head_parse(&sent, bytes, len, &limits), bytes);
    WEIR_ASSERT_SHOW(sent.complete && sent.end == len && sent.minor == 1, bytes);
    WEIR_ASSERT_SHOW(!weir_response_read(&again, &sent, bytes, method), bytes);
    check_lines(&sent, bytes, head, base);
    WEIR_ASSERT(sent.status == head->status && again.framing.kind == framing.kind);
    WEIR_ASSERT(
        weir_slice_is_equal(weir_span_in(bytes, sent.reason), weir_span_in(base, head->reason)));
    if (framing.kind == WEIR_FRAMING_LENGTH)
        WEIR_ASSERT(again.framing.length == framing.length);
    if (!response.is_interim)
        WEIR_ASSERT(again.is_keep_alive == keeps);
    weir_head_fini(&sent);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct weir_head head;

    if (size < 1 || size > 65536)
        return 0;
    bool is_request = data[0] & 1;
    /* A copy of its own, so that nothing may be read beyond it. */
    char *base = malloc(size);
    WEIR_ASSERT(base);
    memcpy(base, data + 1, size - 1);
    weir_head_init(&head, is_request ? WEIR_HEAD_REQUEST : WEIR_HEAD_RESPONSE);
    if (!weir_head_parse(&head, base, size - 1, &limits) && head.complete) {
        if (is_request)
            check_request(&head, base, data[0] / 2u);
        else
            check_response(&head, base, data[0] / 2u);
    }
    weir_head_fini(&head);
    free(base);
    return 0;
}
