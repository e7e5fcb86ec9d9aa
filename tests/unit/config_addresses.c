#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct weir_config *make(const char *const listen[], const char *const to[], char **errors)
{
    size_t n_listen = 0, n_to = 0, len;
    FILE *out = open_memstream(errors, &len);

    while (listen[n_listen] != NULL)
        n_listen++;
    while (to[n_to] != NULL)
        n_to++;
    struct weir_config *config = weir_config_from_addresses(listen, n_listen, to, n_to, out);
    fclose(out);
    return config;
}

Test(config_addresses, make_one_listener_and_one_pool)
{
    const char *const listen[] = {":8080", "[::1]:8080", NULL};
    const char *const to[] = {"127.0.0.1:9001", "backend:9001", NULL};
    char *errors;
    struct weir_config *config = make(listen, to, &errors);

    cr_expect_str_eq(errors, "");
    cr_assert_not_null(config);
    cr_expect_str_eq(config->source, "command line");
    cr_expect_str_eq(config->admin_listen, "127.0.0.1:8900");
    cr_assert(config->n_listeners == 1 && config->n_pools == 1);
    cr_expect_str_eq(config->listeners[0].name, "main");
    cr_expect_eq(config->listeners[0].n_listen, 2);
    cr_expect_str_eq(config->listeners[0].pool, "main");
    cr_expect_eq(config->listeners[0].pool_index, 0);
    cr_expect_eq(config->listeners[0].header_ms, 10000);
    cr_expect_str_eq(config->pools[0].name, "main");
    cr_expect_eq(config->pools[0].n_servers, 2);
    cr_expect_str_eq(config->pools[0].servers[1].endpoint.host, "backend");
    cr_expect_eq(config->pools[0].idle_max, 256);
    weir_config_unref(config);
    free(errors);
}

Test(config_addresses, are_the_same_as_a_file_that_says_so)
{
    const char *const listen[] = {":8080", NULL};
    const char *const to[] = {"127.0.0.1:9001", NULL};
    char *errors;
    struct weir_config *made = make(listen, to, &errors);

    free(errors);
    struct weir_config *read = config_text_load(
        "listeners: {main: {listen: \":8080\", pool: main}}\n"
        "pools: {main: {servers: [{address: \"127.0.0.1:9001\"}]}}\n",
        &errors);
    free(errors);
    char *made_text = config_text_print(made), *read_text = config_text_print(read);
    cr_expect_str_eq(made_text, read_text);
    free(made_text);
    free(read_text);
    weir_config_unref(made);
    weir_config_unref(read);
}

static void expect_refused(const char *const listen[], const char *const to[], const char *expected)
{
    char *errors;

    cr_expect_null(make(listen, to, &errors));
    cr_expect_str_eq(errors, expected);
    free(errors);
}

Test(config_addresses, are_checked_all_in_one_go)
{
    const char *const good_listen[] = {":80", NULL}, *const good_to[] = {"a:1", NULL};
    const char *const none[] = {NULL};
    const char *const bad_listen[] = {"80", "unix:run/a.sock", ":80", "0.0.0.0:80", "", NULL};
    const char *const bad_to[] = {":9001", "a", "unix:@b", "a:1", "A:1", "a:0", NULL};
    const char *const admin[] = {"127.0.0.1:8900", NULL};
    const char *const reference[] = {"${HOME}:80", NULL};

    expect_refused(bad_listen, good_to,
                   "--listen: `80` is a number alone; write HOST:PORT or :PORT\n"
                   "--listen: `unix:run/a.sock` has no absolute path; write unix:/path\n"
                   "--listen: `` is empty; write HOST:PORT\n"
                   "--listen: `0.0.0.0:80` is given twice\n");
    expect_refused(
        good_listen, bad_to,
        "--to: `:9001` has no host; a server needs one, as in 127.0.0.1:9001\n"
        "--to: `unix:@b` is an abstract socket, which has no file to keep others out; write "
        "unix:/path\n"
        "--to: `a:0` has a port out of range; write 1 to 65535\n"
        "--to: `a` has no port; write HOST:PORT\n"
        "--to: `A:1` is given twice\n");
    expect_refused(none, none,
                   "--listen: is missing; give the address to listen at, as in --listen :8080\n"
                   "--to: is missing; give the server's address, as in --to 127.0.0.1:9001\n");
    expect_refused(
        admin, good_to,
        "--listen: `127.0.0.1:8900` is the admin endpoint's already; take another one, here "
        "or for `admin.listen`\n");
    /* The shell has put in what it wanted to. */
    expect_refused(reference, good_to,
                   "--listen: `${HOME}:80` has a host that is neither an address nor a name; "
                   "a name is made of letters, digits, `-`, `_` and `.`\n");
}
