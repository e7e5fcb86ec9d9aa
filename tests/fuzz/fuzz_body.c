/* Any bytes as a body: at once and in pieces the same content comes out; what weir makes of it for
 * the other side decodes to that content again; and llhttp, where it is there, sees no other end.
 *
 * The first byte says how the body is framed, the second how long the pieces are. */
#include "weir/base/assert.h"
#include "weir/proxy/exchange.h"

#include <stdlib.h>

#ifdef WEIR_HAVE_LLHTTP
#include <llhttp.h>
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_MAX_FUZZED = 16384 };

static const struct weir_head_limits limits = {.bytes_max = 4096, .fields_max = 20};

struct outcome {
    enum weir_body_event end;
    size_t used, content_len;
    char content[SIZE_MAX_FUZZED];
};

static void decode(struct outcome *outcome, struct weir_framing framing, const char *bytes,
                   size_t len, size_t step)
{
    struct weir_body body;
    size_t at = 0, end = step < len ? step : len;

    weir_body_init(&body, framing);
    outcome->content_len = 0;
    for (;;) {
        struct weir_slice slice;
        size_t used = 0;
        char *copy = malloc(end - at + (end == at));
        WEIR_ASSERT(copy);
        memcpy(copy, bytes + at, end - at);
        enum weir_body_event event = weir_body_next(&body, copy, end - at, &used, &slice);
        WEIR_ASSERT(used <= end - at);
        if (event == WEIR_BODY_DATA) {
            WEIR_ASSERT(slice.len > 0 && slice.data >= copy);
            WEIR_ASSERT(slice.data + slice.len <= copy + used);
            memcpy(outcome->content + outcome->content_len, slice.data, slice.len);
            outcome->content_len += slice.len;
        }
        free(copy);
        at += used;
        WEIR_ASSERT(body.content_bytes == outcome->content_len);
        WEIR_ASSERT(weir_body_is_complete(&body) ==
                    (event == WEIR_BODY_END ||
                     (event == WEIR_BODY_DATA && framing.kind == WEIR_FRAMING_LENGTH &&
                      outcome->content_len == framing.length)));
        if (event == WEIR_BODY_DATA)
            continue;
        outcome->end = event;
        outcome->used = at;
        if (event != WEIR_BODY_MORE || end == len)
            return;
        end = len - end > step ? end + step : len;
    }
}

/* Passes the body through a flow into chunks. Returns the bytes that would be sent, and whether
 * their end is among them. Owns: the caller frees them. */
static char *relay(struct weir_framing framing, const char *bytes, size_t len, size_t *sent_len,
                   bool *ended)
{
    struct weir_block *block = malloc(sizeof(*block) + len);
    struct weir_buffer buffer = {.block = block, .end = (uint32_t)len};
    static struct weir_flow flow;
    char *sent = malloc(8 * len + 64);
    enum weir_error error = WEIR_OK;
    bool moved = true;

    WEIR_ASSERT(block && sent);
    block->size = len;
    memcpy(block->data, bytes, len);
    flow = (struct weir_flow){.state = WEIR_SIDE_BODY, .sink = WEIR_FRAMING_CHUNKED};
    weir_gather_init(&flow.out);
    weir_body_init(&flow.body, framing);
    *sent_len = 0;
    while (!error && moved && flow.state == WEIR_SIDE_BODY) {
        error = weir_flow_fill(&flow, &buffer, &limits);
        moved = !weir_gather_is_empty(&flow.out);
        for (uint32_t i = flow.out.first; i < flow.out.n; i++) {
            memcpy(sent + *sent_len, flow.out.slices[i].data, flow.out.slices[i].len);
            *sent_len += flow.out.slices[i].len;
        }
        weir_gather_clear(&flow.out);
    }
    *ended = flow.state == WEIR_SIDE_ENDED;
    WEIR_ASSERT(*ended == (!error && weir_body_is_complete(&flow.body)));
    free(block);
    return sent;
}

static void check_relayed(const struct outcome *whole, struct weir_framing framing,
                          const char *bytes, size_t len)
{
    static const struct weir_framing chunked = {.kind = WEIR_FRAMING_CHUNKED};
    static struct outcome again;
    size_t sent_len;
    bool ended;
    char *sent = relay(framing, bytes, len, &sent_len, &ended);

    decode(&again, chunked, sent, sent_len, sent_len + 1);
    WEIR_ASSERT(again.end != WEIR_BODY_BAD);
    WEIR_ASSERT((again.end != WEIR_BODY_MORE) == ended);
    WEIR_ASSERT(!ended || whole->end == WEIR_BODY_END || whole->end == WEIR_BODY_TRAILERS);
    WEIR_ASSERT(again.content_len <= whole->content_len);
    WEIR_ASSERT(!ended || again.content_len == whole->content_len);
    WEIR_ASSERT(memcmp(again.content, whole->content, again.content_len) == 0);
    if (again.end == WEIR_BODY_END)
        WEIR_ASSERT(again.used == sent_len);
    free(sent);
}

#ifdef WEIR_HAVE_LLHTTP
static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct outcome *outcome = parser->data;

    memcpy(outcome->content + outcome->content_len, at, len);
    outcome->content_len += len;
    return 0;
}

static int on_complete(llhttp_t *parser)
{
    struct outcome *outcome = parser->data;

    outcome->end = WEIR_BODY_END;
    return HPE_PAUSED;
}

/* llhttp is stricter with chunk extensions, which weir drops. */
static void check_opinion(const struct outcome *whole, const char *bytes, size_t len)
{
    static const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    static struct outcome other;
    llhttp_settings_t settings;
    llhttp_t parser;

    if (whole->end != WEIR_BODY_END || memchr(bytes, ';', whole->used))
        return;
    (void)len;
    other.end = WEIR_BODY_MORE;
    other.content_len = 0;
    llhttp_settings_init(&settings);
    settings.on_body = on_body;
    settings.on_message_complete = on_complete;
    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = &other;
    WEIR_ASSERT(llhttp_execute(&parser, head, sizeof(head) - 1) == HPE_OK);
    (void)llhttp_execute(&parser, bytes, whole->used);
    WEIR_ASSERT(other.end == WEIR_BODY_END);
    WEIR_ASSERT(other.content_len == whole->content_len);
    WEIR_ASSERT(memcmp(other.content, whole->content, whole->content_len) == 0);
}
#else
static void check_opinion(const struct outcome *whole, const char *bytes, size_t len)
{
    (void)whole, (void)bytes, (void)len;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum weir_framing_kind kinds[] = {WEIR_FRAMING_CHUNKED, WEIR_FRAMING_LENGTH,
                                                   WEIR_FRAMING_CLOSE, WEIR_FRAMING_NONE};
    static struct outcome whole, pieces;

    if (size < 2 || size > SIZE_MAX_FUZZED)
        return 0;
    struct weir_framing framing = {.kind = kinds[data[0] % 4], .length = data[0] / 4u};
    const char *bytes = (const char *)data + 2;
    size_t len = size - 2;
    decode(&whole, framing, bytes, len, size);
    decode(&pieces, framing, bytes, len, 1u + data[1] % 32);
    WEIR_ASSERT(whole.end == pieces.end && whole.content_len == pieces.content_len);
    WEIR_ASSERT(whole.end == WEIR_BODY_BAD || whole.used == pieces.used);
    WEIR_ASSERT(memcmp(whole.content, pieces.content, whole.content_len) == 0);
    check_relayed(&whole, framing, bytes, len);
    if (framing.kind == WEIR_FRAMING_CHUNKED)
        check_opinion(&whole, bytes, len);
    return 0;
}
