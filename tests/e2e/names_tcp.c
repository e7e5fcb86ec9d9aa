/* An answer that does not fit a datagram is asked for again over TCP. */
#include "support/t_ask.h"

#include <stdio.h>

static struct t_dns dns;
static struct t_weir weir;
static struct t_origin origin;

enum { ADDRESSES = 100 };

static void start(const char *server)
{
    struct t_shape shape = {.workers = 1,
                            .servers = t_text("[%s]", server),
                            .pool = "    balance: round_robin\n",
                            .top = t_dns_yaml(&dns, "5s")};
    t_weir_start_shape(&weir, &shape);
}

/* Lines of FORMAT, which takes a number from 1 up. */
static char *lines(const char *first, const char *second, int n)
{
    size_t size = (size_t)n * 64 + 1, len = 0;
    char *text = t_alloc(size);
    for (int i = 1; i <= n; i++)
        len += (size_t)snprintf(text + len, size - len, "%s%d%s\n", first, i, second);
    return text;
}

Test(names_tcp, a_hundred_addresses)
{
    t_origin_open_on(&origin, "127.0.0.77");
    t_dns_open(&dns);
    t_dns_set(&dns, "%s", lines("fleet.test 1 A 127.0.0.", "", ADDRESSES));
    start(t_text("{address: \"fleet.test:%d\"}", origin.port));
    t_stats_await_size(&weir, "pools/legacy/servers", ADDRESSES);
    cr_assert_geq(t_dns_questions_tcp(&dns, "fleet.test", T_DNS_A), 1);

    t_dns_set(&dns, "fleet.test 1 A 127.0.0.77\n");
    t_stats_await(&weir, "weir/revision", 2);
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

Test(names_tcp, srv_records)
{
    t_dns_open(&dns);
    t_dns_set(&dns, "%sa.test 60 A 127.0.0.1\n", lines("s.test 60 SRV 1 1 ", " a.test", 60));
    start("{address: s.test, srv: true}");
    t_stats_await_size(&weir, "pools/legacy/servers", 60);
    cr_assert_geq(t_dns_questions_tcp(&dns, "s.test", T_DNS_SRV), 1);
    t_weir_end(&weir);
}

/* More than weir takes of one name. */
Test(names_tcp, no_more_than_a_bound)
{
    char *zone = t_text(
        "%s%s%s%s%s%s", lines("fleet.test 60 A 127.0.0.", "", 250),
        lines("fleet.test 60 A 127.0.1.", "", 250), lines("fleet.test 60 A 127.0.2.", "", 250),
        lines("fleet.test 60 A 127.0.3.", "", 250), lines("fleet.test 60 A 127.0.4.", "", 250),
        lines("fleet.test 60 A 127.0.5.", "", 250));
    t_dns_open(&dns);
    t_dns_set(&dns, "%s", zone);
    start("{address: \"fleet.test:1\"}");
    t_stats_await_size(&weir, "pools/legacy/servers", 1024);
    t_weir_await_log(&weir, "more than 1024 addresses");
    t_weir_end(&weir);
}

/* What is cut short to nothing at all, for as long as it lasts. */
Test(names_tcp, nothing_fits)
{
    t_origin_open(&origin);
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 60 A 127.0.0.1\nfleet.test 0 TRUNCATE\n");
    start(t_text("{address: \"fleet.test:%d\"}", origin.port));
    t_assert_number("over TCP", t_dns_questions_tcp(&dns, "fleet.test", T_DNS_A), 1);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}
