/* The commands of `weir`, one file each. Each gets what follows its own name and returns the exit
 * status: 0 fine, 1 the work failed, 2 wrong usage. */
#ifndef WEIR_CLI_CLI_H
#define WEIR_CLI_CLI_H

#define WEIR_DEFAULT_CONFIG "/etc/weir/weir.yaml"
#define WEIR_DEFAULT_ADMIN "127.0.0.1:8900"

int weir_cli_run(int argc, char **argv);
int weir_cli_check(int argc, char **argv);
int weir_cli_stats(int argc, char **argv);
int weir_cli_top(int argc, char **argv);
int weir_cli_doctor(int argc, char **argv);
int weir_cli_probe(int argc, char **argv);
int weir_cli_reload(int argc, char **argv);
int weir_cli_drain(int argc, char **argv);
int weir_cli_pool(int argc, char **argv);
int weir_cli_server(int argc, char **argv);

/* One line to standard error, and how to learn more. Returns 2. */
int weir_cli_usage(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
