/* Failing, time and memory. */
#define T_HARNESS
#include "t_base.h"

#include "t_internal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Every block of t_alloc, so that leak checkers see it as held. */
struct block {
    struct block *next;
    max_align_t data[];
};

static pthread_mutex_t blocks_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct block *blocks;

static _Thread_local const char *place_file = "?";
static _Thread_local int place_line;

void t_at(const char *file, int line)
{
    const char *slash = strrchr(file, '/');
    place_file = slash ? slash + 1 : file;
    place_line = line;
}

_Noreturn void t_fail(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    char *message = t_text("%s:%d: %s", place_file, place_line, text);
    free(text);
    if (gettid() == getpid())
        cr_assert_fail("%s", message);
    fprintf(stderr, "on a thread of the test: %s\n", message);
    abort();
}

int t_timeout_ms(void)
{
    const char *slow = getenv("WEIR_TEST_SLOW");
    return slow && *slow && strcmp(slow, "0") != 0 ? 300000 : 60000;
}

int64_t t_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t t_deadline_ms(void)
{
    return t_now_ms() + t_timeout_ms();
}

int t_left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - t_now_ms();
    return left > 0 ? (int)left : 0;
}

void t_nap(void)
{
    struct timespec nap = {0, 5 * 1000 * 1000};
    nanosleep(&nap, NULL);
}

void *t_alloc(size_t size)
{
    struct block *block = calloc(1, sizeof(*block) + size);
    if (!block)
        abort();
    pthread_mutex_lock(&blocks_mutex);
    block->next = blocks;
    blocks = block;
    pthread_mutex_unlock(&blocks_mutex);
    return block->data;
}

char *t_copy(const void *data, size_t len)
{
    char *copy = t_alloc(len + 1);
    if (len)
        memcpy(copy, data, len);
    return copy;
}

char *t_text(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    char *copy = t_copy(text, (size_t)len);
    free(text);
    return copy;
}

char *t_replace(const char *text, const char *from, const char *to)
{
    size_t count = 0;
    for (const char *at = strstr(text, from); at; at = strstr(at + strlen(from), from))
        count++;
    char *result = t_alloc(strlen(text) + count * strlen(to) + 1);
    char *end = result;
    const char *at;
    while ((at = strstr(text, from))) {
        memcpy(end, text, (size_t)(at - text));
        end += at - text;
        end = stpcpy(end, to);
        text = at + strlen(from);
    }
    stpcpy(end, text);
    return result;
}

const char *t_dir(void)
{
    static char *dir;
    if (!dir) {
        t_watcher_arm();
        const char *root = getenv("TMPDIR");
        char *path = t_text("%s/weir-e2e-XXXXXX", root && *root ? root : "/tmp");
        if (!mkdtemp(path))
            t_fail("cannot make the directory %s: %s", path, strerror(errno));
        dir = path;
        t_watcher_set_dir(dir);
    }
    return dir;
}

char *t_path(const char *name)
{
    return t_text("%s/%s", t_dir(), name);
}

char *t_write_file(const char *name, const char *text)
{
    char *path = t_path(name);
    FILE *file = fopen(path, "we");
    if (!file)
        t_fail("cannot write %s: %s", path, strerror(errno));
    size_t len = strlen(text);
    size_t written = fwrite(text, 1, len, file);
    if (fclose(file) != 0 || written != len)
        t_fail("cannot write %s: %s", path, strerror(errno));
    return path;
}
