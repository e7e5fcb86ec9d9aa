/* One mutex orders the lines and guards the file; a line is formatted outside it. */
#include "weir/base/log.h"

#include "weir/base/escape.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 2048 };

static struct {
    pthread_mutex_t lock;
    atomic_int level;
    atomic_int format;
    atomic_int kind; /* enum sink */
    int fd;
    char *path; /* NULL unless it goes to a file of ours */
} output = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = WEIR_LOG_INFO, .fd = STDERR_FILENO};

enum sink { TO_STDERR, TO_FILE, TO_SYSLOG, TO_JOURNAL };

/* systemd's, see its "Native Journal Protocol": a datagram an entry, a line a field. */
static const struct sockaddr_un journal = {.sun_family = AF_UNIX,
                                           .sun_path = "/run/systemd/journal/socket"};

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const int level_priorities[] = {LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERR};

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return fd < 0 ? -errno : fd;
}

/* Fails: -errno, as when nobody listens there. */
static int open_journal(void)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), error;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&journal, sizeof(journal)) == 0)
        return fd < 0 ? -errno : fd;
    error = -errno;
    close(fd);
    return error;
}

static enum sink sink_of(const char *to)
{
    return strcmp(to, "stderr") == 0    ? TO_STDERR
           : strcmp(to, "syslog") == 0  ? TO_SYSLOG
           : strcmp(to, "journal") == 0 ? TO_JOURNAL
                                        : TO_FILE;
}

int weir_log_open(const char *to, enum weir_log_level level, enum weir_log_format format)
{
    enum sink sink = sink_of(to);
    int fd = sink == TO_FILE ? open_file(to) : sink == TO_JOURNAL ? open_journal() : STDERR_FILENO;
    char *path = sink == TO_FILE ? strdup(to) : NULL;

    if (fd < 0 || (sink == TO_FILE && !path)) {
        free(path);
        return fd < 0 ? fd : -ENOMEM;
    }
    if (sink == TO_SYSLOG)
        openlog("weir", LOG_PID, LOG_DAEMON);
    pthread_mutex_lock(&output.lock);
    if (output.fd != STDERR_FILENO)
        close(output.fd);
    free(output.path);
    output.path = path;
    output.fd = fd;
    atomic_store(&output.kind, (int)sink);
    pthread_mutex_unlock(&output.lock);
    atomic_store(&output.level, (int)level);
    atomic_store(&output.format, (int)format);
    return 0;
}

int weir_log_reopen(void)
{
    int error = 0;

    pthread_mutex_lock(&output.lock);
    if (output.path) {
        int fd = open_file(output.path);
        if (fd < 0) {
            error = fd;
        } else {
            close(output.fd);
            output.fd = fd;
        }
    }
    pthread_mutex_unlock(&output.lock);
    return error;
}

bool weir_log_is_on(enum weir_log_level level)
{
    return (int)level >= atomic_load_explicit(&output.level, memory_order_relaxed);
}

/* Copies TEXT with whatever could forge or break a line escaped as JSON does it. */
static size_t escape(const char *text, char *line, size_t size, bool quotes)
{
    const unsigned char *end = (const unsigned char *)text + strlen(text);
    size_t at = 0;

    for (const unsigned char *c = (const unsigned char *)text; c < end && at + 7 < size;) {
        size_t len = weir_escape_plain_bytes(c, (size_t)(end - c));
        if (len == 0) {
            at += (size_t)snprintf(line + at, size - at, "\\u%04x", *c++);
            continue;
        }
        if (quotes && (*c == '"' || *c == '\\'))
            line[at++] = '\\';
        memcpy(line + at, c, len);
        at += len;
        c += len;
    }
    line[at] = '\0';
    return at;
}

static size_t stamp(char *text, size_t size)
{
    struct timeval now;
    struct tm utc;

    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &utc);
    size_t len = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(text + len, size - len, ".%03dZ", (int)(now.tv_usec / 1000));
}

static void write_line(const char *line, size_t len)
{
    pthread_mutex_lock(&output.lock);
    while (len > 0) {
        ssize_t n = write(output.fd, line, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        line += n;
        len -= (size_t)n;
    }
    pthread_mutex_unlock(&output.lock);
}

/* The address is said each time, since whoever listens may be another by now. */
static void tell_journal(enum weir_log_level level, const char *text)
{
    char entry[LINE_MAX_BYTES + 128];
    int len = snprintf(entry, sizeof(entry), "PRIORITY=%d\nSYSLOG_IDENTIFIER=weir\nMESSAGE=%s\n",
                       level_priorities[level], text);

    pthread_mutex_lock(&output.lock);
    if (atomic_load(&output.kind) == TO_JOURNAL)
        while (sendto(output.fd, entry, (size_t)len, MSG_NOSIGNAL,
                      (const struct sockaddr *)&journal, sizeof(journal)) < 0 &&
               errno == EINTR)
            continue;
    pthread_mutex_unlock(&output.lock);
}

void weir_log(enum weir_log_level level, const char *format, ...)
{
    char text[LINE_MAX_BYTES], escaped[LINE_MAX_BYTES + 8], line[LINE_MAX_BYTES + 128], when[64];
    bool json = atomic_load_explicit(&output.format, memory_order_relaxed) == WEIR_LOG_JSON;
    va_list arguments;
    int len;

    if (!weir_log_is_on(level))
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    enum sink sink = (enum sink)atomic_load_explicit(&output.kind, memory_order_relaxed);
    escape(text, escaped, sizeof(escaped), json && sink <= TO_FILE);
    if (sink == TO_SYSLOG) {
        syslog(level_priorities[level], "%s", escaped);
        return;
    }
    if (sink == TO_JOURNAL) {
        tell_journal(level, escaped);
        return;
    }
    stamp(when, sizeof(when));
    if (json)
        len = snprintf(line, sizeof(line),
                       "{\"time\":\"%s\",\"level\":\"%s\",\"message\":\"%s\"}\n", when,
                       level_names[level], escaped);
    else
        len = snprintf(line, sizeof(line), "%s %-5s %s\n", when, level_names[level], escaped);
    write_line(line, (size_t)len);
}
