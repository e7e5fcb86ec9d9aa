#include "weir/proxy/access.h"

#include "weir/base/spool.h"
#include "weir/proxy/exchange.h"

#include <assert.h>
#include <time.h>

enum { CLOCK_CHECK_MS = 1000 };

static_assert((int)WEIR_RECORD_MAX <= (int)WEIR_SPOOL_LINE_MAX,
              "a record is made up on a spool's desk");

/* What TRAFFIC's loop calls US, in microseconds since 1970. */
static uint64_t to_calendar(struct weir_traffic *traffic, uint64_t us)
{
    struct weir_access_clock *clock = &traffic->access_clock;
    uint64_t now_ms = weir_loop_now_ms(traffic->loop);
    struct timespec now;

    if (clock->checked_ms == 0 || now_ms - clock->checked_ms >= CLOCK_CHECK_MS) {
        clock_gettime(CLOCK_REALTIME, &now);
        clock->checked_ms = now_ms;
        clock->offset_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000 -
                           uv_hrtime() / 1000;
    }
    return us + clock->offset_us;
}

void weir_access_begin(struct weir_exchange *x)
{
    x->access.begun_us = weir_loop_now_us(x->traffic->loop);
    x->access.out_before = x->client->bytes_out;
}

void weir_access_ask(struct weir_exchange *x)
{
    x->access.has_asked = true;
    x->access.asked_us = weir_loop_now_us(x->traffic->loop);
}

/* A wait for a connection that began at STARTED_US, or is to be had since then, is over. */
static void add_wait(struct weir_access *access, uint64_t started_us, uint64_t now_us)
{
    if (started_us < access->asked_us || started_us > now_us)
        started_us = now_us;
    access->queue_us += started_us - access->asked_us;
    access->connect_us += now_us - started_us;
}

void weir_access_get(struct weir_exchange *x, const struct weir_upconn *upconn)
{
    struct weir_access *access = &x->access;
    struct weir_loop *loop = x->traffic->loop;
    uint64_t now_us = weir_loop_now_us(loop), now_ms = weir_loop_now_ms(loop);

    /* The making of one that was there before, or was another's first, was not waited for. */
    access->is_reused = upconn->life.requests > 0;
    add_wait(access, access->is_reused ? now_us : upconn->connect_started_us, now_us);
    access->requests = upconn->life.requests + 1;
    access->age_ms = 0;
    /* Another worker's turn may have begun later. */
    if (now_ms > upconn->life.opened_ms)
        access->age_ms = now_ms - upconn->life.opened_ms;
}

void weir_access_give_up(struct weir_exchange *x, bool is_connecting)
{
    uint64_t now_us = weir_loop_now_us(x->traffic->loop);
    const struct weir_upconn *upconn = x->ticket.connecting;

    add_wait(&x->access,
             upconn          ? upconn->connect_started_us
             : is_connecting ? x->access.asked_us
                             : now_us,
             now_us);
}

/* ---- The line ---- */

static void put(struct weir_traffic *traffic, const struct weir_generation *generation,
                const struct weir_record *record)
{
    struct weir_spool *spool = generation->access_log;
    struct weir_record_clock *clock = &traffic->access_clock.record;
    char *line = weir_spool_desk(spool, traffic->worker);
    size_t len = generation->config->access_log_format == WEIR_ACCESS_JSON
                     ? weir_record_print_json(record, clock, line)
                     : weir_record_print_combined(record, clock, line);

    weir_spool_put(spool, traffic->worker, line, len);
}

static void describe_client(const struct weir_client *client, struct weir_record *record,
                            char *host)
{
    struct weir_address peer;

    weir_client_address(client, &peer);
    record->client = weir_slice_from(weir_address_describe_host(&peer, host));
    record->client_port = weir_address_port(&peer);
    record->listener = client->listener->name;
}

static struct weir_slice find_field(const struct weir_head *head, const char *base,
                                    const char *name)
{
    size_t len = strlen(name);

    for (uint32_t i = 0; i < head->n_fields; i++) {
        const struct weir_field *field = &head->fields[i];
        if (field->name_len == len && weir_slice_is_like(weir_field_name(base, field), name))
            return weir_field_value(base, field);
    }
    return weir_slice_make(NULL, 0);
}

/* As far as its head could be read. */
static void describe_request(const struct weir_exchange *x, struct weir_record *record)
{
    const struct weir_head *head = &x->request_head;
    const char *base = weir_exchange_base(x);
    const struct weir_field *host;

    record->bytes_in = head->complete ? head->end + x->up.body.content_bytes
                                      : x->client->in.end - x->head_at;
    if (head->method.len == 0)
        return;
    record->method = weir_span_in(base, head->method);
    record->target = weir_span_in(base, head->target);
    record->minor = head->minor;
    host = x->is_understood ? NULL : weir_head_find(head, WEIR_FIELD_HOST);
    if (x->is_understood && x->request.authority.len > 0)
        record->host = x->request.authority;
    else if (host)
        record->host = weir_field_value(base, host);
    record->referer = find_field(head, base, "Referer");
    record->user_agent = find_field(head, base, "User-Agent");
}

static void describe_way(const struct weir_exchange *x, struct weir_record *record)
{
    const struct weir_access *access = &x->access;

    if (x->pool)
        record->pool = x->pool->pool->name;
    if (x->ticket.server)
        record->server = x->ticket.server->name;
    if (access->has_asked) {
        record->queue_us = (int64_t)access->queue_us;
        record->connect_us = (int64_t)access->connect_us;
    }
    if (access->first_byte_us > 0)
        record->first_byte_us = (int64_t)(access->first_byte_us - x->relayed_us);
    record->is_reused = access->is_reused;
    record->connection_requests = access->requests;
    record->connection_age_ms = access->age_ms;
    record->retries = x->attempts;
}

void weir_access_end(struct weir_exchange *x)
{
    const struct weir_access *access = &x->access;
    char host[WEIR_ADDRESS_TEXT_MAX];
    struct weir_record record = {
        .begun_us = to_calendar(x->traffic, access->begun_us),
        .minor = WEIR_RECORD_NONE,
        .bytes_out = x->client->bytes_out - access->out_before,
        .content_out = access->own_content + x->down.body.content_bytes,
        .queue_us = WEIR_RECORD_NONE,
        .connect_us = WEIR_RECORD_NONE,
        .first_byte_us = WEIR_RECORD_NONE,
        .total_us = (int64_t)(weir_loop_now_us(x->traffic->loop) - access->begun_us),
        .reason = access->reason,
    };

    if (record.bytes_out > 0)
        record.status = access->status;
    else
        record.content_out = 0;
    describe_client(x->client, &record, host);
    describe_request(x, &record);
    describe_way(x, &record);
    record.request_id = weir_exchange_request_id(x);
    put(x->traffic, x->generation, &record);
}

void weir_access_refuse(struct weir_client *client, enum weir_error error, size_t content)
{
    struct weir_traffic *traffic = client->traffic;
    char host[WEIR_ADDRESS_TEXT_MAX];
    struct weir_record record = {
        .begun_us = to_calendar(traffic, weir_loop_now_us(traffic->loop)),
        .minor = WEIR_RECORD_NONE,
        .status = client->bytes_out > 0 ? weir_error_status(error) : 0,
        .bytes_out = client->bytes_out,
        .content_out = client->bytes_out > 0 ? content : 0,
        .queue_us = WEIR_RECORD_NONE,
        .connect_us = WEIR_RECORD_NONE,
        .first_byte_us = WEIR_RECORD_NONE,
        .reason = error,
    };

    describe_client(client, &record, host);
    put(traffic, traffic->generation, &record);
}
