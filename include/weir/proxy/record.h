/* A line of the access log: what is known of one exchange, as JSON or in the combined format. Pure.
 *
 * Nothing in a request can end a line or a field early: see escape.h. Texts that are too long for a
 * line end in "...", and a JSON object then has "cut": true. */
#ifndef WEIR_PROXY_RECORD_H
#define WEIR_PROXY_RECORD_H

#include "weir/base/error.h"
#include "weir/base/slice.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR_RECORD_MAX = 65536, WEIR_RECORD_NONE = -1 };

/* A text without data is not known. */
struct weir_record {
    uint64_t begun_us; /* since 1970 */
    struct weir_slice client;
    unsigned client_port; /* 0: none */
    const char *listener;
    const char *pool, *server; /* NULL: none */
    const char *request_id;    /* NULL or "": none; JSON alone */
    struct weir_slice method, target, host;
    struct weir_slice referer, user_agent;
    int minor;            /* of HTTP/1.minor; WEIR_RECORD_NONE: not known */
    unsigned status;      /* 0: none was sent */
    uint64_t bytes_in;    /* the request's head and the content of its body */
    uint64_t bytes_out;   /* all that the client was sent */
    uint64_t content_out; /* of which content, and what was to be sent of it */
    int64_t queue_us, connect_us, first_byte_us; /* WEIR_RECORD_NONE: did not come to it */
    int64_t total_us;
    bool is_reused;
    uint64_t connection_requests; /* on the server's connection, with this one; 0: there was none */
    uint64_t connection_age_ms;
    unsigned retries;
    enum weir_error reason; /* WEIR_OK: it went as it should */
};

/* What stays the same for a second. All zero at first. Thread: its owner's. */
struct weir_record_clock {
    uint64_t second;
    char json[24], combined[32];
};

/* Writes the line, with its end, to TEXT, which holds WEIR_RECORD_MAX bytes. Returns its length. */
size_t weir_record_print_json(const struct weir_record *record, struct weir_record_clock *clock,
                              char *text);
size_t weir_record_print_combined(const struct weir_record *record, struct weir_record_clock *clock,
                                  char *text);

#endif
