#include "weir/control/tcp_tally.h"

#include <criterion/criterion.h>
#include <string.h>

static struct weir_sock_end end_of(const char *text)
{
    struct weir_endpoint endpoint;
    struct weir_address address;
    struct weir_sock_end end;
    const char *why = "";

    cr_assert(weir_endpoint_parse(weir_slice_from(text), &endpoint, &why), "%s", why);
    cr_assert(weir_endpoint_to_address(&endpoint, &address));
    cr_assert(weir_sock_end_from(&end, &address));
    return end;
}

static void count(struct weir_tcp_tally *tally, enum weir_tcp_state state, const char *local,
                  const char *remote)
{
    const struct weir_sock sock = {.state = state,
                                   .is_ipv6 = local[0] == '[',
                                   .local = end_of(local),
                                   .remote = end_of(remote)};
    weir_tcp_tally_count(tally, &sock);
}

static uint64_t sum(const struct weir_tcp_counts *counts)
{
    uint64_t n = 0;

    cr_assert_not_null(counts);
    for (int i = 0; i < WEIR_TCP_STATE_LIMIT; i++)
        n += counts->in[i];
    return n;
}

Test(control_tcp_tally, each_side_by_its_own_end)
{
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    const struct weir_sock_end server = end_of("127.0.0.1:9001"), other = end_of("127.0.0.1:9002");

    cr_assert(weir_tcp_tally_watch_local(tally, &server));
    cr_assert(weir_tcp_tally_watch_remote(tally, &server));
    count(tally, WEIR_TCP_established, "127.0.0.1:40000", "127.0.0.1:9001");
    count(tally, WEIR_TCP_time_wait, "127.0.0.1:40001", "127.0.0.1:9001");
    count(tally, WEIR_TCP_close_wait, "127.0.0.1:9001", "127.0.0.1:40001");
    count(tally, WEIR_TCP_established, "127.0.0.1:9001", "10.0.0.1:9001");
    count(tally, WEIR_TCP_established, "127.0.0.1:40002", "127.0.0.2:9001");
    count(tally, WEIR_TCP_established, "127.0.0.1:9002", "127.0.0.1:40003");
    cr_assert_eq(sum(weir_tcp_tally_remote(tally, &server)), 2);
    cr_assert_eq(weir_tcp_tally_remote(tally, &server)->in[WEIR_TCP_time_wait], 1);
    cr_assert_eq(sum(weir_tcp_tally_local(tally, &server)), 2);
    cr_assert_eq(weir_tcp_tally_local(tally, &server)->in[WEIR_TCP_close_wait], 1);
    cr_assert_null(weir_tcp_tally_local(tally, &other));
    cr_assert_null(weir_tcp_tally_remote(tally, &other));
    weir_tcp_tally_clear(tally);
    cr_assert_eq(sum(weir_tcp_tally_remote(tally, &server)), 0);
    weir_tcp_tally_destroy(tally);
}

Test(control_tcp_tally, wildcards_are_for_a_family)
{
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    const struct weir_sock_end ipv4 = end_of("0.0.0.0:80"), ipv6 = end_of("[::]:80");

    cr_assert(weir_tcp_tally_watch_listener(tally, &ipv4));
    cr_assert(weir_tcp_tally_watch_listener(tally, &ipv6));
    count(tally, WEIR_TCP_established, "10.0.0.1:80", "10.0.0.2:1000");
    count(tally, WEIR_TCP_established, "127.0.0.1:80", "127.0.0.1:1000");
    count(tally, WEIR_TCP_syn_recv, "[::1]:80", "[::1]:1000");
    count(tally, WEIR_TCP_syn_recv, "[::1]:81", "[::1]:80");
    cr_assert_eq(sum(weir_tcp_tally_local(tally, &ipv4)), 2);
    cr_assert_eq(sum(weir_tcp_tally_local(tally, &ipv6)), 1);
    weir_tcp_tally_destroy(tally);
}

Test(control_tcp_tally, whoever_listens_at_the_address_itself_comes_first)
{
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    const struct weir_sock_end all = end_of("0.0.0.0:80"), one = end_of("10.0.0.1:80"),
                               server = end_of("10.0.0.2:80");

    cr_assert(weir_tcp_tally_watch_listener(tally, &all));
    cr_assert(weir_tcp_tally_watch_listener(tally, &one));
    cr_assert(weir_tcp_tally_watch_local(tally, &server));
    count(tally, WEIR_TCP_established, "10.0.0.1:80", "10.0.0.9:1000");
    count(tally, WEIR_TCP_established, "10.0.0.2:80", "10.0.0.9:1000");
    count(tally, WEIR_TCP_established, "10.0.0.3:80", "10.0.0.9:1000");
    cr_assert_eq(sum(weir_tcp_tally_local(tally, &one)), 1);
    cr_assert_eq(sum(weir_tcp_tally_local(tally, &server)), 1);
    cr_assert_eq(sum(weir_tcp_tally_local(tally, &all)), 2);
    weir_tcp_tally_destroy(tally);
}

Test(control_tcp_tally, pairs_are_from_one_host)
{
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    const struct weir_sock_end server = end_of("10.0.0.1:80"), from = end_of("10.0.0.7:1"),
                               nobody = end_of("10.0.0.9:1");

    cr_assert(weir_tcp_tally_watch_pair(tally, &from, &server));
    count(tally, WEIR_TCP_established, "10.0.0.7:1000", "10.0.0.1:80");
    count(tally, WEIR_TCP_time_wait, "10.0.0.7:1001", "10.0.0.1:80");
    count(tally, WEIR_TCP_established, "10.0.0.8:1000", "10.0.0.1:80");
    count(tally, WEIR_TCP_established, "10.0.0.7:1000", "10.0.0.1:81");
    cr_assert_eq(sum(weir_tcp_tally_pair(tally, &from, &server)), 2);
    cr_assert_eq(sum(weir_tcp_tally_remote(tally, &server)), 3);
    cr_assert_null(weir_tcp_tally_pair(tally, &nobody, &server));
    weir_tcp_tally_destroy(tally);
}

/* What is watched twice is in the filter once. */
Test(control_tcp_tally, the_filter_has_what_is_watched)
{
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    const struct weir_sock_end server = end_of("10.0.0.1:80"), from = end_of("10.0.0.7:1");
    const struct weir_sock_filter *filter = weir_tcp_tally_filter(tally);

    for (int i = 0; i < 3; i++) {
        cr_assert(weir_tcp_tally_watch_remote(tally, &server));
        cr_assert(weir_tcp_tally_watch_pair(tally, &from, &server));
        cr_assert(weir_tcp_tally_watch_local(tally, &from));
    }
    cr_assert_eq(filter->n_remotes, 1);
    cr_assert(weir_port_set_has(&filter->remote, 80));
    cr_assert_not(weir_port_set_has(&filter->remote, 1));
    cr_assert(weir_port_set_has(&filter->local, 1));
    cr_assert_not(weir_port_set_has(&filter->local, 80));
    weir_tcp_tally_destroy(tally);
}

Test(control_tcp_tally, a_unix_socket_is_no_end)
{
    struct weir_endpoint endpoint;
    struct weir_address address;
    struct weir_sock_end end;
    const char *why;

    cr_assert(weir_endpoint_parse(weir_slice_from("unix:/run/a.sock"), &endpoint, &why));
    cr_assert(weir_endpoint_to_address(&endpoint, &address));
    cr_assert_not(weir_sock_end_from(&end, &address));
}
