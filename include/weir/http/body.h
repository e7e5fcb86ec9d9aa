/* The body as it comes in: what of the bytes is content, and where it ends. Pure; the bytes stay
 * where they are. */
#ifndef WEIR_HTTP_BODY_H
#define WEIR_HTTP_BODY_H

#include "weir/http/message.h"

enum weir_body_event {
    WEIR_BODY_MORE,     /* needs more bytes than these */
    WEIR_BODY_DATA,     /* a slice of content */
    WEIR_BODY_TRAILERS, /* a trailer section begins here: read it as a head, then weir_body_end */
    WEIR_BODY_END,      /* the body is complete; what follows is not part of it */
    WEIR_BODY_BAD       /* the chunked coding is broken */
};

/* Embedded in whatever reads the message. */
struct weir_body {
    enum weir_framing_kind kind;
    uint8_t state;          /* within the chunked coding */
    uint8_t digits;         /* of the chunk size so far */
    uint16_t ignored;       /* bytes of the chunk extension so far */
    uint64_t left;          /* of the length, or of the chunk */
    uint64_t content_bytes; /* seen so far */
};

void weir_body_init(struct weir_body *body, struct weir_framing framing);

/* Reads from DATA: *used bytes of it are done with, of which SLICE is content if DATA came back.
 * Source: RFC 9112 sections 6.3 and 7.1; sizes of at most 16 digits, extensions of at most 1 KiB,
 * which are dropped. */
enum weir_body_event weir_body_next(struct weir_body *body, const char *data, size_t len,
                                    size_t *used, struct weir_slice *slice);

/* LEN bytes of content, of those that are left of a length, went by unseen. */
void weir_body_skip(struct weir_body *body, uint64_t len);

/* The trailer section has been read: the body is complete. */
void weir_body_end(struct weir_body *body);

bool weir_body_is_complete(const struct weir_body *body);

/* Would the end of the connection, coming now, complete the body? */
bool weir_body_may_end_by_close(const struct weir_body *body);

#endif
