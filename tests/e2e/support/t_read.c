/* Raw connections: reading and expecting. */
#define T_HARNESS
#include "t_conn.h"
#include "t_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { READ_PIECE = 64 * 1024 };

enum fill { FILL_BYTES, FILL_END, FILL_NOTHING };

/* Reads once, without waiting. */
static enum fill fill_now(struct t_conn *conn)
{
    if (conn->at_end || conn->error)
        return FILL_END;
    if (conn->fd < 0)
        t_fail("%s is closed, and was to read", conn->name);
    if (conn->in_size - conn->in_len < READ_PIECE) {
        size_t size = 2 * conn->in_size + READ_PIECE;
        char *bigger = t_alloc(size);
        if (conn->in_len)
            memcpy(bigger, conn->in, conn->in_len);
        conn->in = bigger;
        conn->in_size = size;
    }
    ssize_t got = conn->way ? conn->way->receive(conn, conn->in + conn->in_len, READ_PIECE)
                            : recv(conn->fd, conn->in + conn->in_len, READ_PIECE, 0);
    if (got > 0) {
        conn->in_len += (size_t)got;
        return FILL_BYTES;
    }
    if (got == 0)
        conn->at_end = true;
    else if (errno == EAGAIN || errno == EINTR)
        return FILL_NOTHING;
    else
        conn->error = errno;
    return FILL_END;
}

/* Reads once, waiting until DEADLINE_MS. */
static enum fill fill(struct t_conn *conn, int64_t deadline_ms)
{
    for (;;) {
        enum fill result = fill_now(conn);
        if (result != FILL_NOTHING)
            return result;
        struct pollfd poll_one = {.fd = conn->fd, .events = POLLIN};
        int left = t_left_ms(deadline_ms);
        if (poll(&poll_one, 1, left) == 0 && left == 0)
            return FILL_NOTHING;
    }
}

bool t_conn_poll(struct t_conn *conn)
{
    return fill_now(conn) == FILL_BYTES;
}

/* How the connection ended, or did not, for messages. */
static const char *ending(const struct t_conn *conn, enum fill result)
{
    if (result == FILL_NOTHING)
        return "nothing more came in time";
    if (conn->at_end)
        return "the stream ended";
    return conn->error == ECONNRESET ? "the connection was reset" : strerror(conn->error);
}

bool t_conn_fill(struct t_conn *conn, int64_t deadline_ms)
{
    return fill(conn, deadline_ms) != FILL_NOTHING;
}

void t_conn_consume(struct t_conn *conn, size_t len)
{
    conn->in_len -= len;
    if (conn->in_len)
        memmove(conn->in, conn->in + len, conn->in_len);
}

void t_expect_bytes(struct t_conn *conn, const void *data, size_t len)
{
    const char *want = data;
    int64_t deadline = t_deadline_ms();
    enum fill result = FILL_BYTES;
    /* The first wrong byte is reported at once, without waiting for the rest. */
    while (conn->in_len < len && memcmp(conn->in ? conn->in : "", want, conn->in_len) == 0) {
        result = fill(conn, deadline);
        if (result != FILL_BYTES)
            break;
    }
    if (conn->in_len < len && memcmp(conn->in ? conn->in : "", want, conn->in_len) == 0)
        t_fail("%s: %s\n  got  %zu bytes: \"%s\"\n  then wanted:  \"%s\"", conn->name,
               ending(conn, result), conn->in_len, t_escape(conn->in, conn->in_len),
               t_escape(want + conn->in_len, len - conn->in_len));
    if (memcmp(conn->in ? conn->in : "", want, len) != 0)
        t_assert_bytes(conn->in, conn->in_len < len + 200 ? conn->in_len : len + 200, want, len);
    t_conn_consume(conn, len);
}

void t_expect(struct t_conn *conn, const char *text)
{
    t_expect_bytes(conn, text, strlen(text));
}

void t_expectf(struct t_conn *conn, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    char *copy = t_copy(text, (size_t)len);
    free(text);
    t_expect_bytes(conn, copy, (size_t)len);
}

void t_expect_pattern(struct t_conn *conn, uint64_t len, uint64_t offset)
{
    uint64_t done = 0;
    int64_t deadline = t_deadline_ms();
    while (done < len) {
        size_t now = conn->in_len;
        if (now > len - done)
            now = (size_t)(len - done);
        size_t same = t_pattern_match(conn->in, now, offset + done);
        if (same < now)
            t_fail("%s: byte %llu of the body is wrong: got \"%s\"", conn->name,
                   (unsigned long long)(done + same),
                   t_escape(conn->in + same, now - same < 64 ? now - same : 64));
        t_conn_consume(conn, now);
        done += now;
        if (done == len)
            return;
        if (now)
            deadline = t_deadline_ms();
        enum fill result = fill(conn, deadline);
        if (result != FILL_BYTES)
            t_fail("%s: %s after %llu of %llu bytes of the body", conn->name, ending(conn, result),
                   (unsigned long long)done, (unsigned long long)len);
    }
}

char *t_read_until(struct t_conn *conn, const char *mark)
{
    size_t mark_len = strlen(mark);
    int64_t deadline = t_deadline_ms();
    for (;;) {
        const char *at = conn->in ? memmem(conn->in, conn->in_len, mark, mark_len) : NULL;
        if (at) {
            size_t len = (size_t)(at - conn->in) + mark_len;
            char *text = t_copy(conn->in, len);
            t_conn_consume(conn, len);
            return text;
        }
        enum fill result = fill(conn, deadline);
        if (result != FILL_BYTES)
            t_fail("%s: %s before \"%s\"\n  got %zu bytes: \"%s\"", conn->name,
                   ending(conn, result), t_escape(mark, mark_len), conn->in_len,
                   t_escape(conn->in, conn->in_len));
    }
}

char *t_read_exactly(struct t_conn *conn, size_t len)
{
    int64_t deadline = t_deadline_ms();
    while (conn->in_len < len) {
        enum fill result = fill(conn, deadline);
        if (result != FILL_BYTES)
            t_fail("%s: %s after %zu of %zu bytes: \"%s\"", conn->name, ending(conn, result),
                   conn->in_len, len, t_escape(conn->in, conn->in_len));
    }
    char *text = t_copy(conn->in, len);
    t_conn_consume(conn, len);
    return text;
}

/* Reads all until the connection ends, somehow. */
static char *read_all(struct t_conn *conn, size_t *len)
{
    int64_t deadline = t_deadline_ms();
    enum fill result;
    while ((result = fill(conn, deadline)) == FILL_BYTES)
        continue;
    if (result == FILL_NOTHING)
        t_fail("%s: the connection does not end; so far %zu bytes: \"%s\"", conn->name,
               conn->in_len, t_escape(conn->in, conn->in_len));
    char *text = t_copy(conn->in, conn->in_len);
    if (len)
        *len = conn->in_len;
    conn->in_len = 0;
    return text;
}

char *t_read_to_end(struct t_conn *conn, size_t *len)
{
    size_t got;
    char *text = read_all(conn, &got);
    if (!conn->at_end)
        t_fail("%s: %s, where an orderly end was expected, after %zu bytes: \"%s\"", conn->name,
               ending(conn, FILL_END), got, t_escape(text, got));
    if (len)
        *len = got;
    return text;
}

char *t_read_to_any_end(struct t_conn *conn, size_t *len)
{
    return read_all(conn, len);
}

/* Fails when a byte comes first; returns how the connection ended. */
static void await_end(struct t_conn *conn, const char *wanted)
{
    enum fill result = conn->in_len ? FILL_BYTES : fill(conn, t_deadline_ms());
    if (result == FILL_BYTES)
        t_fail("%s: wanted %s, got %zu bytes: \"%s\"", conn->name, wanted, conn->in_len,
               t_escape(conn->in, conn->in_len));
    if (result == FILL_NOTHING)
        t_fail("%s: wanted %s, but the connection stays open", conn->name, wanted);
}

void t_expect_end(struct t_conn *conn)
{
    await_end(conn, "the end of stream");
    if (!conn->at_end)
        t_fail("%s: wanted the end of stream, but %s", conn->name, ending(conn, FILL_END));
}

void t_expect_reset(struct t_conn *conn)
{
    await_end(conn, "a reset");
    if (conn->error != ECONNRESET)
        t_fail("%s: wanted a reset, but %s", conn->name, ending(conn, FILL_END));
}

void t_expect_any_end(struct t_conn *conn)
{
    await_end(conn, "an end");
}

void t_expect_quiet(struct t_conn *conn, int ms)
{
    enum fill result = conn->in_len ? FILL_BYTES : fill(conn, t_now_ms() + ms);
    if (result == FILL_BYTES)
        t_fail("%s: wanted silence, got %zu bytes: \"%s\"", conn->name, conn->in_len,
               t_escape(conn->in, conn->in_len));
    if (result == FILL_END)
        t_fail("%s: wanted silence, but %s", conn->name, ending(conn, FILL_END));
}
