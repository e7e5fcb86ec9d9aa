#include "weir/control/command.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *path;
    enum weir_command_kind kind;
    const char *pool, *server;
};

static const struct row taken[] = {
    {"/pools/legacy/pause", WEIR_COMMAND_pause, "legacy", ""},
    {"/pools/legacy/resume", WEIR_COMMAND_resume, "legacy", ""},
    {"/pools/a.b-c_d/reconnect", WEIR_COMMAND_reconnect, "a.b-c_d", ""},
    {"/pools/p/flush", WEIR_COMMAND_flush, "p", ""},
    {"/pools/p/servers/127.0.0.1:9001/up", WEIR_COMMAND_server_up, "p", "127.0.0.1:9001"},
    {"/pools/p/servers/[::1]:9001/drain", WEIR_COMMAND_server_drain, "p", "[::1]:9001"},
    {"/pools/p/servers/%5B::1%5d%3a9001/down", WEIR_COMMAND_server_down, "p", "[::1]:9001"},
    {"/pools/%70/pause", WEIR_COMMAND_pause, "p", ""},
    {"/pools/a%2Fb/pause", WEIR_COMMAND_pause, "a/b", ""},
    {"/pools/p/servers/unix:%2Frun%2Fx.sock/up", WEIR_COMMAND_server_up, "p", "unix:/run/x.sock"},
    {"/pools/servers/servers/servers/up", WEIR_COMMAND_server_up, "servers", "servers"},
};

static const char *const refused[] = {
    "",
    "/",
    "*",
    "pools/p/pause",
    "/pool/p/pause",
    "/POOLS/p/pause",
    "/pools",
    "/pools/",
    "/pools/p",
    "/pools/p/",
    "/pools/p/Pause",
    "/pools/p/pauses",
    "/pools/p/pause/",
    "/pools/p/pause/x",
    "/pools//pause",
    "/pools/p//pause",
    "/pools/p/servers",
    "/pools/p/servers/a",
    "/pools/p/servers/a/",
    "/pools/p/servers//up",
    "/pools/p/servers/a/up/",
    "/pools/p/servers/a/pause",
    "/pools/p/up",
    "/pools/p%/pause",
    "/pools/p%4/pause",
    "/pools/p%4g/pause",
    "/pools/p%00/pause",
    "/pools/%2/pause",
    "%2Fpools/p/pause",
};

Test(control_order, reads_what_there_is)
{
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        struct weir_order order;
        cr_assert(weir_order_parse(&order, weir_slice_from(taken[i].path)), "%s", taken[i].path);
        cr_expect_eq(order.kind, taken[i].kind, "%s", taken[i].path);
        cr_expect_str_eq(order.pool, taken[i].pool);
        cr_expect_str_eq(order.server, taken[i].server);
    }
}

Test(control_order, refuses_the_rest)
{
    for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        struct weir_order order;
        /* Copied to the byte, so that AddressSanitizer sees a look behind the end. */
        size_t len = strlen(refused[i]);
        char *copy = malloc(len + !len);
        memcpy(copy, refused[i], len);
        cr_expect_not(weir_order_parse(&order, weir_slice_make(copy, len)), "%s", refused[i]);
        free(copy);
    }
}

Test(control_order, names_have_a_longest)
{
    char path[WEIR_ORDER_NAME_MAX + 100];
    struct weir_order order;

    for (int over = 0; over < 2; over++) {
        snprintf(path, sizeof(path), "/pools/%0*d/pause", WEIR_ORDER_NAME_MAX - 1 + over, 0);
        cr_expect_eq(weir_order_parse(&order, weir_slice_from(path)), over == 0);
    }
}
