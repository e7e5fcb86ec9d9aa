#include "weir/upstream/survey.h"

#include "weir/net/tcp_info.h"

#include <stdlib.h>
#include <utlist.h>

/* Another worker has a taken one, and tells of it. */
static bool is_listed(struct weir_upconn *upconn)
{
    struct weir_server_slot *slot = &upconn->server->slots[upconn->upstream->worker];
    bool is_taken;

    if (upconn->state != WEIR_UPCONN_IDLE)
        return upconn->state != WEIR_UPCONN_CLOSING;
    pthread_mutex_lock(&slot->shared.lock);
    is_taken = upconn->is_taken;
    pthread_mutex_unlock(&slot->shared.lock);
    return !is_taken;
}

static uint64_t since(uint64_t then_ms, uint64_t now_ms)
{
    return now_ms > then_ms ? now_ms - then_ms : 0;
}

static struct weir_survey_row describe(const struct weir_upconn *upconn)
{
    const struct weir_upconn_life *life = &upconn->life;
    uint64_t now_ms = weir_loop_now_ms(upconn->upstream->loop);
    bool is_idle = upconn->state == WEIR_UPCONN_IDLE;

    return (struct weir_survey_row){
        .id = life->id,
        .state = upconn->state,
        .pool = weir_pool_ref(upconn->pool),
        .server = weir_server_ref(upconn->server),
        .age_ms = since(life->opened_ms, now_ms),
        .idle_ms = is_idle ? (int64_t)since(life->idle_since_ms, now_ms) : -1,
        .rtt_us = weir_tcp_rtt_us(upconn->stream.fd),
        .requests = life->requests,
        .bytes_in = life->bytes_in,
        .bytes_out = life->bytes_out,
    };
}

void weir_survey_take(struct weir_survey *survey, struct weir_upstream *upstream)
{
    struct weir_upconn *upconn;
    size_t n = 0;

    *survey = (struct weir_survey){.n_rows = 0};
    survey->n_poisons = weir_poison_copy(&upstream->poisons, survey->poisons);
    DL_FOREACH2(upstream->all, upconn, all_next) {
        if (n++ == WEIR_SURVEY_ROWS_MAX)
            break;
    }
    survey->rows = n > 0 ? calloc(n, sizeof(*survey->rows)) : NULL;
    survey->is_truncated = n > 0 && !survey->rows;
    if (!survey->rows)
        return;
    DL_FOREACH2(upstream->all, upconn, all_next) {
        if (!is_listed(upconn))
            continue;
        if (survey->n_rows == n || survey->n_rows == WEIR_SURVEY_ROWS_MAX) {
            survey->is_truncated = true;
            break;
        }
        survey->rows[survey->n_rows++] = describe(upconn);
    }
}

void weir_survey_fini(struct weir_survey *survey)
{
    for (size_t i = 0; i < survey->n_rows; i++) {
        weir_pool_unref(survey->rows[i].pool);
        weir_server_unref(survey->rows[i].server);
    }
    for (size_t i = 0; i < survey->n_poisons; i++)
        weir_poison_fini(&survey->poisons[i]);
    free(survey->rows);
    *survey = (struct weir_survey){.n_rows = 0};
}
