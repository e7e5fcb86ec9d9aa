/* One HTTP/1.x message, read strictly: CRLF only, no folding, token names, one framing, exact chunk
 * lines. What this reader accepts is canonical; anything else fails the test. It is the tests' own,
 * so that weir's parser is never held against itself. */
#ifndef WEIR_E2E_T_MESSAGE_H
#define WEIR_E2E_T_MESSAGE_H

#include "t_base.h"
#include "t_conn.h"

#include <stdbool.h>
#include <stddef.h>

enum t_framing { T_FRAMING_NONE, T_FRAMING_LENGTH, T_FRAMING_CHUNKED, T_FRAMING_CLOSE };

struct t_field {
    const char *name;  /* as received */
    const char *value; /* without the spaces around it */
};

/* Everything in it lies in memory of its own and is terminated by NUL besides its length. */
struct t_message {
    bool is_response;
    int version;        /* 10 or 11 */
    int status;         /* response */
    const char *reason; /* response */
    const char *method; /* request */
    const char *target; /* request */
    struct t_field *fields;
    size_t field_count;
    const char *head; /* exactly as received, with the empty line */
    size_t head_len;
    enum t_framing framing;
    const char *body; /* decoded */
    size_t body_len;
    size_t chunk_count; /* without the last, empty one */
    struct t_field *trailers;
    size_t trailer_count;
    size_t raw_len; /* of the whole message on the wire */
    void *memory;   /* owned: what all of the above points into */
};

enum t_parse_result { T_PARSE_MORE, T_PARSE_DONE, T_PARSE_BROKEN };

/* Reads a message from the beginning of DATA. REQUEST_METHOD: null to read a request, else the
 * method that the response answers (HEAD has no body). AT_END: nothing will follow DATA. Owns:
 * fills *message only when DONE; free it with `t_message_fini`. *wrong says what was BROKEN.
 * Thread: any. */
enum t_parse_result t_message_parse(struct t_message *message, const char *data, size_t len,
                                    const char *request_method, bool at_end, const char **wrong);
void t_message_fini(struct t_message *message);

/* Reads one complete request, or one complete response to a METHOD request. An interim response
 * (1xx) is a message of its own. */
struct t_message *t_read_request(struct t_conn *conn);
struct t_message *t_read_response(struct t_conn *conn, const char *request_method);
#define t_read_request(...) T_AT((t_read_request)(__VA_ARGS__))
#define t_read_response(...) T_AT((t_read_response)(__VA_ARGS__))

/* Reads just a head, up to the empty line, as text: for bodies too big to hold. */
char *t_read_head(struct t_conn *conn);
#define t_read_head(...) T_AT((t_read_head)(__VA_ARGS__))

/* The value of the only field of that name (any case); null when there is none. Fails when
 * repeated. */
const char *t_field(const struct t_message *message, const char *name);
const char *t_trailer(const struct t_message *message, const char *name);
#define t_field(...) T_AT((t_field)(__VA_ARGS__))
#define t_trailer(...) T_AT((t_trailer)(__VA_ARGS__))

/* How often the field occurs. Thread: any. */
size_t t_field_count(const struct t_message *message, const char *name);

/* Sends GET TARGET (HTTP/1.1, Host: test) on the connection and reads the answer. */
struct t_message *t_get(struct t_conn *conn, const char *target);
#define t_get(...) T_AT((t_get)(__VA_ARGS__))

#endif
