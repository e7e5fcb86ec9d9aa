#include "weir/control/control.h"

#include "cli.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    const char *file;
    const char **listen, **to;
    size_t n_listen, n_to;
};

static void print_help(void)
{
    puts(
        "usage: weir run [-c FILE]\n"
        "       weir run --listen ADDR --to ADDR…\n"
        "\n"
        "Runs weir in the foreground, with a configuration file (default: " WEIR_DEFAULT_CONFIG
        ")\n"
        "or without one: one listener, one pool, the admin endpoint on 127.0.0.1:8900.\n"
        "ADDR is HOST:PORT, [IPv6]:PORT, :PORT or unix:/PATH.\n"
        "\n"
        "  -c, --config FILE   the configuration\n"
        "  -l, --listen ADDR   accept clients here; may be repeated\n"
        "  -t, --to ADDR…      carry their requests to these servers\n"
        "  -h, --help          print this\n"
        "\n"
        "Signals: SIGTERM and SIGINT drain and stop (a second one stops at once), SIGHUP reloads,\n"
        "SIGUSR1 opens the log files again.");
}

/* Exit status to end with, or -1 to go on. ARGV has room for every word in LISTEN and TO. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"listen", required_argument, NULL, 'l'},
                                          {"to", required_argument, NULL, 't'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:c:l:t:h", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            options->file = optarg;
            break;
        case 'l':
            options->listen[options->n_listen++] = optarg;
            break;
        case 't':
            options->to[options->n_to++] = optarg;
            /* Further addresses may follow without the option. */
            while (optind < argc && argv[optind][0] != '-')
                options->to[options->n_to++] = argv[optind++];
            break;
        case 'h':
            print_help();
            return 0;
        case ':':
            return weir_cli_usage("run", "`%s` needs a value", argv[optind - 1]);
        default:
            return weir_cli_usage("run", "there is no option `%s`", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return weir_cli_usage("run", "`%s` is one word too many", argv[optind]);
    if (options->file && (options->n_listen > 0 || options->n_to > 0))
        return weir_cli_usage("run", "a file and addresses can't be given together");
    if ((options->n_listen > 0) != (options->n_to > 0))
        return weir_cli_usage("run", "--listen and --to belong together");
    return -1;
}

int weir_cli_run(int argc, char **argv)
{
    struct options options = {.listen = calloc((size_t)argc, sizeof(char *)),
                              .to = calloc((size_t)argc, sizeof(char *))};
    struct weir_config *config;
    int status = 1;

    if (!options.listen || !options.to)
        goto out;
    status = read_options(argc, argv, &options);
    if (status >= 0)
        goto out;
    if (!options.file && options.n_listen == 0)
        options.file = WEIR_DEFAULT_CONFIG;
    config = options.file ? weir_config_load(options.file, stderr)
                          : weir_config_from_addresses(options.listen, options.n_listen, options.to,
                                                       options.n_to, stderr);
    status = config ? weir_control_run(config, options.file) : 1;
out:
    free(options.listen);
    free(options.to);
    return status;
}
