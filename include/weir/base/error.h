/* Everything that can go wrong with a request, as one table: a row is the word in logs and figures,
 * the side at fault, the status weir answers with while it still may, and the text that people get.
 */
#ifndef WEIR_BASE_ERROR_H
#define WEIR_BASE_ERROR_H

enum weir_side { WEIR_SIDE_NONE, WEIR_SIDE_CLIENT, WEIR_SIDE_SERVER, WEIR_SIDE_US };

/*   name, side, status, text */
#define WEIR_ERRORS(X)                                                                             \
    X(OK, NONE, 0, "no error")                                                                     \
    X(BAD_REQUEST_LINE, CLIENT, 400, "the request line is not valid HTTP/1.x")                     \
    X(BAD_TARGET, CLIENT, 400, "the request target is not valid")                                  \
    X(BAD_FIELD, CLIENT, 400, "a header field is not valid")                                       \
    X(BAD_HOST, CLIENT, 400, "the Host field is missing, repeated or not valid")                   \
    X(BAD_FRAMING, CLIENT, 400, "the length of the body could be read in two ways")                \
    X(BAD_CHUNK, CLIENT, 400, "the chunked body is not valid")                                     \
    X(BODY_CUT, CLIENT, 400, "the body ended before its announced length")                         \
    X(PLAIN_REQUEST, CLIENT, 400, "this port speaks TLS, and the request came without it")         \
    X(NO_ROUTE, CLIENT, 404, "no pool takes this request")                                         \
    X(HEAD_TIMEOUT, CLIENT, 408, "the request head did not arrive in time")                        \
    X(BODY_TIMEOUT, CLIENT, 408, "the request body did not arrive in time")                        \
    X(BODY_TOO_LARGE, CLIENT, 413, "the request body is too large")                                \
    X(TARGET_TOO_LONG, CLIENT, 414, "the request target is too long")                              \
    X(HEAD_TOO_LARGE, CLIENT, 431, "the request head is too large")                                \
    X(TOO_MANY_FIELDS, CLIENT, 431, "the request has too many header fields")                      \
    X(METHOD_NOT_CARRIED, CLIENT, 501, "weir does not carry CONNECT")                              \
    X(UNKNOWN_CODING, CLIENT, 501, "the transfer coding is not known")                             \
    X(CLIENT_GONE, CLIENT, 0, "the client closed the connection")                                  \
    X(WRITE_TIMEOUT, CLIENT, 0, "the client did not take the answer in time")                      \
    X(TUNNEL_IDLE, CLIENT, 0, "nothing came through the tunnel for too long")                      \
    X(TUNNEL_RESET, SERVER, 502, "the server reset the tunnel")                                    \
    X(TOO_MANY_CLIENTS, US, 503, "too many client connections")                                    \
    X(NO_SERVER, US, 503, "no server is up")                                                       \
    X(QUEUE_FULL, US, 503, "the queue for a server connection is full")                            \
    X(QUEUE_TIMEOUT, US, 503, "the wait for a server connection ran out")                          \
    X(NO_PORT, US, 503, "no local port is left to connect from")                                   \
    X(BAD_SOURCE, US, 503, "no `source` address can be connected from")                            \
    X(NO_SOCKET, US, 503, "weir can open no more sockets")                                         \
    X(NO_MEMORY, US, 503, "weir is out of memory")                                                 \
    X(SHUTDOWN, US, 503, "weir is shutting down")                                                  \
    X(CONNECT_FAILED, SERVER, 502, "a connection to the server could not be made")                 \
    X(CONNECT_TIMEOUT, SERVER, 502, "a connection to the server could not be made in time")        \
    X(TLS_FAILED, SERVER, 502, "TLS with the server could not be begun")                           \
    X(TLS_UNTRUSTED, SERVER, 502, "the server's certificate is not accepted")                      \
    X(SERVER_CLOSED, SERVER, 502, "the server closed the connection without an answer")            \
    X(SERVER_RESET, SERVER, 502, "the server reset the connection without an answer")              \
    X(BAD_RESPONSE, SERVER, 502, "the server's answer was not valid HTTP")                         \
    X(RESPONSE_CUT, SERVER, 502, "the server's answer was cut short")                              \
    X(RESPONSE_TIMEOUT, SERVER, 504, "the server did not answer in time")                          \
    X(STALL, SERVER, 504, "the server stopped taking the request or sending the answer")

enum weir_error {
#define WEIR_ERROR_ROW(name, side, status, text) WEIR_##name,
    WEIR_ERRORS(WEIR_ERROR_ROW)
#undef WEIR_ERROR_ROW
        WEIR_ERROR_COUNT
};

/* The word of the row in logs and figures, in capitals. */
const char *weir_error_name(enum weir_error error);
/* One sentence without a full stop, for people. */
const char *weir_error_text(enum weir_error error);
/* The status that weir answers with; 0 when there is nobody to answer. */
unsigned weir_error_status(enum weir_error error);
enum weir_side weir_error_side(enum weir_error error);

#endif
