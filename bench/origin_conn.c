/* HEAD → BODY → ANSWER → HEAD …, one step a function; `run` takes steps until one must wait.
 *
 *   HEAD ──────────→ BODY → ANSWER → HEAD          begin_request, step_body, finish_keep
 *     └ early, echo ────────→ ANSWER → DRAIN → HEAD  begin_request, finish_keep, step_drain
 *                             ANSWER → LINGER, RESET, or the end (step_answer) */
#include "origin_conn.h"

#include "origin_begin.h"
#include "origin_counts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum {
    OUT_GOAL = 64 * 1024, /* pieces are gathered up to here before a write */
    LINGER_MS = 5000,
    RESET_POLL_MS = 1,
    RESET_POLLS_MAX = 2000,
};

/* What a step found. */
enum step { STEP_ON, STEP_WAIT, STEP_GONE };

void origin_conn_close(struct origin_conn *conn)
{
    origin_loop_clear_timer(conn->loop, conn);
    if (conn->next)
        conn->next->previous = conn->previous;
    if (conn->previous)
        conn->previous->next = conn->next;
    else
        conn->loop->conns = conn->next;
    if (!conn->is_aside)
        origin_begin_counting(conn);
    if (conn->is_counted) {
        if (conn->requests == 0)
            origin_count_settle();
        origin_count_closed();
    }
    origin_io_close(&conn->io, conn->phase == ORIGIN_PHASE_RESET);
    free(conn->own_mood);
    free(conn->text);
    free(conn);
}

/* The peer has left. */
static enum step leave(struct origin_conn *conn)
{
    bool in_hand = conn->phase == ORIGIN_PHASE_BODY || conn->phase == ORIGIN_PHASE_ANSWER ||
                   (conn->phase == ORIGIN_PHASE_HEAD && conn->io.in_at < conn->io.in_len);
    if (in_hand)
        origin_count_add(ORIGIN_ABORTED);
    origin_conn_close(conn);
    return STEP_GONE;
}

static enum step finish(struct origin_conn *conn)
{
    origin_conn_close(conn);
    return STEP_GONE;
}

static enum step wait_for_input(struct origin_conn *conn)
{
    origin_loop_watch(conn->loop, conn, EPOLLIN);
    return STEP_WAIT;
}

/* Waits for a timer or for room to write; notices when the peer gives up. */
static enum step wait_without_input(struct origin_conn *conn, uint32_t events)
{
    uint32_t hang_up = conn->mood->half_close ? 0 : EPOLLRDHUP;
    origin_loop_watch(conn->loop, conn, events | hang_up);
    return STEP_WAIT;
}

/* Writes what was made. What the socket does not take is written before the next step. */
static enum step write_out(struct origin_conn *conn)
{
    enum origin_io_result result = origin_io_write(&conn->io, &conn->loop->out);
    return result == ORIGIN_IO_END ? leave(conn) : STEP_ON;
}

static enum step flush(struct origin_conn *conn)
{
    enum origin_io_result result = origin_io_flush(&conn->io);
    if (result == ORIGIN_IO_END)
        return leave(conn);
    return result == ORIGIN_IO_BLOCKED ? wait_without_input(conn, EPOLLOUT) : STEP_ON;
}

/* --- the request --- */

/* Answers 400 and closes, whatever else may come. */
static enum step refuse(struct origin_conn *conn, const char *wrong)
{
    conn->body = (struct origin_body){.state = ORIGIN_BODY_LENGTH, .left = UINT64_MAX};
    origin_answer_refuse(&conn->loop->out, wrong);
    conn->phase = ORIGIN_PHASE_ANSWER;
    conn->is_decided = true;
    conn->decision = ORIGIN_NEXT_CLOSE;
    return write_out(conn);
}

/* A head is complete: begins with its request. */
static enum step begin_request(struct origin_conn *conn, const struct origin_request *request)
{
    char wrong[256];
    origin_loop_clear_timer(conn->loop, conn);
    conn->is_decided = false;
    if (origin_begin(conn, request, wrong, sizeof(wrong)) != 0)
        return refuse(conn, wrong);
    return write_out(conn);
}

/* Has the next request come, on a connection that is to end just then? */
static enum step check_next(struct origin_conn *conn)
{
    char byte;
    if (conn->io.in_at < conn->io.in_len)
        return finish(conn);
    ssize_t got = conn->io.may_read ? recv(conn->io.fd, &byte, 1, MSG_PEEK) : -1;
    if (got >= 0 || (conn->io.may_read && errno != EAGAIN && errno != EINTR))
        return finish(conn);
    conn->io.may_read = false;
    return wait_for_input(conn);
}

static enum step step_head(struct origin_conn *conn)
{
    struct origin_request request;
    const char *wrong = NULL;
    if (conn->closes_on_next)
        return check_next(conn);
    size_t len = conn->io.in_len - conn->io.in_at;
    int found = len ? origin_request_parse(&request, conn->io.in + conn->io.in_at, len,
                                           &conn->scanned, &wrong)
                    : 0;
    if (found > 0)
        return begin_request(conn, &request);
    if (found < 0) {
        origin_begin_counting(conn);
        return refuse(conn, wrong);
    }
    enum origin_io_result result = origin_io_fill(&conn->io);
    if (result == ORIGIN_IO_END)
        return leave(conn);
    if (result == ORIGIN_IO_DONE)
        return STEP_ON;
    if (!len && conn->idle_ms)
        origin_loop_set_timer(conn->loop, conn, conn->idle_ms);
    else if (len)
        origin_loop_clear_timer(conn->loop, conn);
    return wait_for_input(conn);
}

/* Throws the request's body away. Returns STEP_ON when it is over. */
static enum step discard_body(struct origin_conn *conn)
{
    for (;;) {
        const char *payload;
        size_t len;
        while (conn->io.in_at < conn->io.in_len && !origin_body_is_over(&conn->body))
            conn->io.in_at += origin_body_take(&conn->body, conn->io.in + conn->io.in_at,
                                               conn->io.in_len - conn->io.in_at, &payload, &len);
        if (origin_body_is_over(&conn->body))
            return STEP_ON;
        enum origin_io_result result = origin_io_fill(&conn->io);
        if (result == ORIGIN_IO_END)
            return leave(conn);
        if (result == ORIGIN_IO_BLOCKED)
            return wait_for_input(conn);
    }
}

static enum step step_body(struct origin_conn *conn)
{
    enum step step = discard_body(conn);
    if (step != STEP_ON)
        return step;
    if (conn->body.state == ORIGIN_BODY_BROKEN)
        return refuse(conn, "the body's chunked framing is broken");
    conn->phase = ORIGIN_PHASE_ANSWER;
    return STEP_ON;
}

static enum step step_drain(struct origin_conn *conn)
{
    enum step step = discard_body(conn);
    if (step != STEP_ON)
        return step;
    if (conn->body.state == ORIGIN_BODY_BROKEN)
        return finish(conn);
    conn->phase = ORIGIN_PHASE_HEAD;
    return STEP_ON;
}

/* --- the answer and what follows --- */

static enum step finish_keep(struct origin_conn *conn)
{
    conn->idle_ms = conn->mood->keepalive_timeout_ms;
    conn->closes_on_next = conn->mood->fail == ORIGIN_CLOSE_ON_NEXT_REQUEST;
    conn->phase = origin_body_is_over(&conn->body) ? ORIGIN_PHASE_HEAD : ORIGIN_PHASE_DRAIN;
    return STEP_ON;
}

static enum step finish_close(struct origin_conn *conn)
{
    if (origin_body_is_over(&conn->body) || !conn->mood->lingers)
        return finish(conn);
    shutdown(conn->io.fd, SHUT_WR);
    conn->phase = ORIGIN_PHASE_LINGER;
    origin_loop_set_timer(conn->loop, conn, LINGER_MS);
    return STEP_ON;
}

/* Reads to the end of stream. */
static enum step step_linger(struct origin_conn *conn)
{
    for (;;) {
        conn->io.in_at = conn->io.in_len = 0;
        enum origin_io_result result = origin_io_fill(&conn->io);
        if (result == ORIGIN_IO_END)
            return finish(conn);
        if (result == ORIGIN_IO_BLOCKED)
            return wait_for_input(conn);
    }
}

/* Waits until the peer's kernel has everything: a reset throws away what is still here. */
static enum step step_reset(struct origin_conn *conn)
{
    if (origin_io_unacknowledged(&conn->io) == 0 || ++conn->reset_polls > RESET_POLLS_MAX)
        return finish(conn);
    origin_loop_set_timer(conn->loop, conn, RESET_POLL_MS);
    return wait_without_input(conn, 0);
}

static enum step wait_for_body(struct origin_conn *conn)
{
    enum origin_io_result result = origin_io_fill(&conn->io);
    if (result == ORIGIN_IO_BLOCKED)
        return wait_for_input(conn);
    conn->is_decided = false;
    return result == ORIGIN_IO_END ? leave(conn) : STEP_ON;
}

/* All is written: does what the answer decided. */
static enum step follow_decision(struct origin_conn *conn)
{
    switch (conn->decision) {
    case ORIGIN_NEXT_PAUSE:
        origin_loop_set_timer(conn->loop, conn, conn->answer.pause_ms);
        return wait_without_input(conn, 0);
    case ORIGIN_NEXT_BODY:
        return wait_for_body(conn);
    case ORIGIN_NEXT_KEEP:
        return finish_keep(conn);
    case ORIGIN_NEXT_CLOSE:
        return finish_close(conn);
    case ORIGIN_NEXT_RESET:
        conn->phase = ORIGIN_PHASE_RESET;
        return STEP_ON;
    case ORIGIN_NEXT_MORE:
    default:
        conn->is_decided = false;
        return STEP_ON;
    }
}

static enum step step_answer(struct origin_conn *conn)
{
    struct origin_out *out = &conn->loop->out;
    if (conn->is_decided)
        return follow_decision(conn);
    do
        conn->decision = origin_answer_make(&conn->answer, out);
    while (conn->decision == ORIGIN_NEXT_MORE && out->len < OUT_GOAL);
    conn->is_decided = true;
    return write_out(conn);
}

/* Takes steps until one must wait. Returns false when the connection is gone. */
static bool run(struct origin_conn *conn)
{
    static enum step (*const steps[])(struct origin_conn *) = {
        [ORIGIN_PHASE_HEAD] = step_head,     [ORIGIN_PHASE_BODY] = step_body,
        [ORIGIN_PHASE_ANSWER] = step_answer, [ORIGIN_PHASE_DRAIN] = step_drain,
        [ORIGIN_PHASE_LINGER] = step_linger, [ORIGIN_PHASE_RESET] = step_reset,
    };
    enum step step;
    do {
        step = flush(conn);
        if (step == STEP_ON)
            step = steps[conn->phase](conn);
    } while (step == STEP_ON);
    return step != STEP_GONE;
}

void origin_conn_open(struct origin_loop *loop, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct origin_conn *conn = malloc(sizeof(*conn));
    if (!conn)
        abort();
    *conn = (struct origin_conn){
        .loop = loop, .io = {.fd = fd, .may_read = true}, .mood = loop->defaults};
    conn->idle_ms = loop->defaults->keepalive_timeout_ms;
    conn->next = loop->conns;
    if (conn->next)
        conn->next->previous = conn;
    loop->conns = conn;
    /* Counted only now, or with its first request: who asks for the counts never shows in them. */
    if (run(conn) && !conn->is_aside)
        origin_begin_counting(conn);
}

void origin_conn_on_event(struct origin_conn *conn, uint32_t events)
{
    if (conn->watched & EPOLLIN) {
        conn->io.may_read = true;
    } else if ((events & (EPOLLERR | EPOLLHUP)) || (events & conn->watched & EPOLLRDHUP)) {
        leave(conn);
        return;
    }
    run(conn);
}

void origin_conn_on_timer(struct origin_conn *conn)
{
    if (conn->phase == ORIGIN_PHASE_HEAD || conn->phase == ORIGIN_PHASE_LINGER) {
        origin_conn_close(conn);
        return;
    }
    conn->is_decided = false;
    run(conn);
}
