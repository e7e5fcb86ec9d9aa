/* `weir doctor`: what was read of the host and the configuration, through the checks, to lines or
 * JSON. */
#include "cli.h"
#include "doctor_checks.h"
#include "doctor_read.h"

#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

struct options {
    const char *file, *root;
    bool is_file_given, is_json;
};

static void count(const struct weir_doctor_report *report, size_t counts[])
{
    for (size_t i = 0; i < report->n_verdicts; i++)
        counts[report->verdicts[i].level]++;
}

static int print_text(const struct weir_doctor_report *report)
{
    size_t counts[WEIR_DOCTOR_LEVEL_COUNT] = {0};

    for (size_t i = 0; i < report->n_verdicts; i++) {
        const struct weir_verdict *verdict = &report->verdicts[i];
        printf("%-8s %-20s %s\n", weir_doctor_level_name(verdict->level), verdict->check,
               verdict->reason);
        if (*verdict->fix)
            printf("%-8s %-20s fix: %s\n", "", "", verdict->fix);
    }
    count(report, counts);
    printf("\n%zu ok, %zu warning%s, %zu error%s\n", counts[WEIR_DOCTOR_OK],
           counts[WEIR_DOCTOR_WARNING], counts[WEIR_DOCTOR_WARNING] == 1 ? "" : "s",
           counts[WEIR_DOCTOR_ERROR], counts[WEIR_DOCTOR_ERROR] == 1 ? "" : "s");
    if (weir_doctor_worst(report) > WEIR_DOCTOR_OK)
        puts("What sysctl -w sets lasts until the next boot; as a line `NAME = VALUE` in "
             "/etc/sysctl.d/90-weir.conf it lasts.");
    return 0;
}

static int print_json(const struct weir_doctor_report *report, const struct options *options,
                      bool has_config)
{
    json_t *rows = json_array(), *json;
    size_t counts[WEIR_DOCTOR_LEVEL_COUNT] = {0};
    int failed = -1;

    for (size_t i = 0; i < report->n_verdicts; i++) {
        const struct weir_verdict *verdict = &report->verdicts[i];
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:s*}", "level",
                                              weir_doctor_level_name(verdict->level), "check",
                                              verdict->check, "reason", verdict->reason, "fix",
                                              *verdict->fix ? verdict->fix : NULL));
    }
    count(report, counts);
    json = json_pack("{s:s?, s:I, s:I, s:I, s:o}", "configuration",
                     has_config ? options->file : NULL, "ok", (json_int_t)counts[WEIR_DOCTOR_OK],
                     "warnings", (json_int_t)counts[WEIR_DOCTOR_WARNING], "errors",
                     (json_int_t)counts[WEIR_DOCTOR_ERROR], "checks", rows);
    if (json)
        failed = json_dumpf(json, stdout, JSON_INDENT(2));
    puts("");
    json_decref(json);
    return failed;
}

/* The configuration, or NULL, and a verdict on it. */
static struct weir_config *load(const struct options *options, struct weir_doctor_report *report)
{
    struct weir_config *config = NULL;

    report->check = "configuration";
    if (!options->is_file_given && access(options->file, F_OK) != 0) {
        weir_doctor_say(report, WEIR_DOCTOR_WARNING,
                        "there is no %s, so only this host's settings are checked", options->file);
        weir_doctor_fix(report, "weir doctor -c FILE");
        return NULL;
    }
    config = weir_config_load(options->file, stderr);
    if (config) {
        weir_doctor_say(report, WEIR_DOCTOR_OK, "%s", options->file);
        return config;
    }
    weir_doctor_say(report, WEIR_DOCTOR_ERROR,
                    "%s cannot be used, so only this host's settings are checked", options->file);
    weir_doctor_fix(report, "weir check -c %s says what is wrong", options->file);
    return NULL;
}

static int examine(const struct options *options)
{
    static struct weir_doctor_host host;
    struct weir_doctor_report report = {.verdicts = NULL};
    struct weir_doctor_needs needs = {.workers = 0};
    struct weir_config *config = load(options, &report);
    int failed = -1, status = 1;

    weir_doctor_read(&host, options->root);
    if (!config || weir_doctor_needs_init(&needs, config)) {
        weir_doctor_examine(&host, config ? &needs : NULL, &report);
        if (!report.has_failed)
            failed = options->is_json ? print_json(&report, options, config != NULL)
                                      : print_text(&report);
    }
    if (failed)
        fputs("weir: out of memory\n", stderr);
    else
        status = weir_doctor_worst(&report) == WEIR_DOCTOR_ERROR;
    weir_doctor_needs_fini(&needs);
    weir_config_unref(config);
    weir_doctor_report_fini(&report);
    return status;
}

static int print_help(void)
{
    puts(
        "usage: weir doctor [-c FILE] [--json]\n"
        "\n"
        "Holds this host's TCP settings and limits against what the configuration will need: line\n"
        "by line ok, warning or error, with the reason and the fix. Changes nothing. Run it where\n"
        "weir runs: in its container, and as its user. Exit status 1 when something is an error.\n"
        "\n"
        "  -c, --config FILE   the configuration; without this option and without a file at\n"
        "                      " WEIR_DEFAULT_CONFIG " only the host is checked\n"
        "  -j, --json          print JSON\n"
        "      --root DIR      read DIR/proc and DIR/sys, saved from another host\n"
        "  -h, --help          print this");
    return 0;
}

int weir_cli_doctor(int argc, char **argv)
{
    static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"root", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.file = WEIR_DEFAULT_CONFIG, .root = ""};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, "+:c:jh", longs, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.file = optarg;
            options.is_file_given = true;
            break;
        case 'j':
            options.is_json = true;
            break;
        case 'r':
            options.root = optarg;
            break;
        case 'h':
            return print_help();
        case ':':
            return weir_cli_usage("doctor", "`%s` needs a value", argv[optind - 1]);
        default:
            return weir_cli_usage("doctor", "there is no option `%s`", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return weir_cli_usage("doctor", "`%s` is one word too many", argv[optind]);
    return examine(&options);
}
