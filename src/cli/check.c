#include "weir/config/config.h"

#include "cli.h"

#include <getopt.h>
#include <stdio.h>

static void print_help(void)
{
    puts("usage: weir check [-c FILE] [--print]\n"
         "\n"
         "Validates a configuration and prints all its faults, one a line, with their places.\n"
         "\n"
         "  -c, --config FILE   the configuration (default: " WEIR_DEFAULT_CONFIG ")\n"
         "  -p, --print         print the effective configuration, defaults filled in\n"
         "      --reference     print the reference of all keys (Markdown)\n"
         "  -h, --help          print this");
}

int weir_cli_check(int argc, char **argv)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"print", no_argument, NULL, 'p'},
                                          {"reference", no_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *file = WEIR_DEFAULT_CONFIG;
    struct weir_config *config;
    bool print = false;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:c:ph", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 'p':
            print = true;
            break;
        case 'r':
            weir_config_print_reference(stdout);
            return 0;
        case 'h':
            print_help();
            return 0;
        case ':':
            return weir_cli_usage("check", "`%s` needs a value", argv[optind - 1]);
        default:
            return weir_cli_usage("check", "there is no option `%s`", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return weir_cli_usage("check", "`%s` is one word too many", argv[optind]);
    config = weir_config_load(file, stderr);
    if (!config)
        return 1;
    if (print)
        weir_config_print(config, stdout);
    else
        printf("%s: fine\n", file);
    weir_config_unref(config);
    return 0;
}
