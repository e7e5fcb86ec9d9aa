/* Which request of the admin endpoint asks for what. Nothing changes by anything but a POST, and by
 * no POST without the token; where none is set, the mode of a Unix socket is what keeps others out.
 */
#include "weir/control/admin.h"
#include "weir/control/metrics.h"
#include "weir/control/page.h"
#include "weir/control/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES_MAX = 65536 };

static const char text_type[] = "text/plain; charset=utf-8";

const char *weir_status_reason(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {202, "Accepted"},
                   {304, "Not Modified"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {405, "Method Not Allowed"},
                   {409, "Conflict"},
                   {411, "Length Required"},
                   {413, "Content Too Large"},
                   {414, "URI Too Long"},
                   {422, "Unprocessable Content"},
                   {431, "Request Header Fields Too Large"},
                   {501, "Not Implemented"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return "Refused";
}

struct weir_answer weir_answer_line(unsigned status, const char *text)
{
    return (struct weir_answer){status, text_type, "", text, NULL};
}

struct weir_answer weir_answer_copy(unsigned status, const char *text)
{
    char *copy = strdup(text);

    return copy ? (struct weir_answer){status, text_type, "", copy, copy}
                : weir_answer_line(503, "out of memory\n");
}

struct weir_answer weir_answer_json(char *text)
{
    if (!text)
        return weir_answer_line(503, "out of memory\n");
    return (struct weir_answer){200, "application/json", "Cache-Control: no-store\r\n", text, text};
}

static struct weir_answer get_stats(struct weir_control *control)
{
    return weir_answer_json(weir_stats_print(control));
}

static struct weir_answer get_metrics(struct weir_control *control)
{
    char *text = weir_metrics_print(control);

    if (!text)
        return weir_answer_line(503, "out of memory\n");
    return (struct weir_answer){200, "text/plain; version=0.0.4; charset=utf-8",
                                "Cache-Control: no-store\r\n", text, text};
}

static struct weir_answer get_health(struct weir_control *control)
{
    return control->state == WEIR_CONTROL_running ? weir_answer_line(200, "serving\n")
                                                  : weir_answer_line(503, "draining\n");
}

static const struct {
    const char *path;
    struct weir_answer (*get)(struct weir_control *control);
} pages[] = {{"/stats", get_stats}, {"/metrics", get_metrics}, {"/healthz", get_health}};

enum { PAGES = sizeof(pages) / sizeof(*pages) };

/* The faults that ATTEMPT finds; when there are none, what DONE says and this STATUS. */
static struct weir_answer answer_to(struct weir_control *control,
                                    bool (*attempt)(struct weir_control *control, FILE *errors),
                                    unsigned status, const char *done)
{
    bool could = control->path && control->state == WEIR_CONTROL_running;
    char *text = NULL;
    size_t len = 0;
    FILE *errors = open_memstream(&text, &len);

    if (!errors)
        return weir_answer_line(503, "out of memory\n");
    bool is_fine = attempt(control, errors);
    if (is_fine)
        fprintf(errors, "%s: generation %u\n", done, control->generation->number);
    if (fclose(errors) != 0) {
        free(text);
        return weir_answer_line(503, "out of memory\n");
    }
    return (struct weir_answer){is_fine ? status : could ? 422 : 409, text_type, "", text, text};
}

struct weir_answer weir_admin_reload(struct weir_control *control)
{
    return answer_to(control, weir_control_reload, 202, "reloaded");
}

struct weir_answer weir_admin_try(struct weir_control *control)
{
    return answer_to(control, weir_control_try, 200,
                     "a reload would succeed; nothing was changed, in force is still");
}

struct weir_answer weir_admin_drain(struct weir_control *control)
{
    weir_control_drain(control);
    return weir_answer_line(202, "draining\n");
}

/* Has it shown the token? If not, *answer says what it lacks. */
static bool authorize(const struct weir_control *control, const struct weir_head *head,
                      const char *base, enum weir_admin_way way, struct weir_answer *answer)
{
    const struct weir_field *found = NULL;
    unsigned n = 0;

    if (!control->token && way == WEIR_ADMIN_BY_UNIX)
        return true;
    if (!control->token) {
        *answer = weir_answer_line(403, "POSTs need a token, and admin.token_file is not set; or "
                                        "admin.listen as a Unix socket\n");
        return false;
    }
    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (!weir_slice_is_like(weir_field_name(base, &head->fields[i]), "authorization"))
            continue;
        found = &head->fields[i];
        n++;
    }
    if (n == 1 && weir_token_is_shown(control->token, weir_field_value(base, found)))
        return true;
    *answer = weir_answer_line(401, n == 0 ? "a POST needs `Authorization: Bearer` and the token\n"
                                           : "this is not the token\n");
    answer->fields = "WWW-Authenticate: Bearer realm=\"weir\"\r\n";
    return false;
}

bool weir_admin_is_own_host(struct weir_slice host)
{
    static const char own[] = ".localhost";
    struct weir_address address;
    char text[256];

    if (host.len == 0 || host.data[0] == '[' || !memchr(host.data, '.', host.len))
        return true;
    if (host.len >= sizeof(text))
        return false;
    if (host.len >= sizeof(own) &&
        weir_slice_is_like(
            weir_slice_make(host.data + host.len - (sizeof(own) - 1), sizeof(own) - 1), own))
        return true;
    memcpy(text, host.data, host.len);
    text[host.len] = 0;
    return weir_address_from_literal(text, &address);
}

static enum weir_action refuse_method(struct weir_answer *answer, const char *allow)
{
    *answer = weir_answer_line(405, "this path takes another method, see Allow\n");
    answer->fields = allow;
    return WEIR_ACTION_ANSWER;
}

/* What a POST to PATH does; ANSWER: there is no such path. */
static enum weir_action find_action(struct weir_slice path, struct weir_order *order)
{
    if (weir_slice_is(path, "/reload"))
        return WEIR_ACTION_RELOAD;
    if (weir_slice_is(path, "/reload/dry-run"))
        return WEIR_ACTION_TRY;
    if (weir_slice_is(path, "/drain"))
        return WEIR_ACTION_DRAIN;
    return weir_order_parse(order, path) ? WEIR_ACTION_COMMAND : WEIR_ACTION_ANSWER;
}

/* May it do what it asks for? If not, *answer says why. */
static bool allow_post(struct weir_control *control, const struct weir_request *request,
                       const struct weir_head *head, const char *base, enum weir_admin_way way,
                       struct weir_answer *answer)
{
    if (!authorize(control, head, base, way, answer))
        return false;
    if (request->framing.kind == WEIR_FRAMING_LENGTH && request->framing.length > BODY_BYTES_MAX) {
        *answer = weir_answer_line(413, "no body is needed, and this one is too large\n");
        return false;
    }
    return true;
}

enum weir_action weir_admin_route(struct weir_control *control, const struct weir_request *request,
                                  const struct weir_head *head, const char *base,
                                  enum weir_admin_way way, struct weir_order *order,
                                  struct weir_answer *answer)
{
    bool is_get = request->method == WEIR_METHOD_GET || request->method == WEIR_METHOD_HEAD;
    enum weir_action action;

    if (way == WEIR_ADMIN_BY_LOOPBACK &&
        !weir_admin_is_own_host(weir_authority_host(request->authority))) {
        *answer = weir_answer_line(403,
                                   "to a loopback address, `Host` must be an address or a name "
                                   "without a dot, such as localhost\n");
        return WEIR_ACTION_ANSWER;
    }

    if (request->framing.kind == WEIR_FRAMING_CHUNKED) {
        *answer = weir_answer_line(411, "no body is needed, and none in chunks is read\n");
        return WEIR_ACTION_ANSWER;
    }
    if (weir_page_route(control, request, head, base, answer))
        return WEIR_ACTION_ANSWER;
    for (size_t i = 0; i < PAGES; i++) {
        if (!weir_slice_is(request->path, pages[i].path))
            continue;
        if (!is_get)
            return refuse_method(answer, "Allow: GET, HEAD\r\n");
        *answer = pages[i].get(control);
        return WEIR_ACTION_ANSWER;
    }
    if (weir_slice_is(request->path, "/connections"))
        return is_get ? WEIR_ACTION_LIST : refuse_method(answer, "Allow: GET, HEAD\r\n");
    action = find_action(request->path, order);
    if (action != WEIR_ACTION_ANSWER && request->method != WEIR_METHOD_POST)
        return refuse_method(answer, "Allow: POST\r\n");
    if (action != WEIR_ACTION_ANSWER)
        return allow_post(control, request, head, base, way, answer) ? action : WEIR_ACTION_ANSWER;
    *answer = weir_answer_line(
        404,
        "there is /, /stats, /history, /metrics, /connections, /healthz, /reload, "
        "/reload/dry-run, /drain, /pools/NAME/COMMAND and /pools/NAME/servers/ADDRESS/STATE\n");
    return WEIR_ACTION_ANSWER;
}
