/* The commands that tell a running weir to do something: each is one POST. */
#include "weir/control/token.h"

#include "cli.h"
#include "http_client.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADMIN_OPTIONS                                                                              \
    "  -a, --admin ADMIN   the admin endpoint (default: " WEIR_DEFAULT_ADMIN ")\n"                 \
    "  -t, --token FILE    the file with the admin token; else the environment's\n"                \
    "                      WEIR_ADMIN_TOKEN is shown\n"                                            \
    "  -h, --help          print this"

struct order {
    const char *command; /* its name */
    const char *help;
    const char *admin, *token_file;
    bool is_dry;
    bool is_patient;
};

static int read_option(struct order *order, int option, char **argv)
{
    switch (option) {
    case 'a':
        order->admin = optarg;
        return -1;
    case 't':
        order->token_file = optarg;
        return -1;
    case 'n':
        order->is_dry = true;
        return -1;
    case 'h':
        puts(order->help);
        return 0;
    case ':':
        return weir_cli_usage(order->command, "`%s` needs a value", argv[optind - 1]);
    default:
        return weir_cli_usage(order->command, "there is no option `%s`", argv[optind - 1]);
    }
}

/* Exit status to end with, or -1 to go on; words that are no options are behind optind then. */
static int read_options(int argc, char **argv, struct order *order)
{
    static const struct option longs[] = {{"admin", required_argument, NULL, 'a'},
                                          {"token", required_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    static const struct option longs_reload[] = {{"admin", required_argument, NULL, 'a'},
                                                 {"token", required_argument, NULL, 't'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {"dry-run", no_argument, NULL, 'n'},
                                                 {NULL, 0, NULL, 0}};
    bool is_reload = strcmp(order->command, "reload") == 0;
    int option, status = -1;

    opterr = 0;
    order->admin = WEIR_DEFAULT_ADMIN;
    while (status < 0 && (option = getopt_long(argc, argv, ":a:t:h",
                                               is_reload ? longs_reload : longs, NULL)) != -1)
        status = read_option(order, option, argv);
    return status;
}

/* Writes what weir said to FILE, without an empty last line. */
static void print_told(FILE *file, const struct weir_told *told)
{
    fputs(told->body, file);
    if (told->len == 0 || told->body[told->len - 1] != '\n')
        fputs("\n", file);
}

static int post(const struct order *order, const char *target)
{
    const char *shown = getenv("WEIR_ADMIN_TOKEN");
    char fault[WEIR_FAULT_MAX], *token = NULL;
    struct weir_told told;

    if (order->token_file)
        token = weir_token_load(order->token_file, fault, sizeof(fault));
    if (order->token_file && !token) {
        fprintf(stderr, "weir: %s\n", fault);
        return 1;
    }
    struct weir_ask ask = {.admin = order->admin,
                           .method = "POST",
                           .target = target,
                           .token = token             ? token
                                    : shown && *shown ? shown
                                                      : NULL,
                           .is_patient = order->is_patient};
    bool is_told = weir_http_ask(&ask, &told, fault);
    free(token);
    if (!is_told) {
        fprintf(stderr, "weir: %s\n", fault);
        return told.is_misasked ? 2 : 1;
    }
    bool is_fine = told.status / 100 == 2;
    if (!is_fine)
        fputs("weir: ", stderr);
    print_told(is_fine ? stdout : stderr, &told);
    weir_told_fini(&told);
    return is_fine ? 0 : 1;
}

/* NAME as a path segment (RFC 3986 section 3.3). Owns: the caller, to free. */
static char *encode(const char *name)
{
    char *text = malloc(3 * strlen(name) + 1), *at = text;

    if (!text)
        return NULL;
    for (; *name; name++) {
        if (isalnum((unsigned char)*name) || strchr("-._~:", *name))
            *at++ = *name;
        else
            at += sprintf(at, "%%%02X", (unsigned char)*name);
    }
    *at = '\0';
    return text;
}

static bool is_one_of(const char *word, const char *const *words)
{
    for (; *words; words++) {
        if (strcmp(word, *words) == 0)
            return true;
    }
    return false;
}

/* POSTs VERB to POOL, or to its SERVER. */
static int post_to(const struct order *order, const char *verb, const char *pool,
                   const char *server)
{
    char *pool_segment = encode(pool), *server_segment = encode(server ? server : "");
    char *target = NULL;
    int status = 1;

    if (!pool_segment || !server_segment ||
        asprintf(&target, "/pools/%s%s%s/%s", pool_segment, server ? "/servers/" : "",
                 server_segment, verb) < 0)
        fputs("weir: out of memory\n", stderr);
    else
        status = post(order, target);
    free(pool_segment);
    free(server_segment);
    free(target);
    return status;
}

int weir_cli_pool(int argc, char **argv)
{
    static const char *const verbs[] = {"pause", "resume", "reconnect", "flush", NULL};
    struct order order = {
        .command = "pool",
        .help = "usage: weir pool pause|resume|reconnect|flush NAME [-a ADMIN] [-t FILE]\n"
                "\n"
                "  pause      let requests wait in the pool's queue and its connections go; ends\n"
                "             when none is left: the moment to restart its only server\n"
                "  resume     go on\n"
                "  reconnect  replace every connection as it comes free\n"
                "  flush      close the idle connections\n"
                "\n" ADMIN_OPTIONS};
    int status = read_options(argc, argv, &order);

    if (status >= 0)
        return status;
    if (optind < argc && !is_one_of(argv[optind], verbs))
        return weir_cli_usage("pool", "`%s` is not something to do with a pool", argv[optind]);
    if (argc - optind != 2)
        return weir_cli_usage("pool", "what to do and the pool's name are needed, and no more");
    order.is_patient = strcmp(argv[optind], "pause") == 0;
    return post_to(&order, argv[optind], argv[optind + 1], NULL);
}

int weir_cli_server(int argc, char **argv)
{
    static const char *const verbs[] = {"up", "drain", "down", NULL};
    struct order order = {
        .command = "server",
        .help = "usage: weir server up|drain|down POOL ADDRESS [-a ADMIN] [-t FILE]\n"
                "\n"
                "Sets the state of one server, its ADDRESS as the configuration has it.\n"
                "\n"
                "  up         it gets requests\n"
                "  drain      it gets no new ones; those that wait already may still go there\n"
                "  down       it gets none but those it has\n"
                "\n" ADMIN_OPTIONS};
    int status = read_options(argc, argv, &order);

    if (status >= 0)
        return status;
    if (optind < argc && !is_one_of(argv[optind], verbs))
        return weir_cli_usage("server", "`%s` is not a state of a server", argv[optind]);
    if (argc - optind != 3)
        return weir_cli_usage("server",
                              "a state, the pool's name and the server's address are needed");
    return post_to(&order, argv[optind], argv[optind + 1], argv[optind + 2]);
}

/* A command without words. */
static int order_alone(int argc, char **argv, struct order *order, const char *target)
{
    int status = read_options(argc, argv, order);

    if (status >= 0)
        return status;
    if (optind < argc)
        return weir_cli_usage(order->command, "`%s` is one word too many", argv[optind]);
    return post(order, order->is_dry ? "/reload/dry-run" : target);
}

int weir_cli_reload(int argc, char **argv)
{
    struct order order = {
        .command = "reload",
        .help = "usage: weir reload [--dry-run] [-a ADMIN] [-t FILE]\n"
                "\n"
                "Has weir read its configuration again, and says what is wrong "
                "with it.\n"
                "\n"
                "  --dry-run           say only whether it would be taken; nothing "
                "changes\n" ADMIN_OPTIONS};
    return order_alone(argc, argv, &order, "/reload");
}

int weir_cli_drain(int argc, char **argv)
{
    struct order order = {.command = "drain",
                          .help = "usage: weir drain [-a ADMIN] [-t FILE]\n"
                                  "\n"
                                  "Has weir finish what is in progress, and stop.\n"
                                  "\n" ADMIN_OPTIONS};
    return order_alone(argc, argv, &order, "/drain");
}
