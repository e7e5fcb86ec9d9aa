#include "weir/proxy/reply.h"

#include <stdio.h>
#include <time.h>

#define RETRY_AFTER_S "1"

static const char *reason_phrase(unsigned status)
{
    switch (status) {
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 408:
        return "Request Timeout";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    default:
        return "Gateway Timeout";
    }
}

/* IMF-fixdate (RFC 9110 section 5.6.7), which is not to follow any locale. */
static void print_date(char *text, size_t size)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    snprintf(text, size, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday], utc.tm_mday,
             months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
}

static void add_field(struct weir_gather *out, const struct weir_editor *editor, const char *name,
                      const char *value)
{
    if (!weir_editor_drops(editor, weir_slice_from(name)))
        weir_gather_print(out, "%s: %s\r\n", name, value);
}

size_t weir_reply_write(struct weir_gather *out, const struct weir_reply *reply)
{
    unsigned status = weir_error_status(reply->error);
    const char *phrase = reason_phrase(status);
    char body[256], date[64];
    int len = snprintf(body, sizeof(body), "%u %s: %s\n", status, phrase,
                       weir_error_text(reply->error));

    print_date(date, sizeof(date));
    weir_gather_print(out, "HTTP/1.1 %u %s\r\n", status, phrase);
    add_field(out, reply->editor, "Date", date);
    add_field(out, reply->editor, "Content-Type", "text/plain; charset=utf-8");
    weir_gather_print(out, "Content-Length: %d\r\n", len);
    if (status == 503)
        add_field(out, reply->editor, "Retry-After", RETRY_AFTER_S);
    weir_editor_add(reply->editor, out);
    if (!reply->keeps_client || reply->client_is_http10)
        weir_gather_print(out, "Connection: %s\r\n", reply->keeps_client ? "keep-alive" : "close");
    weir_gather_print(out, "\r\n%s", reply->has_no_body ? "" : body);
    return reply->has_no_body ? 0 : (size_t)len;
}
