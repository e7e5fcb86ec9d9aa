/* From what was seen to a pool section. */
#include "weir/config/units.h"

#include "probe_seen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { MAX_UNMEASURED = 64, CONNECT_MS = 2000 };

/* Adds a line and returns it, for its value. */
__attribute__((format(printf, 4, 5))) static struct weir_probe_setting *add(
    struct weir_probe_report *report, const char *section, const char *key, const char *reason, ...)
{
    struct weir_probe_setting *setting = &report->settings[report->n_settings];
    va_list arguments;

    if (report->n_settings + 1 < WEIR_PROBE_SETTINGS_MAX)
        report->n_settings++;
    setting->section = section;
    setting->key = key;
    va_start(arguments, reason);
    vsnprintf(setting->reason, sizeof(setting->reason), reason, arguments);
    va_end(arguments);
    return setting;
}

static void set_number(struct weir_probe_setting *setting, uint64_t number)
{
    snprintf(setting->value, sizeof(setting->value), "%" PRIu64, number);
}

static void set_ms(struct weir_probe_setting *setting, uint64_t ms)
{
    weir_units_format_duration(ms, setting->value);
}

uint64_t weir_probe_margin(uint64_t ms)
{
    uint64_t margin = ms / 10 < 1000 ? ms / 10 : 1000, left = ms - margin;

    return left >= 10000 ? left / 1000 * 1000 : left >= 1000 ? left / 100 * 100 : left;
}

static void set_max(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    unsigned workers = weir_probe_workers(seen);

    if (workers == 0) {
        set_number(add(report, "connections", "max",
                       "a guess: how many requests it works on at once was not measured"),
                   MAX_UNMEASURED);
        return;
    }
    set_number(add(report, "connections", "max",
                   workers == 1 ? "it serves one connection at a time; more would wait behind it"
                                : "it serves %u connections at a time; more would wait behind them",
                   workers),
               workers);
    set_number(add(report, "connections", "min_idle", "a connection opened ahead keeps %s waiting",
                   workers == 1 ? "all" : "others"),
               0);
}

static void set_idle_timeout(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    uint64_t ms = weir_probe_idle_ms(seen), announced = seen->announced_ms;

    if (ms == 0 && seen->watched_ms < 1000)
        return;
    if (ms == 0) {
        set_ms(add(report, "connections", "idle_timeout",
                   "for so long it was watched, and did not close"),
               seen->watched_ms / 1000 * 1000);
        return;
    }
    set_ms(add(report, "connections", "idle_timeout",
               "it %s %" PRIu64 ".%03" PRIu64 " s; weir leaves before",
               ms == announced ? "announces" : "closes after", ms / 1000, ms % 1000),
           weir_probe_margin(ms));
}

static void set_requests(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    uint64_t requests = weir_probe_requests(seen);
    bool is_sudden = seen->requests_end != WEIR_PROBE_END_NONE &&
                     seen->requests_end != WEIR_PROBE_END_ANNOUNCED;

    if (requests == 0)
        return;
    set_number(add(report, "connections", "max_requests",
                   is_sudden ? "it ends the connection then without a word: weir leaves before"
                   : seen->requests_end == WEIR_PROBE_END_NONE ? "it announces so many"
                                                               : "its own limit"),
               requests);
}

static bool has_talked(const struct weir_probe_seen *seen)
{
    for (unsigned i = 0; i < seen->n_idle; i++) {
        if (seen->idle[i].has_talked)
            return true;
    }
    return seen->has_left;
}

void weir_probe_set(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    uint64_t connect_ms = seen->connect_us_max / 1000 * 4;

    set_max(seen, report);
    if (has_talked(seen) && seen->first.is_keep_alive) {
        set_number(add(report, "connections", "max_requests",
                       "it talks out of turn: nobody else's request should meet that"),
                   1);
    } else if (seen->first.is_keep_alive) {
        if (weir_probe_keeps(seen))
            set_idle_timeout(seen, report);
        set_requests(seen, report);
    }
    if (!seen->is_unix)
        snprintf(add(report, "connections", "close",
                     weir_probe_keeps(seen)
                         ? "no TIME_WAIT on either side; fin if its log complains"
                         : "it closes after each answer: spares it the TIME_WAIT")
                     ->value,
                 WEIR_ADDRESS_TEXT_MAX, "reset");
    if (connect_ms > CONNECT_MS)
        set_ms(add(report, "timeouts", "connect", "four times the slowest connect"),
               connect_ms / 1000 * 1000);
    else
        set_ms(add(report, "timeouts", "connect",
                   "connecting took up to %" PRIu64 ".%03" PRIu64 " ms%s",
                   seen->connect_us_max / 1000, seen->connect_us_max % 1000,
                   seen->is_unix ? "" : "; a lost SYN is sent again after 1 s"),
               CONNECT_MS);
    set_ms(add(report, "timeouts", "response",
               "%s was answered after %" PRIu64 ".%" PRIu64 " ms; others may take longer",
               seen->path, seen->first.first_byte_us / 1000,
               seen->first.first_byte_us % 1000 / 100),
           60000);
}
