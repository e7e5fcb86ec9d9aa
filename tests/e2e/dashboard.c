/* The admin endpoint serves the dashboard whole, to slow readers too, and its last ten minutes. */
#include "support/t_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct t_origin origin;
static struct t_weir weir;

static void start(void)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 2, .port = origin.port});
}

static struct t_message *get_with(const char *method, const char *target, const char *fields)
{
    struct t_conn *admin = t_connect(weir.admin_port);

    t_sendf(admin, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, fields);
    return t_read_response(admin, method);
}

/* What the document asks for by href= and src=, but for links to figures. */
static unsigned check_assets(const char *document)
{
    static const struct {
        const char *ending, *type;
    } types[] = {{".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".svg", "image/svg+xml"}};
    unsigned n = 0;

    for (const char *at = strstr(document, "=\"assets/"); at; at = strstr(at + 1, "=\"assets/")) {
        const char *path = t_text("/%.*s", (int)strcspn(at + 2, "\""), at + 2);
        struct t_message *answer = t_admin(&weir, "GET", path);
        t_assert_number(path, answer->status, 200);
        cr_expect_gt(answer->body_len, 0, "%s", path);
        for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
            if (strcmp(path + strlen(path) - strlen(types[i].ending), types[i].ending) == 0)
                t_assert_text(t_field(answer, "Content-Type"), types[i].type);
        }
        n++;
    }
    return n;
}

Test(dashboard, the_page_and_what_it_asks_for)
{
    start();
    struct t_message *answer = t_admin(&weir, "GET", "/");
    t_assert_number("/", answer->status, 200);
    t_assert_text(t_field(answer, "Content-Type"), "text/html; charset=utf-8");
    t_assert_text(t_field(answer, "X-Content-Type-Options"), "nosniff");
    const char *policy = t_field(answer, "Content-Security-Policy");
    t_assert_contains(policy, "default-src 'none';");
    t_assert_contains(policy, "script-src 'self';");
    t_assert_contains(policy, "frame-ancestors 'none'");
    const char *document = answer->body;
    t_assert_contains(document, "<!doctype html>");
    cr_expect_null(strstr(document, "://"), "it asks elsewhere");
    cr_expect_geq(check_assets(document), 6);
    t_weir_end(&weir);
}

Test(dashboard, methods_and_paths)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS"};
    static const char *const missing[] = {
        "/assets", "/assets/", "/assets/nothing.js", "/dashboard.html", "/assets/dashboard.html",
        "//",      "/history/"};
    static const char *const there[] = {"/", "/history", "/assets/dashboard.js", "/?x=y"};
    start();
    for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
        t_assert_number(methods[i], t_admin(&weir, methods[i], "/")->status, 405);
        t_assert_number(methods[i], t_admin(&weir, methods[i], "/history")->status, 405);
    }
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
        t_assert_number(missing[i], t_admin(&weir, "GET", missing[i])->status, 404);
    for (size_t i = 0; i < sizeof(there) / sizeof(*there); i++) {
        struct t_message *answer = t_admin(&weir, "HEAD", there[i]);
        t_assert_number(there[i], answer->status, 200);
        t_assert_number(there[i], (int64_t)answer->body_len, 0);
        cr_expect_gt(atoi(t_field(answer, "Content-Length")), 100);
    }
    t_weir_end(&weir);
}

Test(dashboard, who_has_it_is_told_so)
{
    static const struct {
        const char *before; /* the tag, which is left out where this is a whole line */
        int status;
    } cases[] = {{"If-None-Match: ", 304},
                 {"If-None-Match: W/", 304},
                 {"If-None-Match: \"a\", ", 304},
                 {"If-None-Match: \"a\"\r\nif-none-match:", 304},
                 {"If-None-Match: *\r\n", 304},
                 {"If-None-Match: \"a\"\r\n", 200},
                 {"If-Match: ", 200}};
    start();
    struct t_message *whole = get_with("GET", "/assets/dashboard.js", "");
    const char *tag = t_field(whole, "ETag");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *before = cases[i].before;
        bool is_line = before[strlen(before) - 1] == '\n';
        const char *fields = is_line ? before : t_text("%s%s\r\n", before, tag);
        struct t_message *answer = get_with("GET", "/assets/dashboard.js", fields);
        t_assert_number(fields, answer->status, cases[i].status);
        t_assert_number(fields, (int64_t)answer->body_len,
                        cases[i].status == 304 ? 0 : (int64_t)whole->body_len);
        t_assert_text(t_field(answer, "ETag"), tag);
    }
    t_weir_end(&weir);
}

Test(dashboard, a_slow_reader_gets_all_of_it)
{
    start();
    size_t len = t_admin(&weir, "GET", "/assets/dygraph.min.js")->body_len;
    cr_assert_gt(len, 100000);
    struct t_conn *slow = t_connect_small(weir.admin_port, 4096);
    t_send(slow, "GET /assets/dygraph.min.js HTTP/1.1\r\nHost: h\r\n\r\n");
    t_await_read_by_peer(slow);
    /* Control does not wait for it. */
    t_assert_number("meanwhile", t_admin(&weir, "GET", "/stats")->status, 200);
    struct t_message *answer = t_read_response(slow, "GET");
    t_assert_number("all of it", (int64_t)answer->body_len, (int64_t)len);
    t_expect_end(slow);
    t_weir_end(&weir);
}

/* ---- /history ---- */

static json_t *history(const char *target)
{
    struct t_message *answer = t_admin(&weir, "GET", target);

    t_assert_number(target, answer->status, 200);
    t_assert_text(t_field(answer, "Content-Type"), "application/json");
    json_t *parsed = json_loadb(answer->body, answer->body_len, 0, NULL);
    cr_assert(parsed, "%s is no JSON", target);
    return parsed;
}

/* A field of the newest sample. */
static json_int_t newest(json_t *answer, const char *field)
{
    json_t *fields = json_object_get(answer, "fields"), *rows = json_object_get(answer, "samples");
    json_t *row = json_array_get(rows, json_array_size(rows) - 1);

    for (size_t i = 0; i < json_array_size(fields); i++) {
        if (strcmp(json_string_value(json_array_get(fields, i)), field) == 0)
            return json_integer_value(json_array_get(row, i));
    }
    cr_assert_fail("no field %s", field);
    return 0;
}

Test(dashboard, history_has_a_sample_from_the_start)
{
    start();
    json_t *answer = history("/history");
    cr_expect_geq(json_array_size(json_object_get(answer, "samples")), 1);
    cr_expect(json_is_null(json_object_get(answer, "pool")));
    t_assert_number("samples_max", json_integer_value(json_object_get(answer, "samples_max")), 600);
    t_assert_text(json_string_value(json_array_get(json_object_get(answer, "pools"), 0)), "legacy");
    json_decref(answer);
    t_weir_end(&weir);
}

Test(dashboard, history_tells_what_was_served)
{
    start();
    struct t_conn *upstream = NULL;
    for (int i = 0; i < 3; i++)
        upstream = t_round(&weir, &origin, upstream, "/x");
    json_t *answer = history("/history?pool=legacy");
    while (newest(answer, "requests") < 3) {
        json_decref(answer);
        answer = history("/history?since=0&pool=%6cegacy");
    }
    t_assert_number("sent", newest(answer, "sent"), 3);
    t_assert_number("opened", newest(answer, "opened"), 1);
    t_assert_number("reused", newest(answer, "reused"), 2);
    t_assert_number("idle", newest(answer, "idle"), 1);
    t_assert_number(
        "last minute",
        json_integer_value(json_object_get(json_object_get(answer, "last_minute"), "sent")), 3);
    json_int_t round = json_integer_value(json_object_get(answer, "round"));
    json_decref(answer);
    answer = history(t_text("/history?since=%lld", (long long)round));
    cr_expect_lt(json_array_size(json_object_get(answer, "samples")), 60);
    json_decref(answer);
    t_weir_end(&weir);
}

Test(dashboard, history_refuses_what_it_does_not_have)
{
    static const struct {
        const char *target;
        int status;
    } cases[] = {{"/history?pool=nobody", 404},
                 {"/history?pool=", 404},
                 {"/history?pool=%00legacy", 404},
                 {"/history?pool=leg%6", 404},
                 {"/history?since=yesterday", 400},
                 {"/history?since=", 400},
                 {"/history?since=-1", 400},
                 {"/history?&&pool=legacy&", 200},
                 {"/history?", 200},
                 {"/history?xpool=nobody", 200}};
    start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        t_assert_number(cases[i].target, t_admin(&weir, "GET", cases[i].target)->status,
                        cases[i].status);
    t_weir_end(&weir);
}
