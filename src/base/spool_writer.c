/* The writer: a thread that takes lines out of the lanes, writes them, and sleeps.
 *
 *      AWAKE ──▶ NAPPING ──▶ AWAKE      after it wrote: more will have come soon
 *      AWAKE ──▶ ASLEEP ──▶ AWAKE       when a nap brought nothing
 *
 * Who puts a line wakes it from its sleep, and from a nap when a ring is half full. */
#include "weir/base/log.h"

#include "spool_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    NAP_MS = 20,
    RETRY_MS = 1000, /* between attempts to write to what failed */
    LAST_MS = 2000,  /* for the last lines */
    WARN_EVERY_MS = 10000,
    WRITE_MAX = 262144 /* bytes at once, so that a slow file makes room in steps */
};

enum outcome { NOTHING, DONE, BLOCKED, FAILED };

uint64_t weir_spool_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t weir_spool_sum_dropped(struct weir_spool *spool)
{
    uint64_t sum = atomic_load(&spool->lost);

    for (unsigned i = 0; i < spool->n_lanes; i++)
        sum += atomic_load_explicit(&spool->lanes[i].dropped, memory_order_relaxed);
    return sum;
}

/* ---- The file ---- */

/* A weir that died, or gave up on a full disk, may have left the beginning of a line. */
static bool ends_inside_line(const char *path, off_t size)
{
    char last = '\n';
    int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;

    if (fd < 0)
        return false;
    bool is_inside = pread(fd, &last, 1, size - 1) == 1 && last != '\n';
    close(fd);
    return is_inside;
}

/* Standard output may be a socket, which can't be opened by name. */
static int open_standard(const char *path)
{
    int own = strcmp(path, "/dev/stdout") == 0   ? STDOUT_FILENO
              : strcmp(path, "/dev/stderr") == 0 ? STDERR_FILENO
                                                 : -1;
    int fd = own < 0 ? -1 : fcntl(own, F_DUPFD_CLOEXEC, 0);

    if (own < 0)
        errno = ENXIO;
    return fd;
}

int weir_spool_open_file(struct weir_spool *spool)
{
    struct weir_spool_writer *writer = &spool->writer;
    int flags = O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    struct stat status;
    int fd;

    /* Open at both ends, a pipe needs no reader, and outlives each that comes and goes. */
    if (stat(spool->path, &status) == 0 && S_ISFIFO(status.st_mode))
        fd = open(spool->path, O_RDWR | flags);
    else
        fd = open(spool->path, O_WRONLY | O_CREAT | flags, 0640);
    if (fd < 0 && errno == ENXIO)
        fd = open_standard(spool->path);
    if (fd < 0)
        return -errno;
    if (writer->fd >= 0)
        close(writer->fd);
    writer->fd = fd;
    writer->needs_end = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                        ends_inside_line(spool->path, status.st_size);
    return 0;
}

/* ---- Writing ---- */

/* Writes from the ring what lies between AT and HEAD, or some of it. */
static ssize_t write_some(int fd, const struct weir_lane *lane, size_t at, size_t head)
{
    size_t left = head - at < WRITE_MAX ? head - at : WRITE_MAX;
    size_t from = at & (WEIR_SPOOL_RING_BYTES - 1);
    size_t first = WEIR_SPOOL_RING_BYTES - from < left ? WEIR_SPOOL_RING_BYTES - from : left;
    struct iovec parts[] = {{lane->ring + from, first}, {lane->ring, left - first}};
    ssize_t n;

    do
        n = writev(fd, parts, left > first ? 2 : 1);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The lines among the next LEN bytes of the ring; *whole is how many bytes these are. */
static uint64_t count_lines(const struct weir_lane *lane, size_t at, size_t len, size_t *whole)
{
    uint64_t lines = 0;
    size_t done = 0;

    *whole = 0;
    while (done < len) {
        size_t from = (at + done) & (WEIR_SPOOL_RING_BYTES - 1);
        size_t run = WEIR_SPOOL_RING_BYTES - from < len - done ? WEIR_SPOOL_RING_BYTES - from
                                                               : len - done;
        const char *end = memchr(lane->ring + from, '\n', run);
        if (!end) {
            done += run;
            continue;
        }
        done += (size_t)(end - (lane->ring + from)) + 1;
        *whole = done;
        lines++;
    }
    return lines;
}

/* The file has taken N bytes more: whole lines make room. */
static void advance(struct weir_spool *spool, struct weir_lane *lane, size_t n)
{
    size_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed), whole;
    size_t len = spool->writer.partial + n;

    atomic_fetch_add(&spool->written, count_lines(lane, tail, len, &whole));
    spool->writer.partial = len - whole;
    atomic_store_explicit(&lane->tail, tail + whole, memory_order_release);
}

static enum outcome judge(struct weir_spool *spool)
{
    if (errno == EAGAIN)
        return BLOCKED;
    atomic_fetch_add(&spool->failed, 1);
    spool->writer.error = errno;
    return FAILED;
}

static enum outcome write_lane(struct weir_spool *spool, struct weir_lane *lane)
{
    struct weir_spool_writer *writer = &spool->writer;
    size_t head = atomic_load(&lane->head);
    enum outcome outcome = NOTHING;

    for (;;) {
        size_t at = atomic_load_explicit(&lane->tail, memory_order_relaxed) + writer->partial;
        if (at == head)
            return outcome;
        ssize_t n = write_some(writer->fd, lane, at, head);
        if (n < 0)
            return judge(spool);
        advance(spool, lane, (size_t)n);
        outcome = DONE;
    }
}

/* All lanes once; where a line is written in part, its lane is the first. */
static enum outcome write_lanes(struct weir_spool *spool)
{
    struct weir_spool_writer *writer = &spool->writer;
    enum outcome all = NOTHING;

    if (writer->needs_end) {
        if (write(writer->fd, "\n", 1) < 0)
            return judge(spool);
        writer->needs_end = false;
    }
    for (unsigned i = 0; i < spool->n_lanes; i++) {
        enum outcome outcome = write_lane(spool, &spool->lanes[writer->at]);
        if (outcome == BLOCKED || outcome == FAILED)
            return outcome;
        if (outcome == DONE)
            all = DONE;
        writer->at = (writer->at + 1) % spool->n_lanes;
    }
    return all;
}

/* A line that the old file has in part is ended there, or begins anew in the next. */
static void reopen(struct weir_spool *spool)
{
    struct weir_spool_writer *writer = &spool->writer;
    int error;

    if (writer->partial > 0)
        (void)write_lane(spool, &spool->lanes[writer->at]);
    error = weir_spool_open_file(spool);
    if (!error) {
        writer->partial = 0;
        return;
    }
    atomic_fetch_add(&spool->failed, 1);
    weir_log(WEIR_LOG_ERROR, "%s: %s: cannot open it again: %s; the old file stays in use",
             spool->name, spool->path, strerror(-error));
}

/* ---- What the log is told ---- */

static void tell_errors(struct weir_spool *spool, enum outcome outcome, uint64_t now_ms)
{
    struct weir_spool_writer *writer = &spool->writer;

    if (outcome == FAILED && now_ms >= writer->complain_ms) {
        writer->complain_ms = now_ms + WARN_EVERY_MS;
        weir_log(WEIR_LOG_WARN, "%s: %s: cannot be written: %s; lines wait, then are dropped",
                 spool->name, spool->path, strerror(writer->error));
    } else if (outcome == DONE && writer->error) {
        writer->error = 0;
        writer->complain_ms = 0;
        weir_log(WEIR_LOG_INFO, "%s: %s: is written again", spool->name, spool->path);
    }
}

static void tell(struct weir_spool *spool, enum outcome outcome)
{
    struct weir_spool_writer *writer = &spool->writer;
    uint64_t dropped = weir_spool_sum_dropped(spool), now_ms = weir_spool_now_ms();

    tell_errors(spool, outcome, now_ms);
    if (dropped == writer->told || now_ms < writer->regret_ms)
        return;
    weir_log(WEIR_LOG_WARN, "%s: %s: %llu lines were dropped, %llu in all", spool->name,
             spool->path, (unsigned long long)(dropped - writer->told),
             (unsigned long long)dropped);
    writer->regret_ms = now_ms + WARN_EVERY_MS;
    writer->told = dropped;
}

/* ---- Sleeping ---- */

static bool has_lines(struct weir_spool *spool, size_t at_least)
{
    for (unsigned i = 0; i < spool->n_lanes; i++) {
        struct weir_lane *lane = &spool->lanes[i];
        if (atomic_load(&lane->head) - atomic_load(&lane->tail) >= at_least)
            return true;
    }
    return false;
}

/* Reads the letters; the last reference's begins the end. */
static void hear(struct weir_spool *spool)
{
    struct weir_spool_writer *writer = &spool->writer;
    uint64_t letters = 0;

    if (read(spool->wake_fd, &letters, sizeof(letters)) > 0 && letters >= WEIR_SPOOL_LAST) {
        writer->is_ending = true;
        writer->end_ms = weir_spool_now_ms() + LAST_MS;
    }
}

static void rest(struct weir_spool *spool, enum outcome outcome)
{
    struct pollfd events[] = {{.fd = spool->wake_fd, .events = POLLIN},
                              {.fd = spool->writer.fd, .events = POLLOUT}};
    size_t too_many = outcome == NOTHING ? 1 : WEIR_SPOOL_RING_BYTES / 2;
    int ms = outcome == NOTHING ? -1 : outcome == DONE ? NAP_MS : RETRY_MS;

    if (outcome == BLOCKED || outcome == FAILED) {
        /* Nobody need wake it: there is room, or time, to be waited for. */
        (void)poll(events, outcome == BLOCKED ? 2 : 1, ms);
        return;
    }
    atomic_store(&spool->sleep, outcome == DONE ? WEIR_SPOOL_NAPPING : WEIR_SPOOL_ASLEEP);
    if (!has_lines(spool, too_many))
        (void)poll(events, 1, ms);
    atomic_store(&spool->sleep, WEIR_SPOOL_AWAKE);
}

/* ---- Its life ---- */

/* What is left in the rings is lost. */
static void give_up(struct weir_spool *spool)
{
    for (unsigned i = 0; i < spool->n_lanes; i++) {
        struct weir_lane *lane = &spool->lanes[i];
        size_t tail = atomic_load(&lane->tail), whole;
        atomic_fetch_add(&spool->lost,
                         count_lines(lane, tail, atomic_load(&lane->head) - tail, &whole));
    }
    spool->writer.regret_ms = 0;
    tell(spool, NOTHING);
}

static bool is_over(const struct weir_spool_writer *writer, enum outcome outcome)
{
    return writer->is_ending && (outcome == NOTHING || outcome == FAILED ||
                                 (outcome == BLOCKED && weir_spool_now_ms() >= writer->end_ms));
}

void *weir_spool_run(void *argument)
{
    struct weir_spool *spool = argument;
    enum outcome outcome;

    pthread_setname_np(pthread_self(), "weir-lines");
    for (;;) {
        hear(spool);
        if (atomic_exchange(&spool->must_reopen, false))
            reopen(spool);
        outcome = write_lanes(spool);
        tell(spool, outcome);
        if (is_over(&spool->writer, outcome))
            break;
        if (!spool->writer.is_ending || outcome == BLOCKED)
            rest(spool, outcome);
    }
    give_up(spool);
    pthread_mutex_lock(&spool->lock);
    spool->has_ended = true;
    pthread_cond_signal(&spool->ended);
    pthread_mutex_unlock(&spool->lock);
    return NULL;
}
