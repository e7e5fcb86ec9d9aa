/* From what was seen to sentences. */
#include "probe_seen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A shorter look says nothing. */
enum { WATCHED_MS_MIN = 1000 };

/* Times for people: `0.31 ms`, `300 ms`, `4.9 s`. */
static const char *format_us(uint64_t us, char *text, size_t size)
{
    snprintf(text, size, "%" PRIu64 ".%02" PRIu64 " ms", us / 1000, us % 1000 / 10);
    return text;
}

static const char *format_ms(uint64_t ms, char *text, size_t size)
{
    if (ms < 1000)
        snprintf(text, size, "%" PRIu64 " ms", ms);
    else
        snprintf(text, size, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms % 1000 / 100);
    return text;
}

#define MS(ms) format_ms(ms, (char[32]){0}, 32)
#define US(us) format_us(us, (char[32]){0}, 32)

__attribute__((format(printf, 3, 4))) static void say(struct weir_probe_report *report,
                                                      const char *name, const char *format, ...)
{
    va_list arguments;

    if (report->n_findings == WEIR_PROBE_FINDINGS_MAX)
        return;
    struct weir_probe_finding *finding = &report->findings[report->n_findings++];
    finding->name = name;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof(finding->text), format, arguments);
    va_end(arguments);
}

bool weir_probe_keeps(const struct weir_probe_seen *seen)
{
    return seen->first.is_keep_alive && seen->requests > 1 && !seen->has_left;
}

uint64_t weir_probe_idle_ms(const struct weir_probe_seen *seen)
{
    uint64_t ms = seen->announced_ms;

    for (unsigned i = 0; i < seen->n_idle; i++) {
        if (seen->idle[i].end != WEIR_PROBE_END_NONE && (ms == 0 || seen->idle[i].ms < ms))
            ms = seen->idle[i].ms;
    }
    return ms;
}

uint64_t weir_probe_requests(const struct weir_probe_seen *seen)
{
    if (seen->requests_end != WEIR_PROBE_END_NONE)
        return seen->requests;
    return seen->announced_requests;
}

unsigned weir_probe_workers(const struct weir_probe_seen *seen)
{
    const struct weir_probe_company *all[] = {&seen->ahead, &seen->ahead_many, &seen->kept};
    unsigned workers = 0;

    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        if (all[i]->beside == WEIR_PROBE_BESIDE_AFTER &&
            (workers == 0 || all[i]->workers < workers))
            workers = all[i]->workers;
    }
    return workers;
}

static void find_answer(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    say(report, "connects", "%u, in %s to %s, half of them within %s%s", seen->n_connects,
        US(seen->connect_us_min), US(seen->connect_us_max), US(seen->connect_us_median),
        !seen->is_unix && seen->connect_us_max >= 1000000 && seen->connect_us_median < 500000
            ? "; the slowest lost its SYN, as when the listen queue is full (a short backlog)"
            : "");
    say(report, "answer", "HTTP/1.%u, status %u, first byte after %s%s%s%s", seen->first.minor,
        seen->first.status, US(seen->first.first_byte_us), *seen->first.server ? ", " : "",
        seen->first.server,
        seen->first.status >= 400 ? "; errors may be treated unlike other answers: probe a path "
                                    "that works"
                                  : "");
}

static void find_keep_alive(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    if (!seen->first.is_keep_alive)
        say(report, "keep-alive", "no: %s",
            seen->first.is_ended && seen->first.minor > 0
                ? "the end of the connection is the end of its answer (no length)"
            : seen->first.minor == 0 ? "HTTP/1.0 without keep-alive; it closes after each answer"
                                     : "it announces a close with each answer");
    else if (seen->has_left)
        say(report, "keep-alive", "bytes come behind its answer: weir closes such connections");
    else if (seen->requests > 1)
        say(report, "keep-alive", "yes, connections are kept");
    else
        say(report, "keep-alive", "it says so, but the connection ended after one answer");
}

static void find_requests(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    char announced[80] = "";

    if (seen->announced_requests)
        snprintf(announced, sizeof(announced), "; it announces %" PRIu64, seen->announced_requests);
    if (!seen->first.is_keep_alive || seen->has_left)
        return;
    switch (seen->requests_end) {
    case WEIR_PROBE_END_NONE:
        say(report, "requests", "more than %u on a connection%s", seen->requests, announced);
        break;
    case WEIR_PROBE_END_ANNOUNCED:
        say(report, "requests", "%u on a connection, and the last answer says so%s", seen->requests,
            announced);
        break;
    case WEIR_PROBE_END_SILENT:
        say(report, "requests", "%u on a connection, then no answer%s", seen->requests, announced);
        break;
    default:
        say(report, "requests", "%u on a connection, then a %s that no answer announces%s",
            seen->requests, seen->requests_end == WEIR_PROBE_END_FIN ? "close" : "reset",
            announced);
    }
}

/* How the connections of a list ended: least and greatest age, and how many. */
static unsigned range_of(const struct weir_probe_idle *idle, unsigned n, uint64_t *least,
                         uint64_t *most)
{
    unsigned ended = 0;

    *least = UINT64_MAX;
    *most = 0;
    for (unsigned i = 0; i < n; i++) {
        if (idle[i].end == WEIR_PROBE_END_NONE)
            continue;
        ended++;
        *least = idle[i].ms < *least ? idle[i].ms : *least;
        *most = idle[i].ms > *most ? idle[i].ms : *most;
    }
    return ended;
}

static void find_idle(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    uint64_t least, most;
    unsigned ended = range_of(seen->idle, seen->n_idle, &least, &most);
    char announced[80] = "; nothing is announced";

    if (seen->announced_ms)
        snprintf(announced, sizeof(announced), "; %s are announced%s", MS(seen->announced_ms),
                 seen->is_announced_if_asked ? " to who asks by `Connection: keep-alive`" : "");
    if (ended && strcmp(MS(least), MS(most)) == 0)
        say(report, "idle timeout", "%s (%u of %u)%s", MS(least), ended, seen->n_idle, announced);
    else if (ended)
        say(report, "idle timeout", "%s to %s (%u of %u)%s", MS(least), MS(most), ended,
            seen->n_idle, announced);
    else if (seen->n_idle && seen->watched_ms >= WATCHED_MS_MIN)
        say(report, "idle timeout", "longer than %s%s", MS(seen->watched_ms), announced);
    ended = range_of(seen->fresh, seen->n_fresh, &least, &most);
    if (ended)
        say(report, "unused connections", "are closed after %s (%u of %u)", MS(least), ended,
            seen->n_fresh);
    else if (seen->n_fresh && seen->watched_ms >= WATCHED_MS_MIN)
        say(report, "unused connections", "stay open for longer than %s", MS(seen->watched_ms));
    for (unsigned i = 0; i < seen->n_idle + seen->n_fresh; i++) {
        const struct weir_probe_idle *one = i < seen->n_idle ? &seen->idle[i]
                                                             : &seen->fresh[i - seen->n_idle];
        if (!one->has_talked)
            continue;
        if (one->talked_status)
            say(report, "out of turn", "it sends an answer (%u) that nobody asked for on %s",
                one->talked_status, i < seen->n_idle ? "idle connections" : "unused connections");
        else
            say(report, "out of turn", "it sends bytes that nobody asked for");
        return;
    }
}

static void find_beside(const struct weir_probe_company *company, const char *name,
                        const char *what, struct weir_probe_report *report)
{
    switch (company->beside) {
    case WEIR_PROBE_BESIDE_UNTRIED:
        break;
    case WEIR_PROBE_BESIDE_ANSWERED:
        say(report, name, "%u %s: others are answered beside", company->idle, what);
        break;
    case WEIR_PROBE_BESIDE_AFTER:
        say(report, name,
            company->workers == 1
                ? "%u %s: nobody else is answered meanwhile: it serves one connection at a time"
                : "%u %s: others are answered once %u or fewer are left: each occupies a worker",
            company->idle, what, company->workers - 1);
        break;
    case WEIR_PROBE_BESIDE_LATE:
        say(report, name, "%u %s: others are not answered soon (more --patience would tell more)",
            company->idle, what);
        break;
    case WEIR_PROBE_BESIDE_NEVER:
        say(report, name, "%u %s: no answer to others, also after they were closed", company->idle,
            what);
        break;
    }
}

static void find_methods(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    static const char *const heads[] = {
        [WEIR_PROBE_HEAD_FINE] = "answered without a body, as it should be",
        [WEIR_PROBE_HEAD_UNLIKE] = "answered unlike GET",
        [WEIR_PROBE_HEAD_BODY] = "answered with a body: weir closes that connection",
        [WEIR_PROBE_HEAD_FAILED] = "no answer",
    };
    static const char *const continues[] = {
        [WEIR_PROBE_CONTINUE_SENT] = "a 100 is sent, then the answer",
        [WEIR_PROBE_CONTINUE_FINAL] = "answered at once, without a 100 and without the body",
        [WEIR_PROBE_CONTINUE_IGNORED] =
            "no 100: clients that wait for one wait in vain for a while",
        [WEIR_PROBE_CONTINUE_FAILED] = "no answer",
    };
    if (seen->head == WEIR_PROBE_HEAD_UNLIKE)
        say(report, "HEAD", "%s: with status %u", heads[seen->head], seen->head_status);
    else if (seen->head)
        say(report, "HEAD", "%s", heads[seen->head]);
    if (seen->continues == WEIR_PROBE_CONTINUE_FINAL)
        say(report, "100-continue", "%s (status %u)", continues[seen->continues],
            seen->continue_status);
    else if (seen->continues)
        say(report, "100-continue", "%s", continues[seen->continues]);
}

static void find_closing(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    enum weir_probe_end idle = WEIR_PROBE_END_NONE;
    bool ends_each = !weir_probe_keeps(seen) && !seen->has_left;

    for (unsigned i = 0; i < seen->n_idle; i++)
        idle = seen->idle[i].end != WEIR_PROBE_END_NONE ? seen->idle[i].end : idle;
    if (seen->is_unix)
        say(report, "TIME_WAIT", "none: Unix sockets know no such state");
    else if (ends_each && seen->requests_end == WEIR_PROBE_END_RESET)
        say(report, "TIME_WAIT", "none: it ends connections with a reset");
    else if (ends_each && seen->requests_end != WEIR_PROBE_END_NONE)
        say(report, "TIME_WAIT",
            "it closes first, after each answer: one TIME_WAIT of 60 s there for each request; "
            "behind weir none, for weir answers its FIN with a reset");
    else if (idle == WEIR_PROBE_END_RESET)
        say(report, "TIME_WAIT", "none: it ends idle connections with a reset");
    else if (idle == WEIR_PROBE_END_FIN)
        say(report, "TIME_WAIT",
            "it closes idle connections first: one TIME_WAIT there for each; weir ends them "
            "before, with a reset, which leaves none");
    else
        say(report, "TIME_WAIT",
            "weir ends connections with a reset, which leaves none on either side; the server was "
            "not seen to close first");
}

void weir_probe_find(const struct weir_probe_seen *seen, struct weir_probe_report *report)
{
    find_answer(seen, report);
    find_keep_alive(seen, report);
    find_requests(seen, report);
    find_idle(seen, report);
    find_beside(&seen->ahead, "opened ahead", "unused", report);
    find_beside(&seen->ahead_many, "opened ahead", "unused", report);
    find_beside(&seen->kept, "kept idle", "idle", report);
    find_methods(seen, report);
    find_closing(seen, report);
}
