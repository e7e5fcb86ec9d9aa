/* `weir probe`: says what it will do, asks, and prints what it found and a pool section. */
#include "weir/config/units.h"

#include "cli.h"
#include "probe_ask.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct options {
    unsigned connections;
    uint64_t patience_ms;
    bool is_json, is_insecure;
};

struct target {
    struct weir_endpoint endpoint;
    char address[300]; /* as the URL has it */
    const char *host;  /* of the Host field */
    char path[256];
    bool is_tls;
};

static int print_help(void)
{
    puts("usage: weir probe [OPTIONS] ADDR|URL\n"
         "\n"
         "Asks a server gently how it treats keep-alive, and prints what it found and a pool "
         "section\n"
         "that fits, with the reason for each value. ADDR is HOST:PORT, [IPv6]:PORT or\n"
         "unix:/SOCKET, URL is http://HOST[:PORT]/PATH, https://… or unix:/SOCKET:/PATH; unless\n"
         "told, the path is /. It sends GET and HEAD only. Certificates are held against the\n"
         "system's store; SSL_CERT_FILE names another.\n"
         "\n"
         "  -n, --connections N  open no more than N in all (default: 24; 4 to 40)\n"
         "  -p, --patience TIME  be done within TIME (default: 60s; 5s to 60s): what is closed\n"
         "                       later than that is not seen\n"
         "  -k, --insecure       accept any certificate\n"
         "  -j, --json           print JSON\n"
         "  -h, --help           print this");
    return 0;
}

static bool fail(char *fault, size_t size, const char *text)
{
    snprintf(fault, size, "%s", text);
    return false;
}

/* What could end a request line or a field early has no place in them. */
static bool is_clean(const char *text)
{
    for (; *text; text++) {
        if (*text <= ' ' || *text > '~' || *text == '#')
            return false;
    }
    return true;
}

/* `unix:/SOCKET` or `unix:/SOCKET:/PATH`. */
static bool read_unix(const char *text, struct target *target, char *fault, size_t size)
{
    const char *reason = "", *path = strstr(text + strlen("unix:"), ":/");
    size_t len = path ? (size_t)(path - text) : strlen(text);

    if (len >= sizeof(target->address) || (path && strlen(path) > sizeof(target->path)))
        return fail(fault, size, "too long");
    snprintf(target->path, sizeof(target->path), "%s", path ? path + 1 : "/");
    snprintf(target->address, sizeof(target->address), "%.*s", (int)len, text);
    target->host = "localhost";
    if (!is_clean(target->path))
        return fail(fault, size, "blanks, # and what is not ASCII have no place in its path");
    return weir_endpoint_parse(weir_slice_from(target->address), &target->endpoint, &reason) ||
           fail(fault, size, reason);
}

static bool read_target(const char *text, struct target *target, char *fault, size_t size)
{
    const char *reason = "", *path;
    size_t len;

    target->is_tls = strncasecmp(text, "https://", 8) == 0;
    if (target->is_tls)
        text += 8;
    else if (strncasecmp(text, "http://", 7) == 0)
        text += 7;
    else if (strstr(text, "://"))
        return fail(fault, size, "not an http:// or https:// URL or HOST:PORT");
    if (strncmp(text, "unix:", 5) == 0)
        return read_unix(text, target, fault, size);
    target->host = target->address;
    len = strcspn(text, "/?");
    path = text + len;
    if (len >= sizeof(target->address) - 16 || strlen(path) >= sizeof(target->path) - 1)
        return fail(fault, size, "too long");
    if (!is_clean(text) || memchr(text, '@', len))
        return fail(fault, size, "blanks, #, user names and what is not ASCII have no place in it");
    snprintf(target->path, sizeof(target->path), "%s%s", *path == '/' ? "" : "/", path);
    snprintf(target->address, sizeof(target->address), "%s%.*s", *text == ':' ? "127.0.0.1" : "",
             (int)len, text);
    if (weir_endpoint_parse(weir_slice_from(target->address), &target->endpoint, &reason))
        return true;
    snprintf(target->address, sizeof(target->address), "%.*s:%s", (int)len, text,
             target->is_tls ? "443" : "80");
    return weir_endpoint_parse(weir_slice_from(target->address), &target->endpoint, &reason) ||
           fail(fault, size, reason);
}

static void print_plan(const struct weir_probe_plan *plan, const char *address, FILE *out)
{
    fprintf(out,
            "weir probe opens at most %u connections to %s, most of them idle, and is done in at "
            "most %" PRIu64
            " s.\nIt sends GET and HEAD for %s: up to %d in turn on one connection, "
            "then one on each other.\n",
            plan->connections, address, (plan->patience_ms + 999) / 1000, plan->path,
            WEIR_PROBE_REQUESTS);
    fflush(out);
}

static void print_pool(const struct weir_probe_seen *seen, const struct weir_probe_report *report)
{
    const char *section = "";

    printf("pools:\n  probed:\n    servers:\n      - {address: \"%s\"}\n", seen->address);
    if (seen->tls)
        printf("    tls: %s\n", seen->tls);
    for (size_t i = 0; i < report->n_settings; i++) {
        const struct weir_probe_setting *setting = &report->settings[i];
        if (strcmp(section, setting->section) != 0)
            printf("    %s:\n", setting->section);
        section = setting->section;
        printf("      %s: %-*s # %s\n", setting->key, 22 - (int)strlen(setting->key),
               setting->value, setting->reason);
    }
}

static int print_text(const struct weir_probe_seen *seen, const struct weir_probe_report *report)
{
    puts("");
    for (size_t i = 0; i < report->n_findings; i++)
        printf("%-18s  %s\n", report->findings[i].name, report->findings[i].text);
    puts("\nA pool section that fits:\n");
    print_pool(seen, report);
    return 0;
}

static int print_json(const struct weir_probe_seen *seen, const struct weir_probe_report *report)
{
    json_t *findings = json_array(), *settings = json_array(), *json;
    int failed = -1;

    for (size_t i = 0; i < report->n_findings; i++)
        json_array_append_new(findings, json_pack("{s:s, s:s}", "name", report->findings[i].name,
                                                  "text", report->findings[i].text));
    for (size_t i = 0; i < report->n_settings; i++) {
        const struct weir_probe_setting *setting = &report->settings[i];
        json_array_append_new(settings, json_pack("{s:s, s:s, s:s, s:s}", "section",
                                                  setting->section, "key", setting->key, "value",
                                                  setting->value, "reason", setting->reason));
    }
    json = json_pack("{s:s, s:o, s:o}", "address", seen->address, "findings", findings, "pool",
                     settings);
    if (json)
        failed = json_dumpf(json, stdout, JSON_INDENT(2));
    else
        fputs("weir: the answer is not UTF-8, as JSON must be\n", stderr);
    puts("");
    json_decref(json);
    return failed ? 1 : 0;
}

/* Reads no file but the system's store. False: out of memory. */
static bool prepare_tls(struct weir_probe_tls *tls, const struct target *target,
                        const struct options *options)
{
    const struct weir_tls_dialer_order order = {.verify = !options->is_insecure};
    struct weir_tls_fault fault;

    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    weir_blocks_init(&tls->blocks);
    tls->name = target->endpoint.host;
    tls->dialer = weir_tls_dialer_create(&order, &fault);
    return tls->dialer != NULL;
}

static void drop_tls(struct weir_probe_tls *tls)
{
    weir_tls_dialer_unref(tls->dialer);
    weir_slab_fini(&tls->blocks);
}

static int probe(const char *text, const struct options *options)
{
    static struct weir_probe_seen seen;
    static struct weir_probe_report report;
    struct weir_probe_plan plan = {.connections = options->connections,
                                   .patience_ms = options->patience_ms};
    struct target target;
    struct weir_probe_tls tls = {.dialer = NULL};
    char fault[256];
    const char *reason = "";
    bool is_answered;

    if (!read_target(text, &target, fault, sizeof(fault))) {
        fprintf(stderr, "weir: %s: %s\n", text, fault);
        return 2;
    }
    if (!weir_endpoint_to_address(&target.endpoint, &plan.address) &&
        !weir_address_resolve(&target.endpoint, &plan.address, &reason)) {
        fprintf(stderr, "weir: %s: the name cannot be resolved: %s\n", target.address, reason);
        return 1;
    }
    plan.host = target.host;
    plan.path = target.path;
    snprintf(seen.address, sizeof(seen.address), "%s", target.address);
    seen.is_unix = target.endpoint.kind == WEIR_ENDPOINT_UNIX;
    snprintf(seen.path, sizeof(seen.path), "%s", target.path);
    if (target.is_tls && !prepare_tls(&tls, &target, options)) {
        fprintf(stderr, "weir: out of memory\n");
        return 1;
    }
    if (target.is_tls) {
        plan.tls = &tls;
        seen.tls = options->is_insecure ? "{verify: false}" : "{}";
    }
    print_plan(&plan, seen.address, options->is_json ? stderr : stdout);
    is_answered = weir_probe_run(&plan, &seen, fault, sizeof(fault));
    if (target.is_tls)
        drop_tls(&tls);
    if (!is_answered) {
        fprintf(stderr, "weir: %s: %s\n", target.address, fault);
        return 1;
    }
    weir_probe_find(&seen, &report);
    weir_probe_set(&seen, &report);
    return options->is_json ? print_json(&seen, &report) : print_text(&seen, &report);
}

/* Exit status to end with, or -1 to go on. */
static int read_option(struct options *options, int option, char **argv)
{
    struct weir_why why;
    uint64_t number;

    switch (option) {
    case 'n':
        if (!weir_units_read_number(optarg, &number, &why) || number < WEIR_PROBE_CONNECTIONS_MIN ||
            number > WEIR_PROBE_CONNECTIONS_MAX)
            return weir_cli_usage("probe", "--connections is a number from %d to %d",
                                  WEIR_PROBE_CONNECTIONS_MIN, WEIR_PROBE_CONNECTIONS_MAX);
        options->connections = (unsigned)number;
        return -1;
    case 'p':
        if (!weir_units_read_duration(optarg, &number, &why) ||
            number < WEIR_PROBE_PATIENCE_MS_MIN || number > WEIR_PROBE_PATIENCE_MS_MAX)
            return weir_cli_usage("probe", "--patience is a time from 5s to 60s");
        options->patience_ms = number;
        return -1;
    case 'j':
        options->is_json = true;
        return -1;
    case 'k':
        options->is_insecure = true;
        return -1;
    case 'h':
        return print_help();
    case ':':
        return weir_cli_usage("probe", "`%s` needs a value", argv[optind - 1]);
    default:
        return weir_cli_usage("probe", "there is no option `%s`", argv[optind - 1]);
    }
}

int weir_cli_probe(int argc, char **argv)
{
    static const struct option longs[] = {{"connections", required_argument, NULL, 'n'},
                                          {"patience", required_argument, NULL, 'p'},
                                          {"insecure", no_argument, NULL, 'k'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.connections = WEIR_PROBE_CONNECTIONS,
                              .patience_ms = WEIR_PROBE_PATIENCE_MS_MAX};
    int option, status = -1;

    opterr = 0;
    while (status < 0 && (option = getopt_long(argc, argv, ":n:p:kjh", longs, NULL)) != -1)
        status = read_option(&options, option, argv);
    if (status >= 0)
        return status;
    if (optind == argc)
        return weir_cli_usage("probe", "the server is missing: HOST:PORT or http://HOST/PATH");
    if (optind + 1 < argc)
        return weir_cli_usage("probe", "`%s` is one word too many", argv[optind + 1]);
    return probe(argv[optind], &options);
}
