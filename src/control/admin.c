/* The admin endpoint: one request a connection, small, bounded, on control's own loop, so that it
 * answers while the workers are busy. */
#include "weir/control/control.h"
#include "weir/http/message.h"
#include "weir/net/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

enum { CONNECTIONS_MAX = 64, TIME_MS = 10000, HEAD_BYTES_MAX = 8192, FIELDS_MAX = 64 };

struct connection {
    struct weir_admin *admin;
    struct weir_stream stream;
    struct weir_deadline deadline; /* for all of it */
    bool is_answered;              /* what comes now is dropped until the client's end */
    uint32_t len;
    struct weir_head head;
    struct weir_gather out;
    char *body; /* of the answer */
    struct connection *prev, *next;
    char data[HEAD_BYTES_MAX + 1];
};

struct weir_admin {
    struct weir_control *control;
    struct weir_acceptor acceptor;
    bool is_closed;
    unsigned n_connections;
    struct connection *connections;
};

struct answer {
    unsigned status;
    const char *reason;
    const char *type;
    const char *fields; /* more lines, each with its end */
    const char *body;
    char *owned; /* freed with the connection; the body then */
};

#define CONNECTION_OF(pointer, member)                                                             \
    ((struct connection *)(void *)((char *)(pointer)-offsetof(struct connection, member)))

static const char text_type[] = "text/plain; charset=utf-8";

static void release(struct weir_admin *admin)
{
    if (admin->is_closed && admin->n_connections == 0)
        free(admin);
}

static void on_stream_closed(struct weir_stream *stream)
{
    struct connection *connection = CONNECTION_OF(stream, stream);
    struct weir_admin *admin = connection->admin;

    DL_DELETE(admin->connections, connection);
    admin->n_connections--;
    free(connection->body);
    free(connection);
    release(admin);
}

static void close_connection(struct connection *connection)
{
    weir_deadline_cancel(&connection->deadline);
    weir_gather_clear(&connection->out);
    weir_head_fini(&connection->head);
    weir_stream_close(&connection->stream);
}

static struct answer get_stats(struct weir_control *control)
{
    char *text = weir_stats_print(control);

    if (!text)
        return (struct answer){503, "Service Unavailable", text_type, "", "out of memory\n", NULL};
    return (struct answer){200,  "OK", "application/json", "Cache-Control: no-store\r\n",
                           text, text};
}

static struct answer get_health(struct weir_control *control)
{
    if (control->state == WEIR_CONTROL_running)
        return (struct answer){200, "OK", text_type, "", "serving\n", NULL};
    return (struct answer){503, "Service Unavailable", text_type, "", "draining\n", NULL};
}

static const struct {
    const char *path;
    struct answer (*get)(struct weir_control *control);
} pages[] = {{"/stats", get_stats}, {"/healthz", get_health}};

static struct answer answer_request(struct weir_control *control, const struct weir_head *head,
                                    const char *base)
{
    struct weir_request request;

    if (weir_request_read(&request, head, base) || request.framing.kind == WEIR_FRAMING_CHUNKED)
        return (struct answer){400, "Bad Request", text_type, "", "the request is not valid\n",
                               NULL};
    for (size_t i = 0; i < sizeof(pages) / sizeof(*pages); i++) {
        if (!weir_slice_is(request.path, pages[i].path))
            continue;
        if (request.method == WEIR_METHOD_GET || request.method == WEIR_METHOD_HEAD)
            return pages[i].get(control);
        return (struct answer){
            405, "Method Not Allowed", text_type, "Allow: GET, HEAD\r\n", "only GET and HEAD\n",
            NULL};
    }
    return (struct answer){404, "Not Found", text_type, "", "there is /stats and /healthz\n", NULL};
}

/* Writes what is left; then waits for the client's end, so that no reset kills the answer. */
static void write_out(struct connection *connection)
{
    ssize_t n = weir_stream_write(&connection->stream, &connection->out);
    bool is_done = weir_gather_is_empty(&connection->out);

    if (n < 0 && n != WEIR_STREAM_PAUSED) {
        close_connection(connection);
        return;
    }
    if (is_done)
        weir_stream_shut(&connection->stream);
    if (weir_stream_want(&connection->stream, is_done ? WEIR_WANT_READ : WEIR_WANT_WRITE) != 0)
        close_connection(connection);
}

static void send_answer(struct connection *connection, const struct answer *answer, bool no_body)
{
    struct weir_gather *out = &connection->out;

    connection->is_answered = true;
    connection->body = answer->owned;
    weir_gather_print(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
                      answer->status, answer->reason, answer->type, strlen(answer->body));
    weir_gather_print(out, "%sConnection: close\r\n\r\n", answer->fields);
    if (!no_body)
        weir_gather_add(out, weir_slice_from(answer->body));
    write_out(connection);
}

static void on_head(struct connection *connection)
{
    static const struct weir_head_limits limits = {.bytes_max = HEAD_BYTES_MAX,
                                                   .fields_max = FIELDS_MAX};
    struct weir_head *head = &connection->head;
    enum weir_error error = weir_head_parse(head, connection->data, connection->len, &limits);
    struct answer answer;

    if (error) {
        answer = (struct answer){weir_error_status(error), "Refused", text_type, "",
                                 weir_error_text(error),   NULL};
        send_answer(connection, &answer, false);
    } else if (head->complete) {
        bool is_head = weir_slice_is(weir_span_in(connection->data, head->method), "HEAD");
        answer = answer_request(connection->admin->control, head, connection->data);
        send_answer(connection, &answer, is_head);
    } else if (weir_stream_want(&connection->stream, WEIR_WANT_READ) != 0) {
        close_connection(connection);
    }
}

static void read_in(struct connection *connection)
{
    char dropped[4096];
    size_t room = sizeof(connection->data) - connection->len;
    ssize_t n = connection->is_answered
                    ? weir_stream_read(&connection->stream, dropped, sizeof(dropped))
                    : weir_stream_read(&connection->stream, connection->data + connection->len,
                                       room);

    if (n > 0 && !connection->is_answered) {
        connection->len += (uint32_t)n;
        on_head(connection);
    } else if ((n <= 0 && n != WEIR_STREAM_PAUSED) ||
               weir_stream_want(&connection->stream, WEIR_WANT_READ) != 0) {
        close_connection(connection);
    }
}

static void on_ready(struct weir_stream *stream, unsigned ready)
{
    struct connection *connection = CONNECTION_OF(stream, stream);

    if (ready & WEIR_WANT_WRITE)
        write_out(connection);
    else
        read_in(connection);
}

static void on_late(struct weir_deadline *deadline)
{
    close_connection(CONNECTION_OF(deadline, deadline));
}

/* Who came first has had the most time: whoever holds a place for ever can't keep others out. */
static void make_room(struct weir_admin *admin)
{
    struct connection *connection;

    DL_FOREACH(admin->connections, connection) {
        if (!connection->stream.is_closed) {
            close_connection(connection);
            return;
        }
    }
}

static void on_accept(struct weir_acceptor *acceptor, int fd, const struct weir_address *peer)
{
    struct weir_admin *admin = (struct weir_admin *)(void *)((char *)acceptor -
                                                             offsetof(struct weir_admin, acceptor));
    struct connection *connection = calloc(1, sizeof(*connection));

    (void)peer;
    if (admin->n_connections >= CONNECTIONS_MAX)
        make_room(admin);
    if (!connection) {
        close(fd);
        return;
    }
    connection->admin = admin;
    weir_stream_init(&connection->stream, &admin->control->loop, fd);
    connection->stream.on_ready = on_ready;
    connection->stream.on_closed = on_stream_closed;
    connection->deadline.on_expire = on_late;
    weir_gather_init(&connection->out);
    weir_head_init(&connection->head, WEIR_HEAD_REQUEST);
    DL_APPEND(admin->connections, connection);
    admin->n_connections++;
    weir_loop_deadline(&admin->control->loop, &connection->deadline, TIME_MS);
    read_in(connection);
}

static void on_acceptor_closed(struct weir_acceptor *acceptor)
{
    struct weir_admin *admin = (struct weir_admin *)(void *)((char *)acceptor -
                                                             offsetof(struct weir_admin, acceptor));

    admin->is_closed = true;
    release(admin);
}

struct weir_admin *weir_admin_open(struct weir_control *control, char *fault, size_t fault_size)
{
    const struct weir_config *config = control->generation->config;
    struct weir_admin *admin = calloc(1, sizeof(*admin));
    struct weir_address address;
    const char *reason = "";
    int fd, error;

    snprintf(fault, fault_size, "out of memory");
    if (!admin)
        return NULL;
    if (!weir_endpoint_to_address(&config->admin_endpoint, &address) &&
        !weir_address_resolve(&config->admin_endpoint, &address, &reason)) {
        snprintf(fault, fault_size, "admin.listen: %s: %s", config->admin_listen, reason);
        goto fail;
    }
    error = weir_control_probe(&address);
    fd = error ? error : weir_acceptor_bind(&address, false);
    if (fd < 0) {
        snprintf(fault, fault_size, "admin.listen: cannot listen on %s: %s", config->admin_listen,
                 strerror(-fd));
        goto fail;
    }
    admin->control = control;
    admin->acceptor.on_accept = on_accept;
    admin->acceptor.on_closed = on_acceptor_closed;
    error = weir_acceptor_start(&admin->acceptor, &control->loop, fd);
    if (error == 0)
        return admin;
    snprintf(fault, fault_size, "admin.listen: %s", strerror(-error));
fail:
    free(admin);
    return NULL;
}

void weir_admin_close(struct weir_admin *admin)
{
    struct connection *connection;

    weir_acceptor_close(&admin->acceptor, false);
    DL_FOREACH(admin->connections, connection) {
        if (!connection->stream.is_closed)
            close_connection(connection);
    }
}
