/* Origins with moods, and what is believed of them. */
#define T_HARNESS
#include "t_health.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { IDS = 1000 };
static atomic_int executed[IDS];

int t_executed(int id)
{
    return atomic_load(&executed[id % IDS]);
}

static void serve(struct t_served_request *request, void *user)
{
    static const char error[] = "HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nno\n";
    static const char nonsense[] = "SIP/2.0 200 OK\r\n\r\n";
    struct t_moody *moody = user;
    bool is_check = strncmp(request->message->target, "/healthz", 8) == 0;
    int mood = atomic_load(is_check ? &moody->for_checks : &moody->for_requests);

    if (strcmp(request->message->method, "POST") == 0)
        atomic_fetch_add(&executed[atoi(request->message->target + 1) % IDS], 1);
    switch (mood) {
    case T_FINE:
        request->answer = moody->answer;
        break;
    case T_ERROR:
        request->answer = error;
        break;
    case T_NONSENSE:
        request->answer = nonsense;
        break;
    default:
        break;
    }
    request->answer_len = request->answer ? strlen(request->answer) : 0;
    request->close = mood == T_CLOSES;
    if (mood == T_SILENT)
        atomic_fetch_add(&moody->silences, 1);
    atomic_fetch_add(is_check ? &moody->checks : &moody->requests, 1);
}

void t_moody_open(struct t_moody *moody)
{
    *moody = (struct t_moody){.for_requests = T_FINE};
    (t_origin_open)(&moody->origin);
    snprintf(moody->answer, sizeof(moody->answer), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%d",
             moody->origin.port);
    (t_origin_serve)(&moody->origin, serve, moody);
}

void t_moody_leave(struct t_moody *moody)
{
    struct t_served_counts counts = (t_origin_serve_stop)(&moody->origin);

    (t_assert_number)("requests that were not well-formed", (int64_t)counts.broken, 0);
    /* What the kernel has accepted meanwhile ends with it. */
    close(moody->origin.fd);
    moody->origin.fd = -1;
}

void t_moody_return(struct t_moody *moody)
{
    (t_origin_reopen)(&moody->origin);
    (t_origin_serve)(&moody->origin, serve, moody);
}

void t_await_count(const atomic_int *count, int at_least)
{
    int64_t deadline = t_deadline_ms();

    while (atomic_load(count) < at_least) {
        if (!t_left_ms(deadline))
            t_fail("the count stays at %d, and should become %d", atomic_load(count), at_least);
        t_nap();
    }
}

const char *t_servers(const int *ports, int n)
{
    char *list = t_text("[");

    for (int i = 0; i < n; i++)
        list = t_text("%s%s{address: \"127.0.0.1:%d\"}", list, i ? ", " : "", ports[i]);
    return t_text("%s]", list);
}

static const char *of_server(int port, const char *path)
{
    return t_text("pools/legacy/servers/127.0.0.1:%d/%s", port, path);
}

int64_t t_server_number(struct t_weir *weir, int port, const char *path)
{
    return (t_stats_number)(weir, of_server(port, path));
}

const char *t_server_state(struct t_weir *weir, int port)
{
    return json_string_value(t_stats_find((t_stats)(weir), of_server(port, "state")));
}

void t_server_assert_state(struct t_weir *weir, int port, const char *state)
{
    (t_assert_text)((t_server_state)(weir, port), state);
}

void t_server_await_state(struct t_weir *weir, int port, const char *state)
{
    int64_t deadline = t_deadline_ms();

    for (;;) {
        const char *now = (t_server_state)(weir, port);
        if (now && strcmp(now, state) == 0)
            return;
        if (!t_left_ms(deadline))
            t_fail("the server stays %s, and should become %s", now, state);
        t_nap();
    }
}

struct t_message *t_try(struct t_weir *weir)
{
    struct t_conn *client = t_ask(weir, "GET", "/", NULL);
    struct t_message *answer = (t_read_response)(client, "GET");

    (t_expect_end)(client);
    t_close(client);
    return answer;
}

int t_who(struct t_weir *weir, const char *target)
{
    return atoi(t_one_shot(weir, target)->body);
}

static void make_get(struct t_load_request *request, bool close, void *user)
{
    (void)user;
    request->len = (size_t)asprintf(&request->data, "GET / HTTP/1.1\r\nHost: load\r\n%s\r\n",
                                    close ? "Connection: close\r\n" : "");
    snprintf(request->method, sizeof(request->method), "GET");
}

static bool is_200(const struct t_load_request *request, const struct t_message *answer, void *user)
{
    (void)request, (void)user;
    return answer->status == 200;
}

struct t_load t_steady_load(const struct t_weir *weir, int concurrency, uint64_t requests)
{
    return (struct t_load){.port = weir->port,
                           .concurrency = concurrency,
                           .requests = requests,
                           .reset_clients = true,
                           .make = make_get,
                           .check = is_200};
}

int t_until_ejected(struct t_weir *weir, int port, int max)
{
    int64_t before = (t_server_number)(weir, port, "health/ejections");

    for (int i = 1; i <= max; i++) {
        (void)(t_try)(weir);
        if ((t_server_number)(weir, port, "health/ejections") > before)
            return i;
    }
    t_fail("the server is not ejected after %d requests", max);
}
