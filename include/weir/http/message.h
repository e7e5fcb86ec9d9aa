/* What a complete head means: how the body is delimited, whether the connection lives on, where a
 * request wants to go. What could be read in two ways is an error. Pure. */
#ifndef WEIR_HTTP_MESSAGE_H
#define WEIR_HTTP_MESSAGE_H

#include "weir/http/head.h"

/* RFC 9110 section 9.3; TRACE and what stands before it are idempotent (section 9.2.2). */
enum weir_method {
    WEIR_METHOD_GET,
    WEIR_METHOD_HEAD,
    WEIR_METHOD_PUT,
    WEIR_METHOD_DELETE,
    WEIR_METHOD_OPTIONS,
    WEIR_METHOD_TRACE,
    WEIR_METHOD_POST,
    WEIR_METHOD_PATCH,
    WEIR_METHOD_CONNECT,
    WEIR_METHOD_OTHER
};

/* How the end of a body is known (RFC 9112 section 6.3). */
enum weir_framing_kind {
    WEIR_FRAMING_NONE, /* there is no body */
    WEIR_FRAMING_LENGTH,
    WEIR_FRAMING_CHUNKED,
    WEIR_FRAMING_CLOSE /* answers only: it lasts until the connection ends */
};

struct weir_framing {
    enum weir_framing_kind kind;
    uint64_t length; /* LENGTH; with NONE what a HEAD or 304 answer announced, else UINT64_MAX */
};

struct weir_request {
    enum weir_method method;
    struct weir_slice path;    /* of the target, without the query; "*" for OPTIONS * */
    struct weir_slice forward; /* the target as it is sent on: origin-form or "*" */
    struct weir_slice
        authority; /* the target's, else Host's; empty when an HTTP/1.0 client gave none */
    bool has_absolute_target; /* Host is then replaced by `authority` */
    bool is_keep_alive;
    bool expects_continue;
    bool is_repeatable; /* idempotent by method, or an Idempotency-Key says so */
    bool asks_upgrade;  /* to a protocol that may be asked for: upgrade.h */
    bool has_options;   /* Connection lists more than close and keep-alive */
    struct weir_framing framing;
};

struct weir_response {
    bool is_interim; /* 1xx */
    bool is_keep_alive;
    bool has_options; /* as of struct weir_request */
    struct weir_framing framing;
};

/* Slices point into BASE. Source: RFC 9112 sections 3.2, 3.3, 6, 9.3; RFC 9110
 * sections 7.2, 10.1.1. */
enum weir_error weir_request_read(struct weir_request *request, const struct weir_head *head,
                                  const char *base);

/* METHOD is that of the request that is answered. All faults are WEIR_BAD_RESPONSE, and so is a
 * 101: see weir_upgrade_is_answered. */
enum weir_error weir_response_read(struct weir_response *response, const struct weir_head *head,
                                   const char *base, enum weir_method method);

/* The host in AUTHORITY without its port. */
struct weir_slice weir_authority_host(struct weir_slice authority);

/* What the Connection fields of a head list: the or of these. Source: RFC 9110 section 7.6.1, RFC
 * 9112 section 9.3. */
enum { WEIR_OPTION_CLOSE = 1, WEIR_OPTION_KEEP_ALIVE = 2, WEIR_OPTION_OTHER = 4 };
unsigned weir_head_options(const struct weir_head *head, const char *base);

/* Is OPTION listed in a Connection field of this head? */
bool weir_head_has_option(const struct weir_head *head, const char *base, struct weir_slice option);

/* Does this field go on to the other side? False for what concerns one connection only (RFC 9110
 * section 7.6.1), for what Connection lists unless weir itself goes by it, and for framing, which
 * weir writes itself. HAS_OPTIONS: Connection lists more than close and keep-alive. */
bool weir_field_is_forwarded(const struct weir_head *head, const char *base,
                             const struct weir_field *field, bool has_options);

/* May this field stand in a trailer section (RFC 9110 section 6.5.1)? */
bool weir_field_is_trailer(const struct weir_field *field);

#endif
