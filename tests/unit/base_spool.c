#include "weir/base/log.h"
#include "weir/base/spool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_MS = 60000 };

static char directory[] = "/tmp/weir-spool-XXXXXX";
static char path[64], moved[64], log_path[64];
static struct weir_spools spools;

static void setup(void)
{
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof(path), "%s/lines", directory);
    snprintf(moved, sizeof(moved), "%s/moved", directory);
    snprintf(log_path, sizeof(log_path), "%s/log", directory);
    cr_assert_eq(weir_log_open(log_path, WEIR_LOG_INFO, WEIR_LOG_TEXT), 0);
}

static void teardown(void)
{
    weir_log_open("stderr", WEIR_LOG_INFO, WEIR_LOG_TEXT);
    unlink(path);
    unlink(moved);
    unlink(log_path);
    rmdir(directory);
}

TestSuite(base_spool, .init = setup, .fini = teardown);

static struct weir_spool *open_spool(const char *to, unsigned n_lanes)
{
    int error;
    struct weir_spool *spool = weir_spools_open(&spools, "lines", to, n_lanes, &error);

    cr_assert_not_null(spool, "%s", strerror(-error));
    cr_assert_eq(error, 0);
    return spool;
}

static void put(struct weir_spool *spool, unsigned lane, const char *line)
{
    weir_spool_put(spool, lane, line, strlen(line));
}

static char *read_all(const char *from, size_t *len)
{
    struct stat status;
    int fd = open(from, O_RDONLY);
    char *text;

    cr_assert_geq(fd, 0);
    cr_assert_eq(fstat(fd, &status), 0);
    *len = (size_t)status.st_size;
    text = malloc(*len + 1);
    cr_assert_not_null(text);
    cr_assert_eq(read(fd, text, *len), status.st_size);
    text[*len] = '\0';
    close(fd);
    return text;
}

static void expect_file(const char *from, const char *want)
{
    size_t len;
    char *text = read_all(from, &len);

    cr_expect_str_eq(text, want);
    free(text);
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

static void await_written(uint64_t lines)
{
    for (int i = 0; i < WAIT_MS / 5 && weir_spools_figures(&spools).written < lines; i++)
        nap();
    cr_assert_eq(weir_spools_figures(&spools).written, lines);
}

static void finish(struct weir_spool *spool)
{
    weir_spool_unref(spool);
    weir_spools_fini(&spools, WAIT_MS);
    cr_assert_null(spools.all);
}

Test(base_spool, lines_arrive_without_being_asked_for)
{
    struct weir_spool *spool = open_spool(path, 2);

    put(spool, 0, "one\n");
    await_written(1);
    put(spool, 1, "two\n");
    await_written(2);
    expect_file(path, "one\ntwo\n");
    finish(spool);
    cr_expect_eq(spools.past.written, 2);
    cr_expect_eq(spools.past.dropped, 0);
}

Test(base_spool, the_last_lines_are_written)
{
    struct weir_spool *spool = open_spool(path, 1);

    put(spool, 0, "one\n");
    put(spool, 0, "two\n");
    finish(spool);
    expect_file(path, "one\ntwo\n");
}

Test(base_spool, a_file_that_can_not_be_opened_is_an_error)
{
    int error;

    cr_expect_null(weir_spools_open(&spools, "lines", "/nowhere/lines", 1, &error));
    cr_expect_eq(error, -ENOENT);
    cr_expect_null(weir_spools_open(&spools, "lines", directory, 1, &error));
    cr_expect_eq(error, -EISDIR);
}

Test(base_spool, a_line_that_somebody_left_unended_is_ended_first)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("whole\ntorn", file);
    fclose(file);
    struct weir_spool *spool = open_spool(path, 1);
    put(spool, 0, "one\n");
    finish(spool);
    expect_file(path, "whole\ntorn\none\n");
}

Test(base_spool, reopening_follows_the_name)
{
    struct weir_spool *spool = open_spool(path, 1);

    put(spool, 0, "one\n");
    await_written(1);
    cr_assert_eq(rename(path, moved), 0);
    put(spool, 0, "two\n");
    await_written(2);
    weir_spools_reopen(&spools);
    for (int i = 0; i < WAIT_MS / 5 && access(path, F_OK) != 0; i++)
        nap();
    put(spool, 0, "three\n");
    finish(spool);
    expect_file(moved, "one\ntwo\n");
    expect_file(path, "three\n");
}

/* Lines of all lengths, from several threads; each lane's in its order, none torn, none lost. */
enum { LANES = 3, LINES = 20000 };

static struct weir_spool *busy;

static void *put_lines(void *argument)
{
    unsigned lane = *(unsigned *)argument;

    for (unsigned i = 0; i < LINES; i++) {
        char *line = weir_spool_desk(busy, lane);
        int len = sprintf(line, "%u %u %0*u\n", lane, i, (int)(i % 97) + 1, i % 7);
        weir_spool_put(busy, lane, line, (size_t)len);
        if (i % 500 == 0)
            nap();
    }
    return NULL;
}

static void check_lines(void)
{
    unsigned next[LANES] = {0};
    FILE *file = fopen(path, "r");
    char line[256];

    cr_assert_not_null(file);
    while (fgets(line, sizeof(line), file)) {
        unsigned lane, i, last;
        int at = 0;
        cr_assert_eq(sscanf(line, "%u %u %n%u", &lane, &i, &at, &last), 3, "%s", line);
        cr_assert_lt(lane, LANES);
        cr_assert_eq(i, next[lane], "%s", line);
        cr_assert_eq(strlen(line + at), i % 97 + 2, "%s", line);
        cr_assert_eq(last, i % 7, "%s", line);
        next[lane]++;
    }
    fclose(file);
    for (unsigned i = 0; i < LANES; i++)
        cr_expect_eq(next[i], LINES);
}

Test(base_spool, lanes_of_several_threads)
{
    pthread_t threads[LANES];
    unsigned lanes[LANES];

    busy = open_spool(path, LANES);
    for (unsigned i = 0; i < LANES; i++) {
        lanes[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, put_lines, &lanes[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        weir_spools_reopen(&spools);
        (void)weir_spools_figures(&spools);
        nap();
    }
    for (unsigned i = 0; i < LANES; i++)
        pthread_join(threads[i], NULL);
    finish(busy);
    check_lines();
    cr_expect_eq(spools.past.written, LANES * LINES);
    cr_expect_eq(spools.past.dropped, 0);
}

/* What does not fit the ring any more is dropped; all that was taken comes out, whole. */
Test(base_spool, a_pipe_that_nobody_reads_holds_up_nobody)
{
    static char line[1000];
    uint64_t put_in = 0, out = 0;
    char *text = malloc(1u << 22);

    cr_assert_not_null(text);
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct weir_spool *spool = open_spool(path, 1);
    while (weir_spools_figures(&spools).dropped == 0) {
        weir_spool_put(spool, 0, line, sizeof(line));
        put_in++;
    }
    cr_expect_geq(put_in, WEIR_SPOOL_RING_BYTES / sizeof(line));
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    cr_assert_geq(fd, 0);
    size_t len = 0;
    while (out < put_in - weir_spools_figures(&spools).dropped) {
        ssize_t n = read(fd, text + len, (1u << 22) - len);
        if (n <= 0)
            nap();
        for (ssize_t i = 0; i < n; i++)
            out += text[len + (size_t)i] == '\n';
        len += n > 0 ? (size_t)n : 0;
    }
    cr_expect_eq(len, out * sizeof(line));
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(text[i] == '\n', i % sizeof(line) == sizeof(line) - 1);
    finish(spool);
    cr_expect_eq(spools.past.written, out);
    cr_expect_eq(spools.past.written + spools.past.dropped, put_in);
    close(fd);
    free(text);
}

/* A file-size limit stands in for a disk: it is full inside a line, then it is not. */
Test(base_spool, a_line_on_a_full_disk_is_never_torn)
{
    struct rlimit former, small;

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &former), 0);
    small = (struct rlimit){.rlim_cur = 10, .rlim_max = former.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct weir_spool *spool = open_spool(path, 2);
    put(spool, 1, "lane one\n");
    await_written(1);
    put(spool, 0, "lane zero\n");
    for (int i = 0; i < WAIT_MS / 5 && weir_spools_figures(&spools).failed == 0; i++)
        nap();
    cr_assert_eq(weir_spools_figures(&spools).failed, 1);
    expect_file(path, "lane one\nl");
    put(spool, 1, "lane one again\n");
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &former), 0);
    await_written(3);
    expect_file(path, "lane one\nlane zero\nlane one again\n");
    finish(spool);
}

Test(base_spool, what_can_not_be_written_in_the_end_is_counted_as_dropped)
{
    struct weir_spool *spool = open_spool("/dev/full", 1);
    size_t len;

    put(spool, 0, "one\n");
    put(spool, 0, "two\n");
    finish(spool);
    cr_expect_eq(spools.past.written, 0);
    cr_expect_eq(spools.past.dropped, 2);
    cr_expect_geq(spools.past.failed, 1);
    char *log = read_all(log_path, &len);
    cr_expect_not_null(strstr(log, "lines: /dev/full: cannot be written: No space left on device"));
    cr_expect_not_null(strstr(log, "lines: /dev/full: 2 lines were dropped, 2 in all"));
    free(log);
}
