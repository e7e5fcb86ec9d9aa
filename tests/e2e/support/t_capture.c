/* A thread that reads what a process writes, so that it never blocks on a full pipe. */
#define T_HARNESS
#include "t_base.h"
#include "t_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct t_capture {
    pthread_t thread;
    int fd;
    int file;   /* the copy on disk, for the watcher */
    int finish; /* eventfd: read what is there, then end */
    size_t mark;
    struct {
        pthread_mutex_t mutex; /* guards the rest */
        pthread_cond_t changed;
        char *text;
        size_t len;
        size_t size;
        bool ended;
    } shared;
};

/* Appends; the text stays terminated by NUL. */
static void append(struct t_capture *capture, const char *data, size_t len)
{
    if (write(capture->file, data, len) < 0)
        abort();
    pthread_mutex_lock(&capture->shared.mutex);
    if (capture->shared.len + len + 1 > capture->shared.size) {
        capture->shared.size = (capture->shared.len + len + 1) * 2;
        capture->shared.text = realloc(capture->shared.text, capture->shared.size);
        if (!capture->shared.text)
            abort();
    }
    memcpy(capture->shared.text + capture->shared.len, data, len);
    capture->shared.len += len;
    capture->shared.text[capture->shared.len] = '\0';
    pthread_cond_broadcast(&capture->shared.changed);
    pthread_mutex_unlock(&capture->shared.mutex);
}

static void *capture_main(void *user)
{
    struct t_capture *capture = user;
    struct pollfd polls[2] = {{.fd = capture->fd, .events = POLLIN},
                              {.fd = capture->finish, .events = POLLIN}};
    for (;;) {
        char data[16 * 1024];
        ssize_t got = read(capture->fd, data, sizeof(data));
        if (got > 0) {
            append(capture, data, (size_t)got);
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR) || polls[1].revents)
            break;
        poll(polls, 2, -1);
    }
    pthread_mutex_lock(&capture->shared.mutex);
    capture->shared.ended = true;
    pthread_cond_broadcast(&capture->shared.changed);
    pthread_mutex_unlock(&capture->shared.mutex);
    return NULL;
}

struct t_capture *t_capture_start(int fd, const char *log_path)
{
    struct t_capture *capture = t_alloc(sizeof(*capture));
    capture->fd = fd;
    capture->file = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    capture->finish = eventfd(0, EFD_CLOEXEC);
    if (capture->file < 0 || capture->finish < 0)
        t_fail("cannot capture output in %s: %s", log_path, strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    pthread_mutex_init(&capture->shared.mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&capture->shared.changed, &attributes);
    capture->shared.text = calloc(1, 1);
    capture->shared.size = 1;
    if (pthread_create(&capture->thread, NULL, capture_main, capture) != 0)
        t_fail("cannot start a thread");
    return capture;
}

long t_capture_await(struct t_capture *capture, const char *text, size_t from)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += t_timeout_ms() / 1000;
    long found = -2;
    pthread_mutex_lock(&capture->shared.mutex);
    for (;;) {
        const char *at = from <= capture->shared.len ? strstr(capture->shared.text + from, text)
                                                     : NULL;
        if (at) {
            found = at - capture->shared.text + (long)strlen(text);
            break;
        }
        if (capture->shared.ended) {
            found = -1;
            break;
        }
        if (pthread_cond_timedwait(&capture->shared.changed, &capture->shared.mutex, &until) != 0)
            break;
    }
    pthread_mutex_unlock(&capture->shared.mutex);
    return found;
}

void t_capture_finish(struct t_capture *capture)
{
    if (capture->fd < 0)
        return;
    eventfd_write(capture->finish, 1);
    pthread_join(capture->thread, NULL);
    close(capture->fd);
    close(capture->file);
    close(capture->finish);
    capture->fd = -1;
}

char *t_capture_text(struct t_capture *capture, size_t *len)
{
    pthread_mutex_lock(&capture->shared.mutex);
    char *copy = t_copy(capture->shared.text, capture->shared.len);
    if (len)
        *len = capture->shared.len;
    pthread_mutex_unlock(&capture->shared.mutex);
    return copy;
}

size_t *t_capture_mark(struct t_capture *capture)
{
    return &capture->mark;
}
