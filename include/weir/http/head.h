/* Message heads, read in place: a head is a run of bytes in somebody's buffer, and a field is a
 * pair of offsets into it, so that an untouched line can travel on as it came, uncopied.
 *
 * Strict by construction: every byte of a head is held against the grammar of RFC 9112 sections 2
 * to 5 as it is read. Bare CR, bare LF, NUL, folded lines, and blanks before a colon are errors.
 * Pure: no I/O, no clock, no allocation. */
#ifndef WEIR_HTTP_HEAD_H
#define WEIR_HTTP_HEAD_H

#include "weir/base/error.h"
#include "weir/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* Fields that weir itself reads or writes: name, spelling; by length. */
#define WEIR_FIELDS(X)                                                                             \
    X(OTHER, "")                                                                                   \
    X(TE, "TE")                                                                                    \
    X(VIA, "Via")                                                                                  \
    X(HOST, "Host")                                                                                \
    X(EXPECT, "Expect")                                                                            \
    X(TRAILER, "Trailer")                                                                          \
    X(UPGRADE, "Upgrade")                                                                          \
    X(FORWARDED, "Forwarded")                                                                      \
    X(CONNECTION, "Connection")                                                                    \
    X(KEEP_ALIVE, "Keep-Alive")                                                                    \
    X(X_FORWARDED_OTHER, "X-Forwarded-")                                                           \
    X(CONTENT_LENGTH, "Content-Length")                                                            \
    X(HTTP2_SETTINGS, "HTTP2-Settings")                                                            \
    X(IDEMPOTENCY_KEY, "Idempotency-Key")                                                          \
    X(X_FORWARDED_FOR, "X-Forwarded-For")                                                          \
    X(X_FORWARDED_HOST, "X-Forwarded-Host")                                                        \
    X(PROXY_CONNECTION, "Proxy-Connection")                                                        \
    X(X_FORWARDED_PROTO, "X-Forwarded-Proto")                                                      \
    X(TRANSFER_ENCODING, "Transfer-Encoding")                                                      \
    X(PROXY_AUTHENTICATE, "Proxy-Authenticate")                                                    \
    X(PROXY_AUTHORIZATION, "Proxy-Authorization")

enum weir_field_id {
#define WEIR_FIELD_ROW(name, spelling) WEIR_FIELD_##name,
    WEIR_FIELDS(WEIR_FIELD_ROW)
#undef WEIR_FIELD_ROW
};

/* One field line. The line runs from `at` to the next field's `at`, or to the head's `fields_end`.
 */
struct weir_field {
    uint32_t at, name_len;
    uint32_t value_at, value_len; /* without the blanks around it */
    enum weir_field_id id;
};

struct weir_span {
    uint32_t at, len;
};

enum weir_head_kind { WEIR_HEAD_REQUEST, WEIR_HEAD_RESPONSE, WEIR_HEAD_TRAILERS };

enum { WEIR_FIELDS_INLINE = 100 };

/* A head as far as it has been read. Owned by whoever reads the message; all offsets count from
 * the first byte given to weir_head_parse. */
struct weir_head {
    enum weir_head_kind kind;
    bool complete;
    uint8_t minor;           /* of the version as received: HTTP/1.minor */
    uint16_t status;         /* responses */
    struct weir_span method; /* requests */
    struct weir_span target; /* requests */
    struct weir_span reason; /* responses */
    uint32_t start;          /* where the start line begins: empty lines may come before it */
    uint32_t line, scanned;  /* the first line not read yet; how far its end was looked for */
    uint32_t fields_end;     /* where the blank line begins */
    uint32_t end;            /* just after the blank line, once complete */
    uint32_t n_fields, fields_max;
    uint64_t kinds;            /* of fields that are there: a bit for each enum weir_field_id */
    struct weir_field *fields; /* `own`, or the owner's array where limits allow more */
    struct weir_field own[WEIR_FIELDS_INLINE];
};

struct weir_head_limits {
    uint32_t bytes_max;  /* of the whole head */
    uint32_t fields_max; /* above WEIR_FIELDS_INLINE, weir_head_grow is asked for an array */
};

/* Gets a head ready for weir_head_parse. */
void weir_head_init(struct weir_head *head, enum weir_head_kind kind);
/* Frees the array that a head with very many fields had. Idempotent. */
void weir_head_fini(struct weir_head *head);

/* Reads on. BASE holds LEN bytes of the message from its start; calls after the first see more of
 * the same bytes, perhaps at another place. Returns WEIR_OK, with head->complete or, while more
 * bytes are needed, without; or what is wrong. A response's faults are all WEIR_BAD_RESPONSE.
 * Source: RFC 9112 sections 2.2, 3, 4, 5. */
enum weir_error weir_head_parse(struct weir_head *head, const char *base, size_t len,
                                const struct weir_head_limits *limits);

static inline struct weir_slice weir_span_in(const char *base, struct weir_span span)
{
    return weir_slice_make(base + span.at, span.len);
}

static inline struct weir_slice weir_field_name(const char *base, const struct weir_field *field)
{
    return weir_slice_make(base + field->at, field->name_len);
}

static inline struct weir_slice weir_field_value(const char *base, const struct weir_field *field)
{
    return weir_slice_make(base + field->value_at, field->value_len);
}

/* Which known field a name is; any X-Forwarded- that has no row is X_FORWARDED_OTHER. */
enum weir_field_id weir_field_identify(struct weir_slice name);

/* Is there a field of this kind? Most questions about a head end here. */
static inline bool weir_head_has(const struct weir_head *head, enum weir_field_id id)
{
    return (head->kinds >> id & 1) != 0;
}

/* The first field of this kind, or NULL. */
const struct weir_field *weir_head_find(const struct weir_head *head, enum weir_field_id id);

/* Is this a token (RFC 9110 section 5.6.2)? */
bool weir_is_token(struct weir_slice text);

#endif
