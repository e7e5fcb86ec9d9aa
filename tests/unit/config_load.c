#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MINIMAL "listeners: {w: {listen: \":80\"}}\n"

static struct weir_config *load(const char *path, char **errors)
{
    size_t len;
    FILE *out = open_memstream(errors, &len);
    struct weir_config *config = weir_config_load(path, out);

    fclose(out);
    return config;
}

static void expect_file_error(const char *path, const char *expected)
{
    char *errors;
    char *text = NULL;

    cr_assert_geq(asprintf(&text, "%s:1:1: %s\n", path, expected), 0);
    cr_expect_null(load(path, &errors));
    cr_expect_str_eq(errors, text);
    free(text);
    free(errors);
}

/* A file that is gone as soon as the descriptor is closed. */
static int make_file(const char *content, char path[32])
{
    FILE *file = tmpfile();
    int fd = dup(fileno(file));

    fclose(file);
    cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

Test(config_load, reads_a_file)
{
    char path[32];
    char *errors;
    int fd = make_file("workers: 3\n" MINIMAL, path);
    struct weir_config *config = load(path, &errors);

    cr_expect_str_eq(errors, "");
    cr_assert_not_null(config);
    cr_expect_eq(config->workers, 3);
    cr_expect_str_eq(config->source, path);
    weir_config_unref(config);
    free(errors);
    close(fd);
}

Test(config_load, says_what_is_wrong_with_a_file)
{
    char path[32];
    int fd = make_file("", path);

    expect_file_error("/", "cannot be read: Is a directory; give the path of a YAML file");
    expect_file_error("/nonexistent/weir.yaml",
                      "cannot be read: No such file or directory; give the path of a YAML file");
    expect_file_error(path, "the file is empty; a configuration needs at least `listeners`");
    expect_file_error("/dev/null", "the file is empty; a configuration needs at least `listeners`");
    /* Endless, and without a size to go by. */
    expect_file_error("/dev/zero", "the file is too large; a configuration has at most 10 MiB");
    close(fd);
}

Test(config_load, says_that_a_file_may_not_be_read)
{
    char path[32];
    char *errors;
    int fd = make_file(MINIMAL, path);

    cr_assert_eq(fchmod(fd, 0), 0);
    /* Root reads it all the same. */
    struct weir_config *config = load(path, &errors);
    cr_expect((config == NULL) == (geteuid() != 0));
    cr_expect(config != NULL || strstr(errors, "cannot be read: Permission denied") != NULL);
    weir_config_unref(config);
    free(errors);
    close(fd);
}

Test(config_load, says_that_a_large_file_is_too_large)
{
    char path[32];
    int fd = make_file(MINIMAL, path);

    cr_assert_eq(ftruncate(fd, 100000000), 0);
    expect_file_error(path, "the file is too large; a configuration has at most 10 MiB");
    close(fd);
}

Test(config_load, reads_a_pipe_to_its_end)
{
    char path[32];
    char *errors;
    int ends[2];

    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], MINIMAL, strlen(MINIMAL)), (ssize_t)strlen(MINIMAL));
    close(ends[1]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
    struct weir_config *config = load(path, &errors);
    cr_expect_str_eq(errors, "");
    cr_expect_not_null(config);
    weir_config_unref(config);
    free(errors);
    close(ends[0]);
}

Test(config_load, all_faults_come_in_one_go)
{
    char *errors;

    cr_expect_null(config_text_load("workers: 0\n"
                                    "lisen: 1\n"
                                    "pools:\n"
                                    "  p: {servers: [{address: a}], balance: fast}\n"
                                    "listeners:\n"
                                    "  w: {listen: \":0\", pool: x}\n",
                                    &errors));
    cr_expect_str_eq(
        errors,
        "t:1:10: workers: `0` is too small; write 1 to 256 or `auto`\n"
        "t:2:1: unknown key `lisen`; the keys here are `workers`, `user`, "
        "`shutdown_timeout`, `log`, `access_log`, `admin`, `resolver`, `listeners`, `pools`\n"
        "t:4:27: pools.p.servers[0].address: `a` has no port; write HOST:PORT\n"
        "t:4:41: pools.p.balance: `fast` is unknown; write one of `round_robin`, "
        "`least_connections`, `random_two`, `hash_source`, `hash_host`, "
        "`hash_path`\n"
        "t:6:15: listeners.w.listen[0]: `:0` has a port out of range; "
        "write 1 to 65535\n"
        "t:6:27: listeners.w.pool: there is no pool `x`; the pools are `p`\n");
    free(errors);
}

Test(config_load, lives_as_long_as_somebody_holds_it)
{
    char *errors;
    struct weir_config *config = config_text_load(MINIMAL, &errors);

    cr_assert_not_null(config);
    cr_expect_eq(weir_config_ref(config), config);
    weir_config_unref(config);
    cr_expect_str_eq(config->listeners[0].name, "w");
    weir_config_unref(config);
    weir_config_unref(NULL);
    free(errors);
}

/* N routes to a hundred pools of N/100 servers each; POOL begins the pools' names in the routes,
 * `p` is right. */
static char *make_large(size_t n, char pool)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    fputs("listeners:\n  w:\n    listen: [\":80\"]\n    routes:\n", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, "      - {host: h%zu.example.com, path: /v%zu/, pool: %c%zu}\n", i, i, pool,
                i % 100);
    fputs("pools:\n", out);
    for (size_t i = 0; i < n; i++) {
        if (i % (n / 100) == 0)
            fprintf(out, "  p%zu:\n    servers:\n", i / (n / 100));
        fprintf(out, "      - {address: \"host%zu:80\", weight: 2}\n", i);
    }
    fclose(out);
    return text;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* 50 ms without sanitizers; the bound only catches what grows with the square. */
Test(config_load, ten_thousand_routes_and_servers_are_no_matter)
{
    char *text = make_large(10000, 'p');
    char *errors;
    double start = seconds();
    struct weir_config *config = config_text_load(text, &errors);

    cr_expect_lt(seconds() - start, 2.0);
    cr_expect_str_eq(errors, "");
    cr_assert_not_null(config);
    cr_expect_eq(config->listeners[0].n_routes, 10000);
    cr_expect_eq(config->n_pools, 100);
    cr_expect_eq(config->listeners[0].routes[9999].pool_index, 99);
    weir_config_unref(config);
    free(errors);
    free(text);
}

/* Each unknown pool is compared with those that there are. */
Test(config_load, ten_thousand_faults_are_no_matter)
{
    char *text = make_large(10000, 'q');
    char *errors;
    double start = seconds();

    cr_expect_null(config_text_load(text, &errors));
    cr_expect_lt(seconds() - start, 2.0);
    cr_expect_not_null(strstr(errors, ": 9000 more faults are not shown; mend these first\n"));
    free(errors);
    free(text);
}

/* The files that come with weir. */
Test(config_load, takes_the_examples)
{
    static const char *const paths[] = {WEIR_SOURCE_DIR "/conf/demo.yaml",
                                        WEIR_SOURCE_DIR "/conf/weir.yaml"};

    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        char *errors;
        struct weir_config *config = load(paths[i], &errors);
        cr_expect_str_eq(errors, "");
        cr_expect_not_null(config);
        weir_config_unref(config);
        free(errors);
    }
}

Test(config_load, the_demo_is_as_promised)
{
    char *errors;
    struct weir_config *config = load(WEIR_SOURCE_DIR "/conf/demo.yaml", &errors);

    cr_assert_not_null(config);
    cr_expect_eq(config->workers, 2);
    cr_expect_str_eq(config->admin_listen, "127.0.0.1:8900");
    cr_expect_str_eq(config->listeners[0].listen[0], "127.0.0.1:8080");
    cr_expect_str_eq(config->pools[0].servers[0].address, "127.0.0.1:9001");
    weir_config_unref(config);
    free(errors);
}
