/* Requests, as far as an origin must understand them: where head and body end, and what decides the
 * answer. */
#ifndef WEIR_BENCH_ORIGIN_REQUEST_H
#define WEIR_BENCH_ORIGIN_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ORIGIN_HEAD_MAX = 1 << 20 };

enum origin_body_state {
    ORIGIN_BODY_DONE,
    ORIGIN_BODY_LENGTH,    /* `left` bytes */
    ORIGIN_BODY_SIZE,      /* in a chunk's size line */
    ORIGIN_BODY_CHUNK,     /* `left` bytes of a chunk */
    ORIGIN_BODY_CHUNK_END, /* its CRLF */
    ORIGIN_BODY_TRAILERS,  /* up to the empty line */
    ORIGIN_BODY_BROKEN,
};

/* The request's body while it comes in. */
struct origin_body {
    enum origin_body_state state;
    uint64_t left;
    uint64_t length; /* of Content-Length, when not chunked */
    bool is_chunked;
    unsigned digits;     /* of the size line */
    unsigned line_bytes; /* of the trailer line */
    bool is_in_extension;
    bool saw_cr;
};

/* Slices of the head, valid as long as the bytes it was read from. */
struct origin_request {
    const char *method;
    size_t method_len;
    const char *target;
    size_t target_len;
    const char *query; /* behind the '?'; null when there is none */
    size_t query_len;
    bool is_head;
    bool is_post;
    bool is_http10;
    bool wants_close; /* Connection: close, or HTTP/1.0 without keep-alive */
    bool expects_100;
    size_t head_len;
    struct origin_body body;
};

/* Looks for a complete head at the beginning of DATA; SCANNED (start with 0) remembers how far it
 * looked before. Returns 1 when there is one, 0 when more is needed. Fails: -1, *WRONG says why. */
int origin_request_parse(struct origin_request *request, const char *data, size_t len,
                         size_t *scanned, const char **wrong);

/* Takes bytes of the body off DATA: returns how many. At most one run of payload is among them,
 * *PAYLOAD and *PAYLOAD_LEN; what surrounds it is framing. Call again until it returns 0 or the
 * body is done or broken. */
size_t origin_body_take(struct origin_body *body, const char *data, size_t len,
                        const char **payload, size_t *payload_len);

static inline bool origin_body_is_over(const struct origin_body *body)
{
    return body->state == ORIGIN_BODY_DONE || body->state == ORIGIN_BODY_BROKEN;
}

#endif
