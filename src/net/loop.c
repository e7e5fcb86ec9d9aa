#include "weir/net/loop.h"

#include "weir/base/assert.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

#define LOOP_OF(watch, member)                                                                     \
    ((struct weir_loop *)(void *)((char *)(watch)-offsetof(struct weir_loop, member)))

/* ---- Tasks ---- */

static void run_tasks(struct weir_task *task)
{
    while (task) {
        struct weir_task *next = task->next;
        task->run(task);
        task = next;
    }
}

static struct weir_task *take_tasks(struct weir_task **tasks, struct weir_task ***tail)
{
    struct weir_task *taken = *tasks;
    *tasks = NULL;
    *tail = tasks;
    return taken;
}

static void add_task(struct weir_task ***tail, struct weir_task *task)
{
    task->next = NULL;
    **tail = task;
    *tail = &task->next;
}

void weir_loop_defer(struct weir_loop *loop, struct weir_task *task)
{
    add_task(&loop->deferred_tail, task);
}

static void run_deferred(struct weir_loop *loop)
{
    while (loop->deferred)
        run_tasks(take_tasks(&loop->deferred, &loop->deferred_tail));
}

static void empty(int fd)
{
    uint64_t count;

    (void)!read(fd, &count, sizeof(count));
}

static void on_letters(struct weir_watch *watch, uint32_t events)
{
    struct weir_loop *loop = LOOP_OF(watch, letters);
    struct weir_task *letters;

    (void)events;
    empty(loop->letters_fd);
    pthread_mutex_lock(&loop->shared.lock);
    letters = take_tasks(&loop->shared.letters, &loop->shared.letters_tail);
    pthread_mutex_unlock(&loop->shared.lock);
    run_tasks(letters);
}

void weir_loop_post(struct weir_loop *loop, struct weir_task *task)
{
    static const uint64_t one = 1;
    bool is_first;

    pthread_mutex_lock(&loop->shared.lock);
    is_first = !loop->shared.letters;
    add_task(&loop->shared.letters_tail, task);
    /* Under the lock: once the letter can be read, the loop may be gone. */
    if (is_first)
        (void)!write(loop->letters_fd, &one, sizeof(one));
    pthread_mutex_unlock(&loop->shared.lock);
}

void weir_loop_next_turn(struct weir_loop *loop, struct weir_turn *turn)
{
    if (turn->is_set)
        return;
    turn->is_set = true;
    DL_APPEND(loop->turns, turn);
}

void weir_loop_cancel_turn(struct weir_loop *loop, struct weir_turn *turn)
{
    if (!turn->is_set)
        return;
    turn->is_set = false;
    DL_DELETE(loop->turns, turn);
}

/* One each for those that are there now: who asks again meanwhile comes after the sockets. */
static void run_turns(struct weir_loop *loop)
{
    struct weir_turn *turn;
    unsigned n;

    DL_COUNT(loop->turns, turn, n);
    while (n-- > 0 && loop->turns) {
        turn = loop->turns;
        weir_loop_cancel_turn(loop, turn);
        turn->run(turn);
    }
}

/* ---- The clock ---- */

static void look_at_clock(struct weir_loop *loop)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    loop->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* A timerfd(2), and no timeout of epoll_wait: for that the kernel sets up a timer each time. */
static void set_timer(struct weir_loop *loop)
{
    uint64_t next_ms = weir_deadlines_look_ms(&loop->deadlines);
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(next_ms / 1000),
                                         .tv_nsec = (long)(next_ms % 1000 * 1000000)}};

    /* A timer that is early only looks again: a cancelled deadline does not move it. */
    if (next_ms >= loop->timer_at_ms)
        return;
    loop->timer_at_ms = next_ms;
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_timer(struct weir_watch *watch, uint32_t events)
{
    struct weir_loop *loop = LOOP_OF(watch, timer);

    (void)events;
    empty(loop->timer_fd);
    loop->timer_at_ms = UINT64_MAX;
    loop->is_late = true;
}

/* ---- libuv's loop ---- */

static void on_guest(struct weir_watch *watch, uint32_t events)
{
    (void)watch;
    (void)events; /* run_guest follows in the next turn */
}

static void run_guest(struct weir_loop *loop)
{
    if (loop->uv)
        uv_run(loop->uv, UV_RUN_NOWAIT);
}

int weir_loop_host(struct weir_loop *loop)
{
    int error;

    if (loop->uv)
        return 0;
    loop->uv = malloc(sizeof(*loop->uv));
    if (!loop->uv)
        return -ENOMEM;
    error = uv_loop_init(loop->uv);
    if (error)
        goto free_it;
    loop->guest = (struct weir_watch){.fd = uv_backend_fd(loop->uv), .on_ready = on_guest};
    error = weir_loop_watch(loop, &loop->guest, EPOLLIN);
    if (error)
        goto close_it;
    return 0;
close_it:
    uv_loop_close(loop->uv);
free_it:
    free(loop->uv);
    loop->uv = NULL;
    return error;
}

static void end_guest(struct weir_loop *loop)
{
    if (!loop->uv)
        return;
    weir_loop_unwatch(loop, &loop->guest);
    uv_run(loop->uv, UV_RUN_DEFAULT);
    int error = uv_loop_close(loop->uv);
    WEIR_ASSERT(error == 0);
    free(loop->uv);
}

/* ---- Descriptors ---- */

/* Asks for EVENTS, and of those that there are already to be told now. */
static int ask(struct weir_loop *loop, struct weir_watch *watch, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};

    if (watch->by_edge)
        event.events |= EPOLLET | (events & EPOLLIN ? EPOLLRDHUP | EPOLLPRI : 0u);
    if (epoll_ctl(loop->epoll_fd, watch->is_known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd,
                  &event) != 0)
        return -errno;
    watch->is_known = true;
    watch->events = events;
    return 0;
}

int weir_loop_watch(struct weir_loop *loop, struct weir_watch *watch, uint32_t events)
{
    return watch->is_known && watch->events == events ? 0 : ask(loop, watch, events);
}

void weir_loop_forget(struct weir_loop *loop, struct weir_watch *watch)
{
    if (!watch->is_known)
        return;
    watch->is_known = false;
    for (int i = loop->at; i < loop->n_events; i++) {
        if (loop->events[i].data.ptr == watch)
            loop->events[i].data.ptr = NULL;
    }
}

void weir_loop_unwatch(struct weir_loop *loop, struct weir_watch *watch)
{
    if (watch->is_known)
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    weir_loop_forget(loop, watch);
}

static void tell(struct weir_loop *loop, const struct epoll_event *event)
{
    struct weir_watch *watch = event->data.ptr;
    uint32_t events;

    if (!watch)
        return;
    /* It may have been told in the meantime that less is wanted. */
    events = event->events & (watch->events | EPOLLERR | EPOLLHUP);
    watch->left = (uint8_t)(events & (EPOLLIN | EPOLLOUT));
    watch->keeps_telling = event->events & (EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR);
    if (events != 0)
        watch->on_ready(watch, events);
    /* Unwatched in the meantime, it may be gone. */
    if (event->data.ptr && watch->by_edge && watch->left & watch->events)
        (void)ask(loop, watch, watch->events);
}

static void run_events(struct weir_loop *loop)
{
    for (loop->at = 0; loop->at < loop->n_events; loop->at++) {
        /* What comes after the next has until then to come into the cache. */
        if (loop->at + 2 < loop->n_events)
            __builtin_prefetch(loop->events[loop->at + 2].data.ptr);
        tell(loop, &loop->events[loop->at]);
    }
    loop->at = loop->n_events = 0;
}

/* ---- The loop ---- */

static int timeout_of(const struct weir_loop *loop, int timeout_ms)
{
    /* Of a loop with nothing to wait for libuv says that it should not wait. */
    int guest_ms = loop->uv && uv_loop_alive(loop->uv) ? uv_backend_timeout(loop->uv) : -1;

    if (loop->turns)
        return 0;
    return guest_ms >= 0 && (timeout_ms < 0 || guest_ms < timeout_ms) ? guest_ms : timeout_ms;
}

void weir_loop_turn(struct weir_loop *loop, int timeout_ms)
{
    int n;

    run_turns(loop);
    run_guest(loop);
    run_deferred(loop);
    set_timer(loop);
    if (loop->is_stopped)
        return;
    n = epoll_wait(loop->epoll_fd, loop->events, WEIR_LOOP_EVENTS, timeout_of(loop, timeout_ms));
    look_at_clock(loop);
    loop->n_turns++;
    loop->n_events = n > 0 ? n : 0;
    run_events(loop);
    run_deferred(loop);
    if (loop->is_late) {
        loop->is_late = false;
        weir_deadlines_run(&loop->deadlines, weir_loop_now_ms(loop));
    }
}

void weir_loop_run(struct weir_loop *loop)
{
    while (!loop->is_stopped)
        weir_loop_turn(loop, -1);
    loop->is_stopped = false;
}

void weir_loop_stop(struct weir_loop *loop)
{
    loop->is_stopped = true;
}

static int open_descriptors(struct weir_loop *loop)
{
    int error;

    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    loop->letters_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->letters_fd < 0)
        return -errno;
    loop->timer = (struct weir_watch){.fd = loop->timer_fd, .on_ready = on_timer};
    loop->letters = (struct weir_watch){.fd = loop->letters_fd, .on_ready = on_letters};
    error = weir_loop_watch(loop, &loop->timer, EPOLLIN);
    return error ? error : weir_loop_watch(loop, &loop->letters, EPOLLIN);
}

static void close_descriptors(struct weir_loop *loop)
{
    int fds[] = {loop->epoll_fd, loop->timer_fd, loop->letters_fd};

    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
}

int weir_loop_init(struct weir_loop *loop)
{
    int error;

    *loop = (struct weir_loop){.timer_at_ms = UINT64_MAX};
    error = open_descriptors(loop);
    if (error) {
        close_descriptors(loop);
        return error;
    }
    weir_deadlines_init(&loop->deadlines);
    weir_blocks_init(&loop->blocks);
    loop->deferred_tail = &loop->deferred;
    loop->shared.letters_tail = &loop->shared.letters;
    pthread_mutex_init(&loop->shared.lock, NULL);
    look_at_clock(loop);
    return 0;
}

void weir_loop_fini(struct weir_loop *loop)
{
    /* For letters that are here, and what they and the deferred tasks cause. */
    weir_loop_turn(loop, 0);
    weir_loop_turn(loop, 0);
    run_deferred(loop);
    end_guest(loop);
    run_deferred(loop);
    WEIR_ASSERT(!loop->deferred && !loop->turns && !loop->shared.letters);
    weir_deadlines_fini(&loop->deadlines);
    weir_slab_fini(&loop->blocks);
    weir_pipes_fini(&loop->pipes);
    pthread_mutex_destroy(&loop->shared.lock);
    close_descriptors(loop);
}
