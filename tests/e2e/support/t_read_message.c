/* Messages off a connection. */
#define T_HARNESS
#include "t_conn.h"
#include "t_internal.h"
#include "t_message.h"

#include <string.h>
#include <strings.h>

static struct t_message *read_message(struct t_conn *conn, const char *method)
{
    const char *what = method ? "response" : "request";
    struct t_message *message = t_alloc(sizeof(*message));
    const char *wrong = NULL;
    int64_t deadline = t_deadline_ms();
    for (;;) {
        bool ended = conn->at_end || conn->error;
        enum t_parse_result result = t_message_parse(message, conn->in, conn->in_len, method,
                                                     conn->at_end, &wrong);
        if (result == T_PARSE_DONE)
            break;
        if (result == T_PARSE_BROKEN || ended)
            t_fail("%s: not a complete, strictly valid %s: %s\n  got %zu bytes: \"%s\"", conn->name,
                   what, wrong ? wrong : "the connection was reset", conn->in_len,
                   t_escape(conn->in, conn->in_len));
        if (!t_conn_fill(conn, deadline))
            t_fail("%s: the %s does not become complete in time\n  got %zu bytes: \"%s\"",
                   conn->name, what, conn->in_len, t_escape(conn->in, conn->in_len));
    }
    t_conn_consume(conn, message->raw_len);
    return message;
}

struct t_message *t_read_request(struct t_conn *conn)
{
    return read_message(conn, NULL);
}

struct t_message *t_read_response(struct t_conn *conn, const char *request_method)
{
    return read_message(conn, request_method);
}

char *t_read_head(struct t_conn *conn)
{
    return t_read_until(conn, "\r\n\r\n");
}

static const char *only(const struct t_field *fields, size_t count, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(fields[i].name, name) != 0)
            continue;
        if (value)
            t_fail("the field %s comes more than once: \"%s\" and \"%s\"", name, value,
                   fields[i].value);
        value = fields[i].value;
    }
    return value;
}

const char *t_field(const struct t_message *message, const char *name)
{
    return only(message->fields, message->field_count, name);
}

const char *t_trailer(const struct t_message *message, const char *name)
{
    return only(message->trailers, message->trailer_count, name);
}

struct t_message *t_get(struct t_conn *conn, const char *target)
{
    t_sendf(conn, "GET %s HTTP/1.1\r\nHost: test\r\n\r\n", target);
    return read_message(conn, "GET");
}
