/* One connection of the probe, and one exchange on it. Blocks, but never past the given moment. */
#ifndef WEIR_CLI_PROBE_CONN_H
#define WEIR_CLI_PROBE_CONN_H

#include "weir/http/message.h"
#include "weir/net/address.h"
#include "weir/net/tls.h"
#include "weir/net/tls_dialer.h"

#include <stdbool.h>
#include <stdint.h>

/* How an exchange went. */
enum weir_probe_outcome {
    WEIR_PROBE_ANSWERED,  /* to the last byte */
    WEIR_PROBE_CLOSED,    /* the server's FIN came before an answer's last byte */
    WEIR_PROBE_RESET,     /* its reset did */
    WEIR_PROBE_SILENT,    /* the moment passed */
    WEIR_PROBE_BROKEN,    /* what came is not HTTP as weir reads it */
    WEIR_PROBE_TOO_LARGE, /* more than a probe should fetch */
};

struct weir_probe_answer {
    enum weir_probe_outcome outcome;
    bool has_begun;         /* a byte of it came */
    bool stops_at_continue; /* set before: a 100 is taken for the answer */
    bool is_continued;      /* a 100 came */
    bool is_keep_alive;
    bool is_ended; /* by the server's FIN: a body without a length */
    bool has_left; /* bytes came behind its end */
    uint8_t minor;
    unsigned status;
    uint64_t timeout_ms, requests_more; /* of Keep-Alive; 0 and UINT64_MAX: not said */
    uint64_t first_byte_us;             /* since the request was sent */
    char server[64];                    /* the Server field */
    enum weir_error error;              /* of BROKEN */
};

enum { WEIR_PROBE_BUFFER = 65536 };

/* How TLS is spoken to the server; of the probe as a whole. */
struct weir_probe_tls {
    struct weir_tls_dialer *dialer;
    const char *name;
    struct weir_slab blocks;
    const char
        *fault; /* why the last handshake failed, for people: static; NULL: an errno says it */
    bool is_untrusted; /* the certificate is not accepted */
};

struct weir_probe_conn {
    int fd;               /* -1: not open */
    struct weir_tls *tls; /* NULL: plain */
    struct weir_probe_tls *manner;
    bool is_reset; /* noticed while sending */
    uint64_t connect_us;
    uint64_t sent_us;       /* when the last request began to go out */
    uint64_t idle_since_us; /* the end of the last exchange, or of the connect */
    size_t len;             /* in the buffer */
    char buffer[WEIR_PROBE_BUFFER];
};

uint64_t weir_probe_now_us(void);

/* TLS NULL: plain. 0, or -errno, and it is not open. */
int weir_probe_open(struct weir_probe_conn *conn, const struct weir_address *address,
                    struct weir_probe_tls *tls, uint64_t until_us);

/* What has come, without waiting: bytes, 0 at the end, or -errno: -EAGAIN where nothing has. PEEK:
 * it stays there. */
ssize_t weir_probe_take(struct weir_probe_conn *conn, char *data, size_t len, bool peek);

/* As weir ends a connection whose exchange is complete: with a reset, so that neither side keeps
 * TIME_WAIT. Idempotent. */
void weir_probe_close(struct weir_probe_conn *conn);

/* An answer of which nothing is known. */
#define WEIR_PROBE_ANSWER_INIT                                                                     \
    {                                                                                              \
        .requests_more = UINT64_MAX                                                                \
    }

/* Sends a request and reads its answer. */
void weir_probe_ask(struct weir_probe_conn *conn, const char *request, enum weir_method method,
                    uint64_t until_us, struct weir_probe_answer *answer);

/* Reads an answer, or goes on to after SILENT. *answer says what is known of it so far. */
void weir_probe_read(struct weir_probe_conn *conn, enum weir_method method, uint64_t until_us,
                     struct weir_probe_answer *answer);

/* Sends. False: the connection does not take it. */
bool weir_probe_send(struct weir_probe_conn *conn, const char *text, uint64_t until_us);

#endif
