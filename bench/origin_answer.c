/* INTERIM → DELAY → HEAD (→ HEAD_REST) → BODY … → END (→ TALK) → OVER; every step is one function,
 * which says what comes next. */
#include "origin_answer.h"

#include "origin_bad.h"

#include <string.h>

#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

/* Payload bytes appended by one call. */
enum { GO_MAX = 64 * 1024 };

static const char default_body[] = "hello from weir-origin\n";

static const char *reason_of(uint64_t status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {102, "Processing"},
        {103, "Early Hints"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {206, "Partial Content"},
        {301, "Moved Permanently"},
        {302, "Found"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Unknown";
}

/* RFC 9110 section 6.4.1. */
static bool status_has_body(uint64_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

static bool decide_keeping(const struct origin_answer *answer, const struct origin_request *request)
{
    const struct origin_mood *mood = answer->mood;
    if (request->wants_close || mood->connection == ORIGIN_CLOSES ||
        (answer->framing == ORIGIN_CLOSE && !answer->is_head && status_has_body(mood->status)))
        return false;
    if (mood->version == ORIGIN_HTTP10 && mood->connection != ORIGIN_KEEP)
        return false;
    return !mood->keepalive_requests || answer->served < mood->keepalive_requests;
}

void origin_answer_begin(struct origin_answer *answer, const struct origin_mood *mood,
                         const struct origin_request *request, const char *text, size_t text_len,
                         uint64_t served)
{
    origin_pull_fn *pull = answer->pull;
    void *user = answer->user;
    *answer = (struct origin_answer){.mood = mood,
                                     .is_head = request->is_head,
                                     .framing = mood->framing,
                                     .served = served,
                                     .pull = pull,
                                     .user = user};
    if (text) {
        answer->text = text;
        answer->length = text_len;
    } else if (mood->echo) {
        answer->is_echo = true;
        answer->length = request->body.length;
        if (request->body.is_chunked && answer->framing == ORIGIN_LENGTH)
            answer->framing = ORIGIN_CHUNKED;
    } else if (mood->has_size) {
        answer->length = mood->size;
    } else {
        answer->text = mood->body.is_set ? mood->body_text : default_body;
        answer->length = mood->body.is_set ? mood->body.len : sizeof(default_body) - 1;
    }
    answer->cut = UINT64_MAX;
    if (mood->fail == ORIGIN_CLOSE_IN_BODY || mood->fail == ORIGIN_RESET_IN_BODY)
        answer->cut = answer->length / 2;
    answer->keeps = decide_keeping(answer, request);
    answer->says_keep_alive = mood->version == ORIGIN_HTTP10 || request->is_http10 ||
                              mood->announce == ORIGIN_ANNOUNCE_ALWAYS;
}

/* Connection and Keep-Alive. */
static void write_connection(const struct origin_answer *answer, struct origin_out *out)
{
    const struct origin_mood *mood = answer->mood;
    bool is_always = mood->announce == ORIGIN_ANNOUNCE_ALWAYS;
    if (mood->announce == ORIGIN_ANNOUNCE_NOTHING)
        return;
    if (!answer->keeps) {
        if (is_always || mood->version == ORIGIN_HTTP11)
            origin_out_text(out, "Connection: close\r\n");
        return;
    }
    if (answer->says_keep_alive)
        origin_out_text(out, "Connection: keep-alive\r\n");
    if (!mood->keepalive_timeout_ms && !mood->keepalive_requests)
        return;
    origin_out_text(out, "Keep-Alive: ");
    if (mood->keepalive_timeout_ms) {
        origin_out_text(out, "timeout=");
        origin_out_number(out, mood->keepalive_timeout_ms / 1000);
        origin_out_text(out, mood->keepalive_requests ? ", " : "");
    }
    if (mood->keepalive_requests) {
        origin_out_text(out, "max=");
        origin_out_number(out, mood->keepalive_requests - answer->served);
    }
    origin_out_text(out, "\r\n");
}

static void write_status_line(const struct origin_answer *answer, struct origin_out *out,
                              uint64_t status)
{
    const struct origin_mood *mood = answer->mood;
    origin_out_text(out, mood->version == ORIGIN_HTTP10 ? "HTTP/1.0 " : "HTTP/1.1 ");
    origin_out_number(out, status);
    origin_out_text(out, " ");
    if (mood->reason.is_set && status == mood->status)
        origin_out_bytes(out, mood->reason_text, mood->reason.len);
    else
        origin_out_text(out, reason_of(status));
    origin_out_text(out, "\r\n");
}

static void write_head(const struct origin_answer *answer, struct origin_out *out)
{
    const struct origin_mood *mood = answer->mood;
    write_status_line(answer, out, mood->status);
    if (status_has_body(mood->status)) {
        if (answer->framing == ORIGIN_LENGTH) {
            origin_out_text(out, "Content-Length: ");
            origin_out_number(out, answer->length);
            origin_out_text(out, "\r\n");
        } else if (answer->framing == ORIGIN_CHUNKED) {
            origin_out_text(out, "Transfer-Encoding: chunked\r\n");
        }
    }
    write_connection(answer, out);
    origin_out_bytes(out, mood->headers_text, mood->headers.len);
    origin_out_text(out, "\r\n");
}

static enum origin_next pause_for(struct origin_answer *answer, uint64_t ms)
{
    answer->pause_ms = ms;
    return ms ? ORIGIN_NEXT_PAUSE : ORIGIN_NEXT_MORE;
}

static enum origin_next make_interims(struct origin_answer *answer, struct origin_out *out)
{
    const struct origin_mood *mood = answer->mood;
    for (size_t i = 0; i < mood->interim_count; i++) {
        write_status_line(answer, out, (uint64_t)mood->interims[i]);
        origin_out_text(out, mood->interims[i] == 103 ? "Link: </style.css>; rel=preload\r\n\r\n"
                                                      : "\r\n");
    }
    answer->step = ORIGIN_STEP_DELAY;
    return ORIGIN_NEXT_MORE;
}

static enum origin_next make_delay(struct origin_answer *answer)
{
    answer->step = ORIGIN_STEP_HEAD;
    return pause_for(answer, answer->mood->delay_ms);
}

/* Where the body begins, or the answer ends because it has none. */
static enum origin_next after_head(struct origin_answer *answer)
{
    bool has_body = !answer->is_head && status_has_body(answer->mood->status);
    answer->step = has_body ? ORIGIN_STEP_BODY : ORIGIN_STEP_OVER;
    if (!has_body && answer->cut != UINT64_MAX)
        return answer->mood->fail == ORIGIN_RESET_IN_BODY ? ORIGIN_NEXT_RESET : ORIGIN_NEXT_CLOSE;
    if (!has_body && answer->mood->fail == ORIGIN_TALK_WHEN_IDLE)
        answer->step = ORIGIN_STEP_TALK;
    return has_body ? pause_for(answer, answer->mood->body_delay_ms) : ORIGIN_NEXT_MORE;
}

static enum origin_next make_head(struct origin_answer *answer, struct origin_out *out)
{
    const struct origin_mood *mood = answer->mood;
    const char *payload;
    if (mood->fail == ORIGIN_CLOSE_BEFORE_ANSWER)
        return ORIGIN_NEXT_CLOSE;
    if (mood->fail == ORIGIN_RESET_BEFORE_ANSWER)
        return ORIGIN_NEXT_RESET;
    if (mood->bad) {
        bool closes = origin_bad_write(mood->bad, out) || mood->connection == ORIGIN_CLOSES;
        return closes ? ORIGIN_NEXT_CLOSE : ORIGIN_NEXT_KEEP;
    }
    if (answer->is_echo && answer->pull(answer->user, &payload, 0) == -1)
        return ORIGIN_NEXT_BODY; /* so that head and body go out in one write */
    size_t start = out->len;
    write_head(answer, out);
    size_t half = (out->len - start) / 2;
    if (mood->fail == ORIGIN_CLOSE_IN_HEAD) {
        out->len = start + half;
        return ORIGIN_NEXT_CLOSE;
    }
    if (!mood->head_delay_ms)
        return after_head(answer);
    out->len = start + half;
    answer->head_sent = half;
    answer->step = ORIGIN_STEP_HEAD_REST;
    return pause_for(answer, mood->head_delay_ms);
}

static enum origin_next make_head_rest(struct origin_answer *answer, struct origin_out *out)
{
    size_t start = out->len;
    write_head(answer, out);
    out->len -= answer->head_sent;
    memmove(out->data + start, out->data + start + answer->head_sent, out->len - start);
    return after_head(answer);
}

static enum origin_next cut_off(const struct origin_answer *answer)
{
    return answer->mood->fail == ORIGIN_RESET_IN_BODY ? ORIGIN_NEXT_RESET : ORIGIN_NEXT_CLOSE;
}

/* A piece of LEN payload bytes begins. */
static void begin_piece(struct origin_answer *answer, struct origin_out *out, uint64_t len)
{
    answer->piece_left = len;
    if (answer->framing == ORIGIN_CHUNKED) {
        origin_out_hex(out, len);
        origin_out_text(out, "\r\n");
    }
}

/* Appends what fits in one go of the piece that has begun; DATA null: of the pattern. Says what
 * comes next. */
static enum origin_next write_piece(struct origin_answer *answer, struct origin_out *out,
                                    const char *data)
{
    uint64_t now = answer->piece_left < GO_MAX ? answer->piece_left : GO_MAX;
    if (now > answer->cut - answer->done)
        now = answer->cut - answer->done;
    if (data)
        origin_out_bytes(out, data, (size_t)now);
    else
        origin_out_pattern(out, (size_t)now, answer->mood->seed + answer->done);
    answer->done += now;
    answer->piece_left -= now;
    if (answer->done == answer->cut)
        return cut_off(answer);
    if (answer->piece_left)
        return ORIGIN_NEXT_MORE;
    if (answer->framing == ORIGIN_CHUNKED)
        origin_out_text(out, "\r\n");
    bool is_last = !answer->is_echo && answer->done == answer->length;
    return is_last ? ORIGIN_NEXT_MORE : pause_for(answer, answer->mood->drip_ms);
}

/* The next piece of the request's body. */
static enum origin_next make_echo(struct origin_answer *answer, struct origin_out *out)
{
    const char *payload = NULL;
    uint64_t max = answer->mood->chunk_bytes < GO_MAX ? answer->mood->chunk_bytes : GO_MAX;
    long len = answer->pull(answer->user, &payload, (size_t)max);
    if (len == -1)
        return ORIGIN_NEXT_BODY;
    if (len == -2)
        return ORIGIN_NEXT_CLOSE;
    if (len == 0) {
        answer->step = ORIGIN_STEP_END;
        return answer->cut == answer->done ? cut_off(answer) : ORIGIN_NEXT_MORE;
    }
    begin_piece(answer, out, (uint64_t)len);
    return write_piece(answer, out, payload);
}

static enum origin_next make_body(struct origin_answer *answer, struct origin_out *out)
{
    uint64_t left = answer->length - answer->done;
    if (answer->is_echo)
        return make_echo(answer, out);
    if (left == 0) {
        answer->step = ORIGIN_STEP_END;
        return answer->cut == answer->done ? cut_off(answer) : ORIGIN_NEXT_MORE;
    }
    if (answer->piece_left == 0)
        begin_piece(answer, out,
                    left < answer->mood->chunk_bytes ? left : answer->mood->chunk_bytes);
    return write_piece(answer, out, answer->text ? answer->text + answer->done : NULL);
}

static enum origin_next make_end(struct origin_answer *answer, struct origin_out *out)
{
    const struct origin_mood *mood = answer->mood;
    if (answer->framing == ORIGIN_CHUNKED) {
        origin_out_text(out, "0\r\n");
        origin_out_bytes(out, mood->trailers_text, mood->trailers.len);
        origin_out_text(out, "\r\n");
    }
    if (mood->fail == ORIGIN_EXTRA_BYTES)
        origin_out_text(out, POISON);
    answer->step = ORIGIN_STEP_OVER;
    if (mood->fail != ORIGIN_TALK_WHEN_IDLE)
        return ORIGIN_NEXT_MORE;
    answer->step = ORIGIN_STEP_TALK;
    return pause_for(answer, mood->talk_delay_ms);
}

static enum origin_next make_talk(struct origin_answer *answer, struct origin_out *out)
{
    origin_out_text(out, POISON);
    answer->step = ORIGIN_STEP_OVER;
    return ORIGIN_NEXT_MORE;
}

static enum origin_next finish(const struct origin_answer *answer)
{
    if (answer->mood->fail == ORIGIN_RESET_AFTER_ANSWER)
        return ORIGIN_NEXT_RESET;
    if (answer->mood->fail == ORIGIN_CLOSE_AFTER_ANSWER_UNANNOUNCED)
        return ORIGIN_NEXT_CLOSE;
    return answer->keeps ? ORIGIN_NEXT_KEEP : ORIGIN_NEXT_CLOSE;
}

enum origin_next origin_answer_make(struct origin_answer *answer, struct origin_out *out)
{
    switch (answer->step) {
    case ORIGIN_STEP_INTERIM:
        return make_interims(answer, out);
    case ORIGIN_STEP_DELAY:
        return make_delay(answer);
    case ORIGIN_STEP_HEAD:
        return make_head(answer, out);
    case ORIGIN_STEP_HEAD_REST:
        return make_head_rest(answer, out);
    case ORIGIN_STEP_BODY:
        return make_body(answer, out);
    case ORIGIN_STEP_END:
        return make_end(answer, out);
    case ORIGIN_STEP_TALK:
        return make_talk(answer, out);
    case ORIGIN_STEP_OVER:
    default:
        return finish(answer);
    }
}

void origin_answer_refuse(struct origin_out *out, const char *wrong)
{
    origin_out_text(out, "HTTP/1.1 400 Bad Request\r\nContent-Length: ");
    origin_out_number(out, strlen(wrong) + strlen("weir-origin: \n"));
    origin_out_text(out, "\r\nConnection: close\r\n\r\nweir-origin: ");
    origin_out_text(out, wrong);
    origin_out_text(out, "\n");
}
