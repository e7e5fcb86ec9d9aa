#include "top_ask.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct weir_top_ask {
    const char *admin;
    uint64_t every_us;
    int fd; /* eventfd */
    struct {
        pthread_mutex_t lock; /* guards the rest */
        bool is_new;
        struct weir_top_news news;
    } shared;
};

/* The thread's; here its memory is found as long as the process lives. */
static struct weir_top_ask *asking;

uint64_t weir_top_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void ask_once(const struct weir_top_ask *ask, struct weir_top_news *news)
{
    struct weir_ask question = {.admin = ask->admin, .method = "GET", .target = "/stats"};
    struct weir_told told;

    *news = (struct weir_top_news){.stats = NULL};
    if (weir_http_ask(&question, &told, news->fault)) {
        news->stats = told.status == 200 ? json_loadb(told.body, told.len, 0, NULL) : NULL;
        if (!json_is_object(json_object_get(news->stats, "weir"))) {
            json_decref(news->stats);
            news->stats = NULL;
            snprintf(news->fault, sizeof(news->fault), "%s: GET /stats is answered with %u%s",
                     ask->admin, told.status,
                     told.status == 200 ? ", but not as weir does it" : "");
        }
        weir_told_fini(&told);
    }
    news->at_us = weir_top_now_us();
}

static void *ask_for_ever(void *user)
{
    struct weir_top_ask *ask = user;
    struct weir_top_news news;

    for (uint64_t next_us = weir_top_now_us();;) {
        ask_once(ask, &news);
        pthread_mutex_lock(&ask->shared.lock);
        if (ask->shared.is_new)
            json_decref(ask->shared.news.stats);
        ask->shared.news = news;
        ask->shared.is_new = true;
        pthread_mutex_unlock(&ask->shared.lock);
        eventfd_write(ask->fd, 1);
        next_us += ask->every_us;
        if (next_us < news.at_us)
            next_us = news.at_us + ask->every_us; /* an answer took longer than that */
        struct timespec at = {.tv_sec = (time_t)(next_us / 1000000),
                              .tv_nsec = (long)(next_us % 1000000) * 1000};
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0)
            continue;
    }
    return NULL;
}

struct weir_top_ask *weir_top_ask_start(const char *admin, uint64_t every_us)
{
    struct weir_top_ask *ask = calloc(1, sizeof(*ask));
    pthread_attr_t attributes;
    sigset_t all, before;
    pthread_t thread;
    int error;

    if (!ask)
        return NULL;
    ask->admin = admin;
    ask->every_us = every_us;
    ask->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&ask->shared.lock, NULL);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = ask->fd < 0 ? -1 : pthread_create(&thread, &attributes, ask_for_ever, ask);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (!error) {
        asking = ask;
        return asking;
    }
    if (ask->fd >= 0)
        close(ask->fd);
    free(ask);
    return NULL;
}

int weir_top_ask_fd(const struct weir_top_ask *ask)
{
    return ask->fd;
}

bool weir_top_ask_take(struct weir_top_ask *ask, struct weir_top_news *news)
{
    eventfd_t count;
    bool is_new;

    eventfd_read(ask->fd, &count);
    pthread_mutex_lock(&ask->shared.lock);
    is_new = ask->shared.is_new;
    if (is_new)
        *news = ask->shared.news;
    ask->shared.is_new = false;
    pthread_mutex_unlock(&ask->shared.lock);
    return is_new;
}
