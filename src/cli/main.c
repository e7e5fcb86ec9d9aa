#include "cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv); /* NULL: has not landed */
    const char *summary;
} commands[] = {
    {"run", weir_cli_run, "run in the foreground (the default)"},
    {"check", weir_cli_check, "validate a configuration, or print what is in effect"},
    {"stats", weir_cli_stats, "print the figures of a running weir"},
    {"top", weir_cli_top, "the same figures, live"},
    {"doctor", weir_cli_doctor, "hold this host's TCP settings against the configuration"},
    {"probe", weir_cli_probe, "ask a server how it treats keep-alive"},
    {"reload", weir_cli_reload, "read the configuration again (SIGHUP does it)"},
    {"drain", weir_cli_drain, "finish what is in progress and stop (SIGTERM does it)"},
    {"upgrade", NULL, "hand over to the binary now on disk"},
    {"pool", weir_cli_pool, "pause, resume, reconnect or flush a pool"},
    {"server", weir_cli_server, "set a server up, draining or down"},
};

enum { COMMANDS = sizeof(commands) / sizeof(*commands) };

int weir_cli_usage(const char *command, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fputs("weir: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "; see weir %s%s--help\n", command, *command ? " " : "");
    va_end(arguments);
    return 2;
}

static void print_help(void)
{
    puts("weir, a keep-alive connection-pooling reverse proxy\n"
         "\n"
         "usage: weir [COMMAND] [OPTIONS]; every command has --help\n");
    for (int i = 0; i < COMMANDS; i++)
        printf("  %-8s %s%s\n", commands[i].name, commands[i].summary,
               commands[i].run ? "" : " (not in this version)");
    puts("\n  --version  print the version\n"
         "  --help     print this");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "run";

    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("weir " WEIR_VERSION);
        return 0;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help();
        return 0;
    }
    if (name[0] == '-' || argc == 1)
        return weir_cli_run(argc, argv);
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0)
            continue;
        if (commands[i].run)
            return commands[i].run(argc - 1, argv + 1);
        return weir_cli_usage("", "`%s` has not landed in this version of weir", name);
    }
    return weir_cli_usage("", "there is no command `%s`", name);
}
