/* The admin endpoint: one request a connection, small, bounded, on control's own loop, so that it
 * answers while the workers are busy. What the requests ask for is in admin_route.c. */
#include "weir/control/admin.h"

#include "weir/control/listing.h"
#include "weir/net/socket_file.h"
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
    struct weir_deadline deadline; /* for all of it but a command's doing */
    bool is_read;                  /* the head is; a body may follow, to be dropped */
    bool is_answered;              /* what comes now is dropped until the client's end */
    bool has_no_body;              /* the answer: the request is a HEAD */
    enum weir_action action;       /* once the head is read */
    struct weir_order order;
    uint64_t body_left;
    struct weir_command *command; /* under way, as is a listing */
    struct weir_listing *listing;
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
    struct weir_socket_file *file; /* of a Unix socket; NULL: it is none */
    bool is_closed;
    unsigned n_connections;
    struct connection *connections;
};

#define CONNECTION_OF(pointer, member)                                                             \
    ((struct connection *)(void *)((char *)(pointer)-offsetof(struct connection, member)))

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
    if (connection->command)
        weir_command_abandon(connection->command);
    connection->command = NULL;
    if (connection->listing)
        weir_listing_abandon(connection->listing);
    connection->listing = NULL;
    weir_gather_clear(&connection->out);
    weir_head_fini(&connection->head);
    weir_stream_close(&connection->stream);
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

static void send_answer(struct connection *connection, const struct weir_answer *answer)
{
    struct weir_gather *out = &connection->out;

    connection->is_answered = true;
    connection->body = answer->owned;
    weir_gather_print(out, "HTTP/1.1 %u %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n",
                      answer->status, weir_status_reason(answer->status), answer->type,
                      strlen(answer->body));
    weir_gather_copy(out, weir_slice_from(answer->fields));
    weir_gather_print(out, "Connection: close\r\n\r\n");
    if (!connection->has_no_body && answer->status != 304)
        weir_gather_add(out, weir_slice_from(answer->body));
    write_out(connection);
}

static void want_more(struct connection *connection)
{
    if (weir_stream_want(&connection->stream, WEIR_WANT_READ) != 0)
        close_connection(connection);
}

/* The command is done; or its connection is gone, and nobody hears of it. */
static void on_command_done(void *owner, const struct weir_outcome *outcome)
{
    struct connection *connection = owner;
    struct weir_answer answer = weir_answer_copy(outcome->status, outcome->text);

    connection->command = NULL;
    weir_loop_deadline(&connection->admin->control->loop, &connection->deadline, TIME_MS);
    send_answer(connection, &answer);
}

/* From here on only the client's patience counts, which ends with its connection. */
static void command(struct connection *connection)
{
    static const struct weir_command_events events = {.on_done = on_command_done};
    struct weir_outcome outcome;
    struct weir_answer answer;

    connection->command = weir_command_begin(connection->admin->control, &connection->order,
                                             &events, connection, &outcome);
    if (connection->command) {
        weir_deadline_cancel(&connection->deadline);
        want_more(connection);
        return;
    }
    answer = weir_answer_copy(outcome.status, outcome.text);
    send_answer(connection, &answer);
}

static void on_listed(void *owner, char *text)
{
    struct connection *connection = owner;
    struct weir_answer answer = weir_answer_json(text);

    connection->listing = NULL;
    send_answer(connection, &answer);
}

/* The deadline stays: the listing has a shorter one. */
static void list(struct connection *connection)
{
    static const struct weir_listing_events events = {.on_done = on_listed};
    struct weir_answer answer;

    connection->listing = weir_listing_begin(connection->admin->control, &events, connection);
    if (connection->listing) {
        want_more(connection);
        return;
    }
    answer = weir_answer_line(503, "too many ask for /connections at once\n");
    send_answer(connection, &answer);
}

/* The request is here to its last byte. */
static void act(struct connection *connection)
{
    struct weir_control *control = connection->admin->control;
    struct weir_answer answer;

    if (connection->action == WEIR_ACTION_COMMAND) {
        command(connection);
        return;
    }
    answer = connection->action == WEIR_ACTION_RELOAD ? weir_admin_reload(control)
             : connection->action == WEIR_ACTION_TRY  ? weir_admin_try(control)
                                                      : weir_admin_drain(control);
    send_answer(connection, &answer);
}

static void on_body(struct connection *connection, uint64_t len)
{
    connection->body_left -= len < connection->body_left ? len : connection->body_left;
    if (connection->body_left == 0)
        act(connection);
    else
        want_more(connection);
}

/* Where did it come to? */
static enum weir_admin_way find_way(const struct connection *connection)
{
    static const uint8_t v4[13] = {[10] = 0xff, 0xff, 127}, v6[16] = {[15] = 1};
    struct weir_address own = {.len = sizeof(own.storage)};
    uint8_t bytes[16];

    if (connection->admin->file)
        return WEIR_ADMIN_BY_UNIX;
    if (getsockname(connection->stream.fd, &own.any, &own.len) != 0 ||
        !weir_address_to_mapped(&own, bytes))
        return WEIR_ADMIN_BY_NETWORK;
    return memcmp(bytes, v4, sizeof(v4)) == 0 || memcmp(bytes, v6, sizeof(v6)) == 0
               ? WEIR_ADMIN_BY_LOOPBACK
               : WEIR_ADMIN_BY_NETWORK;
}

static void on_request(struct connection *connection)
{
    const struct weir_head *head = &connection->head;
    struct weir_answer answer;
    struct weir_request request;

    if (weir_request_read(&request, head, connection->data)) {
        answer = weir_answer_line(400, "the request is not valid\n");
        send_answer(connection, &answer);
        return;
    }
    connection->has_no_body = request.method == WEIR_METHOD_HEAD;
    connection->action = weir_admin_route(connection->admin->control, &request, head,
                                          connection->data, find_way(connection),
                                          &connection->order, &answer);
    if (connection->action == WEIR_ACTION_ANSWER) {
        send_answer(connection, &answer);
        return;
    }
    connection->is_read = true;
    if (connection->action == WEIR_ACTION_LIST) {
        list(connection);
        return;
    }
    if (request.framing.kind == WEIR_FRAMING_LENGTH)
        connection->body_left = request.framing.length;
    on_body(connection, connection->len - head->end);
}

static void on_head(struct connection *connection)
{
    static const struct weir_head_limits limits = {.bytes_max = HEAD_BYTES_MAX,
                                                   .fields_max = FIELDS_MAX};
    struct weir_head *head = &connection->head;
    enum weir_error error = weir_head_parse(head, connection->data, connection->len, &limits);
    struct weir_answer answer;

    if (error) {
        answer = weir_answer_line(weir_error_status(error), weir_error_text(error));
        send_answer(connection, &answer);
    } else if (head->complete) {
        on_request(connection);
    } else {
        want_more(connection);
    }
}

static void read_in(struct connection *connection)
{
    char dropped[4096];
    size_t room = sizeof(connection->data) - connection->len;
    bool is_head = !connection->is_answered && !connection->is_read;
    ssize_t n = is_head ? weir_stream_read(&connection->stream, connection->data + connection->len,
                                           room)
                        : weir_stream_read(&connection->stream, dropped, sizeof(dropped));

    if (n <= 0 && n != WEIR_STREAM_PAUSED) {
        close_connection(connection);
    } else if (n > 0 && is_head) {
        connection->len += (uint32_t)n;
        on_head(connection);
    } else if (n > 0 && !connection->is_answered && !connection->command && !connection->listing) {
        on_body(connection, (uint64_t)n);
    } else {
        want_more(connection);
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

/* Fails: -1, and FAULT says why. */
static int listen_at(struct weir_admin *admin, const struct weir_config *config, char *fault,
                     size_t fault_size)
{
    struct weir_address address;
    const char *reason = "";
    char why[256];
    int fd;

    if (!weir_endpoint_to_address(&config->admin_endpoint, &address) &&
        !weir_address_resolve(&config->admin_endpoint, &address, &reason)) {
        snprintf(fault, fault_size, "admin.listen: %s: %s", config->admin_listen, reason);
        return -1;
    }
    if (address.any.sa_family == AF_UNIX) {
        admin->file = weir_socket_file_open(&address, (mode_t)config->admin_socket_mode, why,
                                            sizeof(why));
        fd = admin->file ? weir_socket_file_share(admin->file) : -1;
        if (admin->file && fd < 0)
            snprintf(why, sizeof(why), "%s", strerror(-fd));
    } else {
        int error = weir_control_probe(&address);
        fd = error ? error : weir_acceptor_bind(&address, false);
        if (fd < 0)
            snprintf(why, sizeof(why), "%s", strerror(-fd));
    }
    if (fd >= 0)
        return fd;
    snprintf(fault, fault_size, "admin.listen: cannot listen on %s: %s", config->admin_listen, why);
    return -1;
}

static void remove_file(struct weir_admin *admin)
{
    if (admin->file)
        weir_socket_file_close(admin->file);
    admin->file = NULL;
}

struct weir_admin *weir_admin_open(struct weir_control *control, char *fault, size_t fault_size)
{
    struct weir_admin *admin = calloc(1, sizeof(*admin));
    int fd, error;

    snprintf(fault, fault_size, "out of memory");
    if (!admin)
        return NULL;
    fd = listen_at(admin, control->generation->config, fault, fault_size);
    if (fd < 0)
        goto fail;
    admin->control = control;
    admin->acceptor.on_accept = on_accept;
    admin->acceptor.on_closed = on_acceptor_closed;
    error = weir_acceptor_start(&admin->acceptor, &control->loop, fd);
    if (error == 0)
        return admin;
    snprintf(fault, fault_size, "admin.listen: %s", strerror(-error));
fail:
    remove_file(admin);
    free(admin);
    return NULL;
}

void weir_admin_close(struct weir_admin *admin)
{
    struct connection *connection;

    remove_file(admin);
    weir_acceptor_close(&admin->acceptor, false);
    DL_FOREACH(admin->connections, connection) {
        if (!connection->stream.is_closed)
            close_connection(connection);
    }
}
