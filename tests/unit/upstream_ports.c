/* Which source comes next, how long a pause is, and what a server that is held takes. */
#include "weir/upstream/balance.h"
#include "weir/upstream/ports.h"

#include <criterion/criterion.h>
#include <netinet/in.h>

static struct weir_address sources[5];
static struct weir_config_pool config = {.sources = sources};

static void list(const char *const *texts)
{
    config.n_sources = 0;
    for (; texts[config.n_sources]; config.n_sources++)
        cr_assert(weir_address_from_literal(texts[config.n_sources], &sources[config.n_sources]));
}

static void expect_turn(sa_family_t family, size_t turn, const char *want)
{
    char text[WEIR_ADDRESS_TEXT_MAX];
    const struct weir_address *source = weir_ports_source(&config, family, turn);

    cr_assert_eq(source != NULL, want != NULL);
    if (source)
        cr_expect_str_eq(weir_address_describe_host(source, text), want, "turn %zu", turn);
}

Test(upstream_ports, sources_of_the_family_in_turn)
{
    list((const char *const[]){"10.0.0.1", "::1", "10.0.0.2", "10.0.0.3", "::2", NULL});
    cr_expect_eq(weir_ports_count_sources(&config, AF_INET), 3);
    cr_expect_eq(weir_ports_count_sources(&config, AF_INET6), 2);
    for (size_t turn = 0; turn < 9; turn += 3) {
        expect_turn(AF_INET, turn, "10.0.0.1");
        expect_turn(AF_INET, turn + 1, "10.0.0.2");
        expect_turn(AF_INET, turn + 2, "10.0.0.3");
    }
    expect_turn(AF_INET6, 7, "::2");
    expect_turn(AF_INET6, 8, "::1");
    expect_turn(AF_UNIX, 0, NULL);
}

Test(upstream_ports, no_source_leaves_it_to_the_kernel)
{
    list((const char *const[]){NULL});
    expect_turn(AF_INET, 0, NULL);
    list((const char *const[]){"::1", NULL});
    expect_turn(AF_INET, 0, NULL);
}

Test(upstream_ports, pauses_double_up_to_their_bound)
{
    cr_expect_eq(weir_ports_next_hold_ms(0), 1000);
    cr_expect_eq(weir_ports_next_hold_ms(1000), 2000);
    cr_expect_eq(weir_ports_next_hold_ms(2000), 4000);
    cr_expect_eq(weir_ports_next_hold_ms(4000), 4000);
}

Test(upstream_ports, a_held_server_takes_as_many_as_ports_have_come_free)
{
    struct weir_config_server config_server = {.weight = 1};
    struct weir_config_pool pool = {.servers = &config_server, .n_servers = 1};
    struct weir_server *server = weir_server_create("s", &(struct weir_address){.len = 0}, 1);
    struct weir_pool_plan plan = {.config = &pool, .servers = &server, .n_servers = 1};
    struct weir_ticket ticket = {.plan = &plan};
    bool has_port;

    cr_assert(weir_server_reserve(server, 3, &has_port));
    cr_expect_not(has_port);
    cr_expect_eq(weir_balance_choose(&ticket), server);
    weir_server_give_port(server); /* nobody asks for it */
    atomic_store(&server->shared.is_held, true);
    cr_expect_not(weir_server_reserve(server, 3, &has_port));
    cr_expect_null(weir_balance_choose(&ticket));
    atomic_store(&server->shared.idle, 1);
    cr_expect_eq(weir_balance_choose(&ticket), server, "idle ones are used");
    atomic_store(&server->shared.idle, 0);
    weir_server_give_port(server);
    cr_expect_eq(weir_balance_choose(&ticket), server);
    cr_expect_not(weir_server_reserve(server, 1, &has_port), "the maximum holds");
    cr_assert(weir_server_reserve(server, 3, &has_port), "and does not lose the port");
    cr_expect(has_port);
    cr_expect_not(weir_server_reserve(server, 3, &has_port), "it is one port");
    weir_server_unreserve(server);
    weir_server_unreserve(server);
    weir_server_unref(server);
}
