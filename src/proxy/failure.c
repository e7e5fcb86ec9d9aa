/* What becomes of an exchange that can't go on as it is: a retry, weir's own answer, or a break
 * that shows. */
#include "weir/base/log.h"
#include "weir/net/tcp_info.h"
#include "weir/proxy/exchange.h"
#include "weir/proxy/reply.h"
#include "weir/proxy/retry.h"
#include "weir/upstream/idle.h"
#include "weir/upstream/outlier.h"

static void reply(struct weir_exchange *x, enum weir_error error)
{
    bool is_read = weir_exchange_request_is_read(x);
    struct weir_editor editor;

    weir_exchange_become(x, WEIR_EXCHANGE_REPLYING);
    x->keeps_client = x->keeps_client && is_read && !x->client->traffic->is_draining;
    if (x->up.state == WEIR_SIDE_HEAD || x->up.state == WEIR_SIDE_BODY)
        weir_flow_become(&x->up, is_read ? WEIR_SIDE_ENDED : WEIR_SIDE_BROKEN);
    weir_response_clear(x);
    weir_editor_init(&editor, x, WEIR_EDIT_RESPONSE);
    x->access.own_content = weir_reply_write(
        &x->down.out, &(struct weir_reply){
                          .error = error,
                          .has_no_body = x->request.method == WEIR_METHOD_HEAD && x->is_understood,
                          .keeps_client = x->keeps_client,
                          .client_is_http10 = x->request_head.minor == 0,
                          .editor = &editor,
                      });
    weir_flow_become(&x->down, WEIR_SIDE_ENDED);
    weir_exchange_count_answer(x, weir_error_status(error));
    weir_response_pump(x);
}

static bool is_connection_failure(enum weir_error error)
{
    return error == WEIR_CONNECT_FAILED || error == WEIR_CONNECT_TIMEOUT ||
           error == WEIR_TLS_FAILED || error == WEIR_TLS_UNTRUSTED || error == WEIR_SERVER_CLOSED ||
           error == WEIR_SERVER_RESET;
}

static enum weir_close_reason close_reason(const struct weir_exchange *x, enum weir_error error)
{
    if (x->is_poisoned)
        return WEIR_CLOSED_poisoned;
    if (weir_error_side(error) == WEIR_SIDE_CLIENT)
        return WEIR_CLOSED_client_gone;
    if (error == WEIR_RESPONSE_TIMEOUT || error == WEIR_STALL)
        return WEIR_CLOSED_timeout;
    return is_connection_failure(error) ? WEIR_CLOSED_by_server_active : WEIR_CLOSED_error;
}

/* The kernel is asked only here, where it can decide something. */
static enum weir_retry decide_retry(const struct weir_exchange *x, enum weir_error error)
{
    const struct weir_config_pool *pool = x->pool->config;
    struct weir_retry_facts facts = {
        .is_connection_failure = is_connection_failure(error) || error == WEIR_NO_SOCKET,
        .answer_started = x->answer_started,
        .is_replayable = x->is_replayable,
        .is_repeatable = x->request.is_repeatable,
        .is_reused = x->upconn && weir_upconn_was_kept(x->upconn),
        .evidence_allowed = pool->retry_evidence == WEIR_EVIDENCE_ON,
        .ended_by_fin = error == WEIR_SERVER_CLOSED,
        .written_before = x->written_before,
        .written = x->upconn ? weir_upconn_wire_out(x->upconn) - x->written_before : 0,
        .attempts = x->attempts,
        .attempts_max = pool->retry_attempts,
    };
    enum weir_retry retry;

    if (facts.is_reused && facts.ended_by_fin)
        facts.acked_known = weir_tcp_bytes_acked(x->upconn->stream.fd, &facts.acked);
    retry = weir_retry_decide(&facts);
    if (retry != WEIR_RETRY_NEVER && weir_retry_is_charged(&facts) &&
        !weir_pool_spend_retry(x->pool->pool, x->client->traffic->worker,
                               pool->retry_budget_percent))
        retry = WEIR_RETRY_NEVER;
    return retry;
}

static void count_race(struct weir_exchange *x, enum weir_retry retry, enum weir_error error)
{
    static const char *const decisions[] = {"not sent again", "sent again, nothing was written",
                                            "sent again, it is repeatable",
                                            "sent again on the kernel's evidence"};
    struct weir_server_counters *counters = weir_upconn_counters(x->upconn);

    weir_count(&counters->races_seen, 1);
    weir_count(retry == WEIR_RETRY_NEVER ? &counters->races_failed : &counters->races_retried, 1);
    if (retry == WEIR_RETRY_EVIDENCE)
        weir_count(&counters->races_retried_on_evidence, 1);
    /* What a race shows of the server's ways is as good as a close seen while idle; what it says
     * unasked shows something only where it has waited for the first request. */
    if (error == WEIR_SERVER_CLOSED && (!x->is_poisoned || x->upconn->life.requests == 1))
        weir_idle_note_end(x->upconn, x->upconn->life.idle_ms, x->upconn->life.requests - 1);
    weir_log(WEIR_LOG_INFO,
             "%s: %s: a connection of %llu ms and %llu requests ended under a request: %s",
             x->pool->pool->name, x->upconn->server->name,
             (unsigned long long)(weir_loop_now_ms(x->client->traffic->loop) -
                                  x->upconn->life.opened_ms),
             (unsigned long long)x->upconn->life.requests, decisions[retry]);
}

/* Did the server end a kept connection before it had answered anything on it? */
static bool is_race(const struct weir_exchange *x, enum weir_error error)
{
    return x->upconn && weir_upconn_was_kept(x->upconn) && !x->answer_started &&
           is_connection_failure(error);
}

/* Sends the request again if it may be. */
static bool try_again(struct weir_exchange *x, enum weir_error error)
{
    enum weir_retry retry = decide_retry(x, error);
    unsigned worker = x->client->traffic->worker;
    bool was_race = is_race(x, error);

    if (was_race)
        count_race(x, retry, error);
    if (retry == WEIR_RETRY_NEVER)
        return false;
    x->attempts++;
    x->ticket.needs_fresh |= was_race;
    /* A race says nothing against the server; anything else does. */
    if (!was_race && x->ticket.server && x->ticket.n_avoid < WEIR_TICKET_AVOIDS)
        x->ticket.avoid[x->ticket.n_avoid++] = x->ticket.server;
    if (x->ticket.server)
        weir_count(&x->ticket.server->slots[worker].counters.requests_retried, 1);
    weir_exchange_let_go(x, close_reason(x, error));
    weir_exchange_wait(x, WEIR_OK);
    weir_deadline_cancel(&x->client->deadline);
    weir_response_clear(x);
    weir_request_rewind(x);
    weir_exchange_acquire(x);
    return true;
}

/* What a server has done that weir must answer for. What kept it from being connected to was noted
 * then. */
static void note_outlier(const struct weir_exchange *x, enum weir_error error)
{
    bool is_servers = error == WEIR_SERVER_CLOSED || error == WEIR_SERVER_RESET ||
                      error == WEIR_RESPONSE_TIMEOUT || error == WEIR_BAD_RESPONSE ||
                      error == WEIR_RESPONSE_CUT;

    if (x->upconn && is_servers && !x->head_sent && !is_race(x, error))
        weir_outlier_failed(&x->traffic->upstream, x->pool, x->upconn->server);
}

/* What the client is told: that nobody is there says more than how the last one was found out. */
static enum weir_error sum_up(const struct weir_exchange *x, enum weir_error error)
{
    bool is_unconnected = error == WEIR_CONNECT_FAILED || error == WEIR_CONNECT_TIMEOUT;

    return is_unconnected && !weir_outlier_has_well(x->pool) ? WEIR_NO_SERVER : error;
}

static void count_failure(struct weir_exchange *x, enum weir_error error)
{
    unsigned worker = x->client->traffic->worker;
    const char *server = x->ticket.server ? x->ticket.server->name : "no server";

    if (weir_error_side(error) == WEIR_SIDE_CLIENT || !x->pool) {
        weir_log(WEIR_LOG_DEBUG, "%s: %s: %s", x->client->listener->name, weir_error_name(error),
                 weir_error_text(error));
        return;
    }
    weir_count(&x->pool->pool->slots[worker].counters.requests_failed, 1);
    if (x->ticket.server)
        weir_count(&x->ticket.server->slots[worker].counters.requests_failed, 1);
    weir_log(WEIR_LOG_WARN, "%s: %s: %s: %s", x->pool->pool->name, server, weir_error_name(error),
             weir_error_text(error));
}

void weir_exchange_fail(struct weir_exchange *x, enum weir_error error)
{
    bool may_retry = (x->state == WEIR_EXCHANGE_ACQUIRING || x->state == WEIR_EXCHANGE_RELAYING) &&
                     !x->head_sent && !x->down.is_blocked;

    if (weir_exchange_is_over(x))
        return;
    note_outlier(x, error);
    if (may_retry && try_again(x, error))
        return;
    error = sum_up(x, error);
    weir_exchange_blame(x, error);
    count_failure(x, error);
    weir_exchange_let_go(x, close_reason(x, error));
    if (x->pool)
        weir_exchange_wait(x, WEIR_OK);
    if (x->head_sent || x->down.is_blocked || weir_error_status(error) == 0 ||
        x->state == WEIR_EXCHANGE_REPLYING)
        weir_exchange_end(x, WEIR_END_BREAK);
    else
        reply(x, error);
}
