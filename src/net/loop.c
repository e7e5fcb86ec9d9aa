#include "weir/net/loop.h"

#include "weir/base/assert.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <utlist.h>

#define LOOP_OF(handle) ((struct weir_loop *)(handle)->data)

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

/* After a stall, of the host or of this thread, deadlines could pass over what has come in time:
 * then the sockets have one turn first, and set_timer asks for the timer again. */
enum { LATE_MS = 20 };

static void on_timer(uv_poll_t *timer, int status, int events)
{
    struct weir_loop *loop = LOOP_OF(timer);
    bool is_late = weir_loop_now_ms(loop) > loop->timer_at_ms + LATE_MS;
    uint64_t times;

    (void)status;
    (void)events;
    (void)!read(loop->timer_fd, &times, sizeof(times)); /* or it would stay readable */
    loop->timer_at_ms = UINT64_MAX;
    loop->has_put_off = is_late && !loop->has_put_off;
    if (loop->has_put_off)
        return;
    weir_deadlines_run(&loop->deadlines, weir_loop_now_ms(loop));
}

/* A timerfd(2) and no timer of libuv's: with that every wait for events would be one with a
 * timeout, for which the kernel sets up a timer of its own, each time. */
static void set_timer(struct weir_loop *loop)
{
    uint64_t next_ms = weir_deadlines_next_ms(&loop->deadlines);
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(next_ms / 1000),
                                         .tv_nsec = (long)(next_ms % 1000 * 1000000)}};

    /* A timer that is early only looks again: a cancelled deadline does not move it. */
    if (next_ms >= loop->timer_at_ms)
        return;
    loop->timer_at_ms = next_ms;
    timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct weir_loop *loop = LOOP_OF(prepare);

    while (loop->deferred)
        run_tasks(take_tasks(&loop->deferred, &loop->deferred_tail));
    set_timer(loop);
    loop->now_us = 0;
    loop->n_turns++;
}

/* One each for those that are there now: who asks again meanwhile comes after the sockets. */
static void on_idle(uv_idle_t *idle)
{
    struct weir_loop *loop = LOOP_OF(idle);
    struct weir_turn *turn;
    unsigned n;

    DL_COUNT(loop->turns, turn, n);
    while (n-- > 0 && loop->turns) {
        turn = loop->turns;
        weir_loop_cancel_turn(loop, turn);
        turn->run(turn);
    }
}

static void on_letters(uv_async_t *async)
{
    struct weir_loop *loop = LOOP_OF(async);
    struct weir_task *letters;

    pthread_mutex_lock(&loop->shared.lock);
    letters = take_tasks(&loop->shared.letters, &loop->shared.letters_tail);
    pthread_mutex_unlock(&loop->shared.lock);
    run_tasks(letters);
}

int weir_loop_init(struct weir_loop *loop)
{
    int error;

    *loop = (struct weir_loop){.timer_at_ms = UINT64_MAX};
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (loop->timer_fd < 0)
        return -errno;
    error = uv_loop_init(&loop->uv);
    if (error)
        goto close_timer;
    error = uv_async_init(&loop->uv, &loop->async, on_letters);
    if (error)
        goto close_loop;
    error = uv_poll_init(&loop->uv, &loop->timer, loop->timer_fd);
    if (error)
        goto close_async;
    uv_prepare_init(&loop->uv, &loop->prepare);
    uv_idle_init(&loop->uv, &loop->idle);
    loop->prepare.data = loop->idle.data = loop->timer.data = loop->async.data = loop;
    weir_deadlines_init(&loop->deadlines);
    weir_blocks_init(&loop->blocks);
    loop->deferred_tail = &loop->deferred;
    loop->shared.letters_tail = &loop->shared.letters;
    pthread_mutex_init(&loop->shared.lock, NULL);
    uv_prepare_start(&loop->prepare, on_prepare);
    uv_poll_start(&loop->timer, UV_READABLE, on_timer);
    return 0;
close_async:
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
close_loop:
    uv_loop_close(&loop->uv);
close_timer:
    close(loop->timer_fd);
    return error;
}

void weir_loop_fini(struct weir_loop *loop)
{
    /* One more turn each for deferred tasks and for the close callbacks they cause. */
    uv_unref((uv_handle_t *)&loop->prepare);
    uv_unref((uv_handle_t *)&loop->timer);
    uv_unref((uv_handle_t *)&loop->async);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_close((uv_handle_t *)&loop->prepare, NULL);
    uv_close((uv_handle_t *)&loop->idle, NULL);
    uv_close((uv_handle_t *)&loop->timer, NULL);
    uv_close((uv_handle_t *)&loop->async, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    WEIR_ASSERT(!loop->deferred && !loop->turns && !loop->shared.letters);
    int error = uv_loop_close(&loop->uv);
    WEIR_ASSERT(error == 0);
    close(loop->timer_fd);
    weir_deadlines_fini(&loop->deadlines);
    weir_slab_fini(&loop->blocks);
    weir_pipes_fini(&loop->pipes);
    pthread_mutex_destroy(&loop->shared.lock);
}

void weir_loop_run(struct weir_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void weir_loop_stop(struct weir_loop *loop)
{
    uv_stop(&loop->uv);
}

uint64_t weir_loop_now_us(struct weir_loop *loop)
{
    if (loop->now_us == 0)
        loop->now_us = uv_hrtime() / 1000;
    return loop->now_us;
}

void weir_loop_defer(struct weir_loop *loop, struct weir_task *task)
{
    add_task(&loop->deferred_tail, task);
}

void weir_loop_next_turn(struct weir_loop *loop, struct weir_turn *turn)
{
    if (turn->is_set)
        return;
    turn->is_set = true;
    if (!loop->turns)
        uv_idle_start(&loop->idle, on_idle);
    DL_APPEND(loop->turns, turn);
}

void weir_loop_cancel_turn(struct weir_loop *loop, struct weir_turn *turn)
{
    if (!turn->is_set)
        return;
    turn->is_set = false;
    DL_DELETE(loop->turns, turn);
    if (!loop->turns)
        uv_idle_stop(&loop->idle);
}

void weir_loop_post(struct weir_loop *loop, struct weir_task *task)
{
    pthread_mutex_lock(&loop->shared.lock);
    add_task(&loop->shared.letters_tail, task);
    pthread_mutex_unlock(&loop->shared.lock);
    uv_async_send(&loop->async);
}
