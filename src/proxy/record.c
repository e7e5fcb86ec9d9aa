/* Made up by hand rather than with printf, which would cost several times as much. */
#include "weir/proxy/record.h"

#include "weir/base/escape.h"

#include <stdio.h>
#include <time.h>

/* How many bytes each text may take; in all less than WEIR_RECORD_MAX, with all that is fixed. */
enum { METHOD_ROOM = 1024, TARGET_ROOM = 40960, TEXT_ROOM = 4096, NAME_ROOM = 1024 };

struct line {
    char *data;
    size_t len;
    enum weir_escape_style style;
    bool is_cut;
};

static struct line begin(enum weir_escape_style style, char *data)
{
    return (struct line){.data = data, .style = style};
}

static void put(struct line *line, const char *text, size_t len)
{
    memcpy(line->data + line->len, text, len);
    line->len += len;
}

#define PUT(line, literal) put(line, literal, sizeof(literal) - 1)

static void put_text(struct line *line, struct weir_slice text, size_t room)
{
    size_t used;

    line->len += weir_escape(line->style, text, line->data + line->len, room - 3, &used);
    if (used == text.len)
        return;
    PUT(line, "...");
    line->is_cut = true;
}

static void put_number(struct line *line, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do
        digits[--at] = (char)('0' + number % 10);
    while (number /= 10);
    put(line, digits + at, sizeof(digits) - at);
}

/* LEN digits. */
static void put_digits(struct line *line, unsigned number, unsigned len)
{
    for (unsigned i = len; i-- > 0; number /= 10)
        line->data[line->len + i] = (char)('0' + number % 10);
    line->len += len;
}

static void put_ms(struct line *line, int64_t us)
{
    if (us < 0) {
        PUT(line, "null");
        return;
    }
    put_number(line, (uint64_t)us / 1000);
    PUT(line, ".");
    put_digits(line, (unsigned)(us % 1000), 3);
}

static void put_quoted(struct line *line, struct weir_slice text, size_t room)
{
    PUT(line, "\"");
    put_text(line, text, room);
    PUT(line, "\"");
}

/* For a JSON value that may be missing. */
static void put_or_null(struct line *line, struct weir_slice text, size_t room)
{
    if (text.data)
        put_quoted(line, text, room);
    else
        PUT(line, "null");
}

/* For a field that always has a text. */
static struct weir_slice or_dash(struct weir_slice text)
{
    return text.data && text.len > 0 ? text : weir_slice_make("-", 1);
}

static struct weir_slice or_none(const char *text)
{
    return text ? weir_slice_from(text) : weir_slice_make(NULL, 0);
}

static void put_protocol(struct line *line, int minor)
{
    PUT(line, "HTTP/1.");
    put_number(line, (uint64_t)minor);
}

/* In UTC, and in English whatever the locale. */
static void tick(struct weir_record_clock *clock, uint64_t second)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = (time_t)second;
    struct tm utc;

    if (clock->second == second && clock->json[0])
        return;
    clock->second = second;
    gmtime_r(&now, &utc);
    strftime(clock->json, sizeof(clock->json), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(clock->combined, sizeof(clock->combined), "%02u/%s/%04u:%02u:%02u:%02u +0000",
             (unsigned)utc.tm_mday % 100, months[utc.tm_mon % 12],
             (unsigned)(utc.tm_year + 1900) % 10000, (unsigned)utc.tm_hour % 100,
             (unsigned)utc.tm_min % 100, (unsigned)utc.tm_sec % 100);
}

static void put_request(struct line *line, const struct weir_record *record)
{
    PUT(line, ",\"listener\":");
    put_quoted(line, weir_slice_from(record->listener), NAME_ROOM);
    if (record->request_id && record->request_id[0]) {
        PUT(line, ",\"request_id\":");
        put_quoted(line, weir_slice_from(record->request_id), NAME_ROOM);
    }
    PUT(line, ",\"method\":");
    put_quoted(line, or_dash(record->method), METHOD_ROOM);
    PUT(line, ",\"target\":");
    put_quoted(line, or_dash(record->target), TARGET_ROOM);
    PUT(line, ",\"protocol\":\"");
    if (record->minor == WEIR_RECORD_NONE)
        PUT(line, "-");
    else
        put_protocol(line, record->minor);
    PUT(line, "\",\"host\":");
    put_or_null(line, record->host, TEXT_ROOM);
    PUT(line, ",\"referer\":");
    put_or_null(line, record->referer, TEXT_ROOM);
    PUT(line, ",\"user_agent\":");
    put_or_null(line, record->user_agent, TEXT_ROOM);
    PUT(line, ",\"status\":");
    if (record->status > 0)
        put_number(line, record->status);
    else
        PUT(line, "null");
    PUT(line, ",\"bytes_in\":");
    put_number(line, record->bytes_in);
    PUT(line, ",\"bytes_out\":");
    put_number(line, record->bytes_out);
}

static void put_connection(struct line *line, const struct weir_record *record)
{
    PUT(line, ",\"pool\":");
    put_or_null(line, or_none(record->pool), NAME_ROOM);
    PUT(line, ",\"server\":");
    put_or_null(line, or_none(record->server), NAME_ROOM);
    if (record->connection_requests == 0) {
        PUT(line, ",\"connection\":null,\"connection_age_ms\":null,\"connection_requests\":null");
        return;
    }
    if (record->is_reused)
        PUT(line, ",\"connection\":\"reused\"");
    else
        PUT(line, ",\"connection\":\"fresh\"");
    PUT(line, ",\"connection_age_ms\":");
    put_number(line, record->connection_age_ms);
    PUT(line, ",\"connection_requests\":");
    put_number(line, record->connection_requests);
}

size_t weir_record_print_json(const struct weir_record *record, struct weir_record_clock *clock,
                              char *text)
{
    struct line line = begin(WEIR_ESCAPE_JSON, text);

    tick(clock, record->begun_us / 1000000);
    PUT(&line, "{\"time\":\"");
    put(&line, clock->json, strlen(clock->json));
    PUT(&line, ".");
    put_digits(&line, (unsigned)(record->begun_us / 1000 % 1000), 3);
    PUT(&line, "Z\",\"client\":");
    put_quoted(&line, or_dash(record->client), NAME_ROOM);
    PUT(&line, ",\"client_port\":");
    put_number(&line, record->client_port);
    put_request(&line, record);
    PUT(&line, ",\"queue_ms\":");
    put_ms(&line, record->queue_us);
    PUT(&line, ",\"connect_ms\":");
    put_ms(&line, record->connect_us);
    PUT(&line, ",\"first_byte_ms\":");
    put_ms(&line, record->first_byte_us);
    PUT(&line, ",\"total_ms\":");
    put_ms(&line, record->total_us);
    put_connection(&line, record);
    PUT(&line, ",\"retries\":");
    put_number(&line, record->retries);
    PUT(&line, ",\"reason\":");
    put_or_null(&line, or_none(record->reason ? weir_error_name(record->reason) : NULL), NAME_ROOM);
    if (line.is_cut)
        PUT(&line, ",\"cut\":true");
    PUT(&line, "}\n");
    return line.len;
}

static void put_request_line(struct line *line, const struct weir_record *record)
{
    if (record->minor == WEIR_RECORD_NONE || !record->method.data) {
        PUT(line, "-");
        return;
    }
    put_text(line, record->method, METHOD_ROOM);
    PUT(line, " ");
    put_text(line, record->target, TARGET_ROOM);
    PUT(line, " ");
    put_protocol(line, record->minor);
}

size_t weir_record_print_combined(const struct weir_record *record, struct weir_record_clock *clock,
                                  char *text)
{
    struct line line = begin(WEIR_ESCAPE_HEX, text);

    tick(clock, record->begun_us / 1000000);
    put_text(&line, or_dash(record->client), NAME_ROOM);
    PUT(&line, " - - [");
    put(&line, clock->combined, strlen(clock->combined));
    PUT(&line, "] \"");
    put_request_line(&line, record);
    PUT(&line, "\" ");
    put_digits(&line, record->status, 3);
    PUT(&line, " ");
    put_number(&line, record->content_out);
    PUT(&line, " ");
    put_quoted(&line, or_dash(record->referer), TEXT_ROOM);
    PUT(&line, " ");
    put_quoted(&line, or_dash(record->user_agent), TEXT_ROOM);
    PUT(&line, "\n");
    return line.len;
}
