/* curl's PROXY header is understood, and the server is told of the same client. */
#include "support/t_ask.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CURL "/usr/bin/curl"

static char told[64];

/* Tells the client of what the server was told. */
static void serve(struct t_served_request *request, void *user)
{
    static char answer[256];

    (void)user;
    snprintf(told, sizeof(told), "?");
    for (size_t i = 0; i < request->message->field_count; i++) {
        if (strcmp(request->message->fields[i].name, "X-Forwarded-For") == 0)
            snprintf(told, sizeof(told), "%s", request->message->fields[i].value);
    }
    request->answer_len = (size_t)snprintf(answer, sizeof(answer),
                                           "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
                                           strlen(told), told);
    request->answer = answer;
}

Test(proxy_header_curl, names_its_client)
{
    struct t_origin origin;
    struct t_weir weir;

    if (access(CURL, X_OK) != 0)
        cr_skip_test("the whole suite is skipped: there is no " CURL);
    t_origin_open(&origin);
    t_origin_serve(&origin, serve, NULL);
    t_weir_start_shape(&weir,
                       &(struct t_shape){
                           .workers = 1,
                           .port = origin.port,
                           .listener = "    proxy_protocol: on\n    trusted_peers: [127.0.0.1]\n",
                       });
    const char *url = t_text("http://127.0.0.1:%d/", weir.port);
    const char *const with[] = {CURL, "-sS", "--haproxy-protocol", url, url, NULL};
    struct t_run run = t_run(with);
    t_assert_number("status", run.status, 0);
    t_assert_text(run.out, "127.0.0.1127.0.0.1");
    const char *const without[] = {CURL, "-sS", url, NULL};
    t_assert_number("status without a header: empty reply or reset", t_run(without).status != 0,
                    true);
    t_stats_await(&weir, "listeners/web/connections/proxy_headers_refused", 1);
    t_weir_end(&weir);
    t_origin_serve_stop(&origin);
}
