#include "origin_begin.h"

#include "origin_counts.h"

#include <stdlib.h>
#include <string.h>

enum { COUNTS_MAX = 512 };

static void *make(size_t size)
{
    void *memory = malloc(size);
    if (!memory)
        abort();
    return memory;
}

void origin_begin_counting(struct origin_conn *conn)
{
    if (!conn->is_counted)
        origin_count_opened();
    conn->is_counted = true;
}

/* Takes payload off the request's body for an echo. */
static long pull(void *user, const char **payload, size_t max)
{
    struct origin_conn *conn = user;
    if (max == 0)
        return origin_body_is_over(&conn->body) || conn->io.in_at < conn->io.in_len ? 0 : -1;
    for (;;) {
        size_t len = 0, left = conn->io.in_len - conn->io.in_at;
        conn->io.in_at += origin_body_take(&conn->body, conn->io.in + conn->io.in_at,
                                           left < max ? left : max, payload, &len);
        if (len)
            return (long)len;
        if (origin_body_is_over(&conn->body))
            return conn->body.state == ORIGIN_BODY_DONE ? 0 : -2;
        if (conn->io.in_at == conn->io.in_len)
            return -1;
    }
}

/* Finds the mood of this request. Fails: as `origin_begin`. */
static int choose_mood(struct origin_conn *conn, const struct origin_request *request, char *wrong,
                       size_t wrong_size)
{
    conn->mood = conn->loop->defaults;
    if (!request->query_len)
        return 0;
    if (!conn->own_mood)
        conn->own_mood = make(sizeof(*conn->own_mood));
    *conn->own_mood = *conn->loop->defaults;
    conn->mood = conn->own_mood;
    return origin_mood_apply(conn->own_mood, request->query, request->query_len, wrong, wrong_size);
}

/* Serves GET /_counts, which counts neither itself nor a connection that begins with it. */
static void begin_counts(struct origin_conn *conn, const struct origin_request *request)
{
    static const struct origin_mood plain = {.chunk_bytes = 16 * 1024, .status = 200, .lingers = 1};
    if (conn->requests == 0) {
        if (conn->is_counted)
            origin_count_forget();
        conn->is_counted = false;
        conn->is_aside = true;
    }
    origin_count_settle();
    if (request->query_len == 7 && memcmp(request->query, "reset=1", 7) == 0)
        origin_counts_reset();
    free(conn->text);
    conn->text = make(COUNTS_MAX);
    size_t len = origin_counts_describe(conn->text, COUNTS_MAX);
    conn->mood = &plain;
    origin_answer_begin(&conn->answer, conn->mood, request, conn->text, len, conn->requests);
    conn->phase = ORIGIN_PHASE_BODY;
}

static bool asks_for_counts(const struct origin_request *request)
{
    size_t path_len = request->target_len - (request->query ? request->query_len + 1 : 0);
    return path_len == 8 && memcmp(request->target, "/_counts", 8) == 0;
}

/* The body that is made for this answer alone, or null. */
static char *make_text(const struct origin_conn *conn, const char *head, size_t head_len)
{
    if (!conn->mood->dump)
        return NULL;
    char *text = make(head_len);
    memcpy(text, head, head_len);
    return text;
}

int origin_begin(struct origin_conn *conn, const struct origin_request *request, char *wrong,
                 size_t wrong_size)
{
    const char *head = conn->io.in + conn->io.in_at;
    conn->body = request->body;
    conn->io.in_at += request->head_len;
    if (asks_for_counts(request)) {
        begin_counts(conn, request);
        return 0;
    }
    origin_begin_counting(conn);
    if (conn->requests++ == 0)
        origin_count_settle();
    origin_count_add(ORIGIN_REQUESTS);
    if (request->is_post)
        origin_count_add(ORIGIN_POSTS);
    if (choose_mood(conn, request, wrong, wrong_size) != 0)
        return -1;
    const struct origin_mood *mood = conn->mood;
    free(conn->text);
    conn->text = make_text(conn, head, request->head_len);
    conn->answer.pull = pull;
    conn->answer.user = conn;
    origin_answer_begin(&conn->answer, mood, request, conn->text, request->head_len,
                        conn->requests);
    conn->phase = mood->early || conn->answer.is_echo ? ORIGIN_PHASE_ANSWER : ORIGIN_PHASE_BODY;
    if (request->expects_100 && mood->continues && !mood->early &&
        !origin_body_is_over(&conn->body))
        origin_out_text(&conn->loop->out, "HTTP/1.1 100 Continue\r\n\r\n");
    return 0;
}
