#include "doctor_checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *weir_doctor_level_name(enum weir_doctor_level level)
{
    static const char *const names[] = {
#define WEIR_DOCTOR_LEVEL(name, text) text,
        WEIR_DOCTOR_LEVELS(WEIR_DOCTOR_LEVEL)
#undef WEIR_DOCTOR_LEVEL
    };
    return names[level];
}

void weir_doctor_say(struct weir_doctor_report *report, enum weir_doctor_level level,
                     const char *format, ...)
{
    va_list arguments;

    if (report->n_verdicts == report->size && !report->has_failed) {
        size_t size = report->size ? 2 * report->size : 32;
        struct weir_verdict *grown = realloc(report->verdicts, size * sizeof(*grown));
        if (grown) {
            report->verdicts = grown;
            report->size = size;
        }
        report->has_failed = !grown;
    }
    if (report->has_failed)
        return;
    struct weir_verdict *verdict = &report->verdicts[report->n_verdicts++];
    verdict->level = level;
    verdict->check = report->check;
    verdict->fix[0] = '\0';
    va_start(arguments, format);
    vsnprintf(verdict->reason, sizeof(verdict->reason), format, arguments);
    va_end(arguments);
}

void weir_doctor_fix(struct weir_doctor_report *report, const char *format, ...)
{
    va_list arguments;

    if (report->has_failed || report->n_verdicts == 0)
        return;
    struct weir_verdict *verdict = &report->verdicts[report->n_verdicts - 1];
    va_start(arguments, format);
    vsnprintf(verdict->fix, sizeof(verdict->fix), format, arguments);
    va_end(arguments);
}

bool weir_doctor_is_unknown(struct weir_doctor_report *report, const struct weir_reading *reading,
                            const char *name)
{
    if (reading->state == WEIR_READING_ABSENT)
        weir_doctor_say(report, WEIR_DOCTOR_OK,
                        "%s is not there: not in this kernel, or not shown in this container; then "
                        "look on the host itself",
                        name);
    else if (reading->state == WEIR_READING_UNREADABLE)
        weir_doctor_say(report, WEIR_DOCTOR_WARNING, "%s cannot be read: not checked", name);
    return reading->state != WEIR_READING_KNOWN;
}

enum weir_doctor_level weir_doctor_worst(const struct weir_doctor_report *report)
{
    enum weir_doctor_level worst = WEIR_DOCTOR_OK;

    for (size_t i = 0; i < report->n_verdicts; i++) {
        if (report->verdicts[i].level > worst)
            worst = report->verdicts[i].level;
    }
    return worst;
}

void weir_doctor_report_fini(struct weir_doctor_report *report)
{
    free(report->verdicts);
    *report = (struct weir_doctor_report){.verdicts = NULL};
}

void weir_doctor_examine(const struct weir_doctor_host *host, const struct weir_doctor_needs *needs,
                         struct weir_doctor_report *report)
{
    static const struct {
        const char *name;
        void (*run)(const struct weir_doctor_host *host, const struct weir_doctor_needs *needs,
                    struct weir_doctor_report *report);
    } checks[] = {
#define WEIR_DOCTOR_CHECK(name, function) {name, weir_doctor_check_##function},
        WEIR_DOCTOR_CHECKS(WEIR_DOCTOR_CHECK)
#undef WEIR_DOCTOR_CHECK
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
        report->check = checks[i].name;
        checks[i].run(host, needs, report);
    }
}
