/* The loop, turned by hand: what it tells of, in which order, and what it does not tell of any
 * more.
 */
#include "weir/net/loop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PAIRS = 3, LETTERS = 1000, LONG_MS = 60000, TURNS_MAX = 60000 };

/* One end is watched, the other is the test's. */
struct end {
    struct weir_watch watch;
    int peer;
    uint32_t seen;                      /* or of all events since it was looked at */
    struct weir_watch *drops, *narrows; /* when told: these are unwatched, or asked for nothing */
    uint32_t drains;                    /* when told: these are said to be used up, true or not */
};

static struct weir_loop loop;
static struct end ends[PAIRS];
static char order[32];

/* What happens again and again is noted once. */
static void note(char what)
{
    size_t len = strlen(order);

    if (len > 0 && order[len - 1] == what)
        return;
    cr_assert_lt(len + 1, sizeof(order));
    order[len] = what;
    order[len + 1] = '\0';
}

static void expect_order(const char *expected)
{
    cr_expect_str_eq(order, expected, "%s and not %s", order, expected);
    order[0] = '\0';
}

static void on_ready(struct weir_watch *watch, uint32_t events)
{
    struct end *end = (struct end *)(void *)((char *)watch - offsetof(struct end, watch));

    end->seen |= events;
    note('w');
    weir_watch_drain(watch, end->drains);
    if (end->drops)
        weir_loop_unwatch(&loop, end->drops);
    if (end->narrows)
        cr_assert_eq(weir_loop_watch(&loop, end->narrows, 0), 0);
}

static void setup(void)
{
    cr_assert_eq(weir_loop_init(&loop), 0);
    for (int i = 0; i < PAIRS; i++) {
        int fds[2];
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
        ends[i] = (struct end){.watch = {.fd = fds[0], .on_ready = on_ready}, .peer = fds[1]};
    }
}

static void teardown(void)
{
    for (int i = 0; i < PAIRS; i++) {
        weir_loop_unwatch(&loop, &ends[i].watch);
        close(ends[i].watch.fd);
        if (ends[i].peer >= 0)
            close(ends[i].peer);
    }
    weir_loop_fini(&loop);
}

TestSuite(net_loop, .init = setup, .fini = teardown);

static void want(int i, uint32_t events)
{
    cr_assert_eq(weir_loop_watch(&loop, &ends[i].watch, events), 0);
}

static void speak(int i)
{
    cr_assert_eq(write(ends[i].peer, "x", 1), 1);
}

static uint32_t seen_after_turn(int i)
{
    ends[i].seen = 0;
    weir_loop_turn(&loop, 0);
    return ends[i].seen;
}

Test(net_loop, tells_of_what_is_wanted_as_long_as_it_lasts)
{
    char byte;

    want(0, EPOLLIN);
    cr_expect_eq(seen_after_turn(0), 0);
    speak(0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    want(0, EPOLLIN | EPOLLOUT);
    cr_expect_eq(seen_after_turn(0), EPOLLIN | EPOLLOUT);
    want(0, EPOLLOUT);
    cr_expect_eq(seen_after_turn(0), EPOLLOUT);
    want(0, EPOLLIN);
    cr_assert_eq(read(ends[0].watch.fd, &byte, 1), 1);
    cr_expect_eq(seen_after_turn(0), 0);
    order[0] = '\0';
}

Test(net_loop, tells_of_an_end_unasked)
{
    want(0, 0);
    speak(0);
    cr_expect_eq(seen_after_turn(0), 0);
    close(ends[0].peer);
    ends[0].peer = -1;
    cr_expect_eq(seen_after_turn(0), EPOLLHUP);
    weir_loop_unwatch(&loop, &ends[0].watch);
    cr_expect_eq(seen_after_turn(0), 0);
    weir_loop_unwatch(&loop, &ends[0].watch);
    want(0, EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN | EPOLLHUP);
}

/* ---- By edge ---- */

static void take(int i, int flags)
{
    char bytes[16];

    cr_assert_eq(recv(ends[i].watch.fd, bytes, sizeof(bytes), flags), 1);
}

Test(net_loop, by_edge_tells_again_of_what_is_left)
{
    ends[0].watch.by_edge = true;
    want(0, EPOLLIN | EPOLLOUT);
    speak(0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN | EPOLLOUT);
    cr_expect_eq(seen_after_turn(0), EPOLLIN | EPOLLOUT);
    want(0, EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    take(0, 0);
    cr_expect_eq(seen_after_turn(0), 0);
    order[0] = '\0';
}

/* The kernel is not asked again: it does not say that the byte is still there. */
Test(net_loop, by_edge_tells_once_of_what_is_said_to_be_used_up)
{
    ends[0].watch.by_edge = true;
    ends[0].drains = EPOLLIN;
    want(0, EPOLLIN);
    speak(0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    cr_expect_eq(seen_after_turn(0), 0);
    speak(0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN, "what comes is news");
    cr_expect_eq(seen_after_turn(0), 0);
    want(0, EPOLLOUT);
    ends[0].drains = EPOLLIN | EPOLLOUT;
    cr_expect_eq(seen_after_turn(0), EPOLLOUT);
    cr_expect_eq(seen_after_turn(0), 0);
    want(0, EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN, "of what is there when it is wanted");
    order[0] = '\0';
}

/* A read that comes short, because there is an end behind the bytes, has not used up the end. */
Test(net_loop, by_edge_does_not_lose_an_end_behind_bytes)
{
    ends[0].watch.by_edge = true;
    ends[0].drains = EPOLLIN;
    want(0, EPOLLIN);
    speak(0);
    cr_assert_eq(shutdown(ends[0].peer, SHUT_WR), 0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    take(0, 0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    want(0, 0);
    cr_expect_eq(seen_after_turn(0), 0);
    order[0] = '\0';
}

/* Nor has one that ends in front of an urgent byte. Source: tcp(7), "out-of-band". */
Test(net_loop, by_edge_does_not_lose_what_is_behind_an_urgent_byte)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(listener, (struct sockaddr *)&at, len), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    cr_assert_eq(connect(peer, (struct sockaddr *)&at, len), 0);
    close(ends[0].watch.fd);
    ends[0].watch.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(ends[0].watch.fd, 0);
    ends[0].watch.by_edge = true;
    ends[0].drains = EPOLLIN;
    want(0, EPOLLIN);
    cr_assert_eq(send(peer, "a!", 2, MSG_OOB), 2);
    cr_assert_eq(send(peer, "b", 1, 0), 1);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    take(0, 0); /* "a", although "b" is there */
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    take(0, 0);
    cr_expect_eq(seen_after_turn(0), 0);
    close(listener);
    close(peer);
    order[0] = '\0';
}

Test(net_loop, by_edge_says_nothing_of_what_was_unwatched_when_told)
{
    ends[0].watch.by_edge = true;
    ends[0].drops = &ends[0].watch;
    want(0, EPOLLIN);
    speak(0);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
    cr_expect_not(ends[0].watch.is_known);
    cr_expect_eq(seen_after_turn(0), 0);
    order[0] = '\0';
}

/* ---- Nothing more ---- */

/* All three have something to tell in one turn; whoever is told first silences the others. */
Test(net_loop, says_nothing_more_of_what_is_unwatched_in_the_same_turn)
{
    for (int i = 0; i < PAIRS; i++) {
        want(i, EPOLLIN);
        speak(i);
        ends[i].drops = &ends[(i + 1) % PAIRS].watch;
    }
    ends[0].narrows = &ends[2].watch;
    ends[1].narrows = &ends[0].watch;
    ends[2].narrows = &ends[1].watch;
    weir_loop_turn(&loop, 0);
    int n_told = 0;
    for (int i = 0; i < PAIRS; i++)
        n_told += ends[i].seen != 0;
    cr_expect_eq(n_told, 1, "%d", n_told);
}

/* A copy of the descriptor keeps it open, and so in epoll, if it were only closed. */
Test(net_loop, forgets_a_descriptor_that_has_copies)
{
    int copy;

    want(0, EPOLLIN);
    copy = dup(ends[0].watch.fd);
    cr_assert_geq(copy, 0);
    weir_loop_unwatch(&loop, &ends[0].watch);
    close(ends[0].watch.fd);
    ends[0].watch.fd = copy;
    speak(0);
    cr_expect_eq(seen_after_turn(0), 0);
    want(0, EPOLLIN);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
}

/* A descriptor that comes to be the same number is another. */
Test(net_loop, forgets_what_is_closed)
{
    int fd = ends[0].watch.fd;

    want(0, EPOLLIN);
    speak(0);
    weir_loop_forget(&loop, &ends[0].watch);
    close(fd);
    cr_expect_eq(seen_after_turn(0), 0);
    cr_assert_eq(dup3(ends[1].watch.fd, fd, O_CLOEXEC), fd);
    want(0, EPOLLIN);
    cr_expect_eq(seen_after_turn(0), 0);
    speak(1);
    cr_expect_eq(seen_after_turn(0), EPOLLIN);
}

Test(net_loop, fails_where_epoll_does_and_changes_nothing)
{
    struct weir_watch nothing = {.fd = -1, .on_ready = on_ready};

    cr_expect_eq(weir_loop_watch(&loop, &nothing, EPOLLIN), -EBADF);
    cr_expect_not(nothing.is_known);
    weir_loop_unwatch(&loop, &nothing);
}

Test(net_loop, cannot_begin_without_descriptors)
{
    struct rlimit former, none = {.rlim_cur = 0};
    struct weir_loop other;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &former), 0);
    none.rlim_max = former.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    int error = weir_loop_init(&other);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &former), 0);
    cr_expect_eq(error, -EMFILE);
}

/* ---- Order ---- */

static struct weir_task task, letter;
static struct weir_turn next;
static struct weir_deadline deadline;
static bool asks_again;

static void on_task(struct weir_task *unused)
{
    (void)unused;
    note('t');
}

static void on_letter(struct weir_task *unused)
{
    (void)unused;
    note('l');
    weir_loop_defer(&loop, &task);
}

static void on_next(struct weir_turn *turn)
{
    note('n');
    if (asks_again)
        weir_loop_next_turn(&loop, turn);
    asks_again = false;
}

static void on_expire(struct weir_deadline *unused)
{
    (void)unused;
    note('d');
}

Test(net_loop, has_its_order)
{
    task.run = on_task;
    letter.run = on_letter;
    next.run = on_next;
    deadline.on_expire = on_expire;
    want(0, EPOLLIN);
    speak(0);
    weir_loop_next_turn(&loop, &next);
    weir_loop_next_turn(&loop, &next);
    weir_loop_defer(&loop, &task);
    weir_loop_deadline(&loop, &deadline, 1);
    while (!strchr(order, 'd'))
        weir_loop_turn(&loop, LONG_MS);
    /* What has come in time is told of first, also in the turn in which the deadline is over. */
    cr_expect_eq(strncmp(order, "ntw", 3), 0, "%s", order);
    cr_expect_eq(strcmp(order + strlen(order) - 2, "wd"), 0, "%s", order);
    order[0] = '\0';
    weir_loop_unwatch(&loop, &ends[0].watch);
    weir_loop_post(&loop, &letter);
    weir_loop_turn(&loop, LONG_MS);
    expect_order("lt");
    /* What was put off comes before a deadline that is over, too. */
    cr_assert(weir_deadline_set(&loop.deadlines, &deadline, 1, 1));
    weir_loop_post(&loop, &letter);
    weir_loop_turn(&loop, LONG_MS);
    expect_order("ltd");
}

Test(net_loop, does_not_sleep_before_a_turn_that_was_asked_for)
{
    uint64_t n = loop.n_turns;

    next.run = on_next;
    asks_again = true;
    weir_loop_next_turn(&loop, &next);
    weir_loop_turn(&loop, -1); /* asked for again meanwhile: this does not sleep either */
    expect_order("n");
    weir_loop_turn(&loop, 0);
    expect_order("n");
    weir_loop_turn(&loop, 0);
    expect_order("");
    weir_loop_next_turn(&loop, &next);
    weir_loop_cancel_turn(&loop, &next);
    weir_loop_turn(&loop, 0);
    expect_order("");
    cr_expect_eq(loop.n_turns, n + 4);
}

/* ---- Time ---- */

Test(net_loop, keeps_deadlines_to_the_millisecond_and_never_early)
{
    static const uint64_t after_ms[] = {1, 2, 7, 30};

    deadline.on_expire = on_expire;
    for (size_t i = 0; i < sizeof(after_ms) / sizeof(*after_ms); i++) {
        weir_loop_turn(&loop, 0);
        uint64_t set_ms = weir_loop_now_ms(&loop);
        weir_loop_deadline(&loop, &deadline, after_ms[i]);
        while (order[0] == '\0')
            weir_loop_turn(&loop, LONG_MS);
        cr_expect_geq(weir_loop_now_ms(&loop), set_ms + after_ms[i]);
        expect_order("d");
    }
}

/* One that is sooner than what the timer was set for; and one that is over before it is looked at.
 */
Test(net_loop, wakes_for_a_deadline_that_comes_in_between)
{
    struct weir_deadline far = {.on_expire = on_expire};

    deadline.on_expire = on_expire;
    weir_loop_deadline(&loop, &far, LONG_MS);
    weir_loop_turn(&loop, 0);
    cr_assert(weir_deadline_set(&loop.deadlines, &deadline, 1, 1));
    weir_loop_turn(&loop, LONG_MS);
    expect_order("d");
    weir_deadline_cancel(&far);
}

/* ---- Other threads ---- */

static struct weir_task letters[LETTERS];
static int n_read;

static void on_read(struct weir_task *read)
{
    cr_assert_eq(read - letters, n_read, "letters come in order, each once");
    if (++n_read == LETTERS)
        weir_loop_stop(&loop);
}

static void *write_letters(void *unused)
{
    for (int i = 0; i < LETTERS; i++) {
        letters[i].run = on_read;
        weir_loop_post(&loop, &letters[i]);
    }
    return unused;
}

Test(net_loop, reads_all_letters_of_another_thread)
{
    pthread_t writer;

    cr_assert_eq(pthread_create(&writer, NULL, write_letters, NULL), 0);
    weir_loop_run(&loop);
    cr_assert_eq(pthread_join(writer, NULL), 0);
    cr_expect_eq(n_read, LETTERS);
}

/* ---- libuv's loop inside ---- */

static void on_uv_timer(uv_timer_t *timer)
{
    (void)timer;
    note('u');
    weir_loop_stop(&loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)handle;
    cr_expect_eq(number, SIGUSR2);
    note('s');
    weir_loop_stop(&loop);
}

Test(net_loop, hosts_timers_and_signals_of_libuv)
{
    static uv_timer_t timer; /* closed only when the loop ends */
    static uv_signal_t usr2;

    cr_assert_eq(weir_loop_host(&loop), 0);
    cr_assert_eq(weir_loop_host(&loop), 0);
    uv_timer_init(loop.uv, &timer);
    uv_signal_init(loop.uv, &usr2);
    uv_timer_start(&timer, on_uv_timer, 3, 0);
    weir_loop_run(&loop);
    expect_order("u");
    uv_signal_start(&usr2, on_signal, SIGUSR2);
    weir_loop_turn(&loop, 0); /* libuv hears it from now on */
    raise(SIGUSR2);
    weir_loop_run(&loop);
    expect_order("s");
    uv_close((uv_handle_t *)&timer, NULL);
    uv_close((uv_handle_t *)&usr2, NULL);
}

/* With nothing to wait for, it sleeps: libuv's own answer to that is not to sleep at all. */
Test(net_loop, sleeps_though_its_guest_has_nothing_to_do)
{
    cr_assert_eq(weir_loop_host(&loop), 0);
    deadline.on_expire = on_expire;
    weir_loop_turn(&loop, 0);
    uint64_t n = loop.n_turns;
    weir_loop_deadline(&loop, &deadline, 50);
    while (order[0] == '\0')
        weir_loop_turn(&loop, LONG_MS);
    cr_expect_leq(loop.n_turns, n + 3);
    expect_order("d");
}
