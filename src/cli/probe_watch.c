#include "probe_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

enum { WATCHED_MAX = WEIR_PROBE_KEPT + WEIR_PROBE_FRESH, FRESH_ALONE_US = 10000000 };

static struct weir_probe_idle *idle_of(struct weir_probe_seen *seen, unsigned i)
{
    return i < seen->n_idle ? &seen->idle[i] : &seen->fresh[i - seen->n_idle];
}

/* Bytes that nobody asked for: an answer, perhaps. */
static void note_talk(const char *bytes, size_t len, struct weir_probe_idle *idle)
{
    uint64_t status;

    if (!idle->has_talked && len >= 12 && strncmp(bytes, "HTTP/1.", 7) == 0 &&
        weir_slice_to_number(weir_slice_make(bytes + 9, 3), &status))
        idle->talked_status = (unsigned)status;
    idle->has_talked = true;
}

/* Something came on it. True: it has ended. */
static bool look(struct weir_probe_conn *conn, struct weir_probe_idle *idle)
{
    char bytes[4096];
    ssize_t n = weir_probe_take(conn, bytes, sizeof(bytes), false);

    if (n > 0) {
        note_talk(bytes, (size_t)n, idle);
        return false;
    }
    if (n == -EAGAIN || n == -EINTR)
        return false;
    idle->end = n == 0 ? WEIR_PROBE_END_FIN : WEIR_PROBE_END_RESET;
    idle->ms = (weir_probe_now_us() - conn->idle_since_us) / 1000;
    return true;
}

void weir_probe_watch(struct weir_probe_conn **conns, struct weir_probe_seen *seen,
                      uint64_t until_us)
{
    struct pollfd fds[WATCHED_MAX];
    unsigned n = seen->n_idle + seen->n_fresh, open = n;
    uint64_t start = weir_probe_now_us(), now = start;

    if (seen->n_idle == 0 && until_us > start + FRESH_ALONE_US)
        until_us = start + FRESH_ALONE_US;
    for (unsigned i = 0; i < n; i++)
        fds[i] = (struct pollfd){.fd = conns[i]->fd, .events = POLLIN};
    while (open > 0 && now < until_us) {
        int got = poll(fds, n, (int)((until_us - now + 999) / 1000));
        for (unsigned i = 0; i < n && got > 0; i++) {
            if (fds[i].fd < 0 || !fds[i].revents || !look(conns[i], idle_of(seen, i)))
                continue;
            fds[i].fd = -1;
            open--;
        }
        now = weir_probe_now_us();
    }
    seen->watched_ms = (now - start) / 1000;
}
