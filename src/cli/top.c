/* `weir top`: the tables of `weir stats`, live. One loop waits for keys, signals and news; what
 * asks for the figures has a thread of its own. */
#include "cli.h"
#include "text.h"
#include "top_ask.h"
#include "top_screen.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { TICK_MS = 1000, PATIENCE_MIN_US = 3000000 };

/* NOW is shown, BEFORE is what it is compared with, LATEST came while the screen was held. */
struct top {
    struct weir_top_ask *ask;
    struct weir_top_scene scene;
    struct weir_rows rows;
    struct weir_top_sort sorts[WEIR_TOP_VIEWS];
    struct weir_top_news before, now, latest;
    uint64_t every_us, begun_us, news_us; /* when the last news came */
    char fault[WEIR_FAULT_MAX];
    bool is_done;
};

static void forget(struct weir_top_news *news)
{
    json_decref(news->stats);
    news->stats = NULL;
}

static void take_news(struct top *top)
{
    struct weir_top_news news;

    if (!weir_top_ask_take(top->ask, &news))
        return;
    top->news_us = news.at_us;
    if (!news.stats) {
        snprintf(top->fault, sizeof(top->fault), "%s", news.fault);
        return;
    }
    top->fault[0] = '\0';
    if (top->scene.is_paused) {
        forget(&top->latest);
        top->latest = news;
        return;
    }
    forget(&top->before);
    top->before = top->now;
    if (top->latest.stats) {
        forget(&top->before);
        top->before = top->latest;
        top->latest.stats = NULL;
    }
    top->now = news;
}

/* Is nothing heard of weir for longer than it should take? */
static void note_silence(struct top *top, uint64_t now_us)
{
    uint64_t patience_us = 3 * top->every_us;
    uint64_t since_us = top->news_us ? top->news_us : top->begun_us;

    if (patience_us < PATIENCE_MIN_US)
        patience_us = PATIENCE_MIN_US;
    if (!top->fault[0] && now_us > since_us + patience_us)
        snprintf(top->fault, sizeof(top->fault), "weir is silent");
}

static void draw(struct top *top)
{
    struct weir_span span = {top->before.stats, top->now.stats, 0};
    uint64_t now_us = weir_top_now_us();

    note_silence(top, now_us);
    if (top->before.stats)
        span.seconds = (double)(top->now.at_us - top->before.at_us) / 1e6;
    weir_rows_fini(&top->rows);
    weir_rows_init(&top->rows, &weir_views[top->scene.view], WEIR_IN_TOP, &span,
                   !top->scene.is_utf8);
    top->scene.sort = top->sorts[top->scene.view];
    weir_rows_sort(&top->rows, top->scene.sort.column, top->scene.sort.is_descending);
    top->scene.rows = &top->rows;
    top->scene.stats = top->now.stats;
    top->scene.age_s = top->now.stats ? (now_us - top->now.at_us) / 1000000 : 0;
    top->scene.fault = top->fault[0] ? top->fault : NULL;
    weir_top_screen_draw(&top->scene);
}

/* To the column beside; numbers begin with the largest. */
static void sort_by(struct top *top, bool is_right)
{
    struct weir_top_sort *sort = &top->sorts[top->scene.view];
    size_t n = top->rows.n_columns;

    if (n == 0)
        return;
    sort->column = (sort->column + (is_right ? 1 : n - 1)) % n;
    sort->is_descending = weir_column_is_number(top->rows.columns[sort->column]);
    top->scene.scrolled = 0;
}

static void show(struct top *top, size_t view)
{
    top->scene.view = view;
    top->scene.scrolled = 0;
}

static void scroll_by(struct top *top, size_t rows, bool is_down)
{
    size_t *scrolled = &top->scene.scrolled;

    if (is_down)
        *scrolled += rows < top->rows.n_rows ? rows : top->rows.n_rows;
    else
        *scrolled -= rows < *scrolled ? rows : *scrolled;
}

static void act_on(struct top *top, int key)
{
    switch (key) {
    case 'q':
    case 'Q':
        top->is_done = true;
        break;
    case '1':
    case '2':
    case '3':
    case '4':
        show(top, (size_t)(key - '1'));
        break;
    case '\t':
        show(top, (top->scene.view + 1) % WEIR_TOP_VIEWS);
        break;
    case '<':
    case WEIR_TOP_LEFT:
    case '>':
    case WEIR_TOP_RIGHT:
        sort_by(top, key == '>' || key == WEIR_TOP_RIGHT);
        break;
    case 'r':
        top->sorts[top->scene.view].is_descending ^= true;
        break;
    case 'p':
    case ' ':
        top->scene.is_paused = !top->scene.is_paused;
        break;
    case 'h':
    case '?':
        top->scene.has_help = !top->scene.has_help;
        break;
    case 'k':
    case WEIR_TOP_UP:
    case 'j':
    case WEIR_TOP_DOWN:
        scroll_by(top, 1, key == 'j' || key == WEIR_TOP_DOWN);
        break;
    case WEIR_TOP_PAGE_UP:
    case WEIR_TOP_PAGE_DOWN:
        scroll_by(top, top->scene.page, key == WEIR_TOP_PAGE_DOWN);
        break;
    case WEIR_TOP_HOME:
    case WEIR_TOP_END:
        scroll_by(top, top->rows.n_rows, key == WEIR_TOP_END);
        break;
    default:
        break;
    }
}

/* Stops as Ctrl-Z asks for it, the terminal given back; returns when it goes on. */
static void stop(void)
{
    sigset_t stopping;

    weir_top_screen_close();
    signal(SIGTSTP, SIG_DFL);
    sigemptyset(&stopping);
    sigaddset(&stopping, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &stopping, NULL);
    sigprocmask(SIG_BLOCK, &stopping, NULL);
    weir_top_screen_resume();
}

static void take_signal(struct top *top, int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    switch (info.ssi_signo) {
    case SIGWINCH:
        weir_top_screen_resize();
        break;
    case SIGTSTP:
        stop();
        break;
    case SIGCONT: /* it may have been stopped in a way that could not be noticed */
        weir_top_screen_resume();
        break;
    default:
        top->is_done = true;
    }
}

/* A descriptor for the signals that matter here, from now on blocked, or -1. */
static int open_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGWINCH, SIGCONT};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
        sigaddset(&set, signals[i]);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void run(struct top *top, int signals)
{
    struct pollfd waits[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = signals, .events = POLLIN},
                             {.fd = weir_top_ask_fd(top->ask), .events = POLLIN}};

    while (!top->is_done) {
        draw(top);
        if (poll(waits, 3, TICK_MS) < 0)
            continue;
        if (waits[1].revents)
            take_signal(top, signals);
        if (waits[2].revents)
            take_news(top);
        for (int key; !top->is_done && (key = weir_top_screen_key()) != WEIR_TOP_NONE;)
            act_on(top, key);
        if (waits[0].revents & (POLLHUP | POLLERR | POLLNVAL))
            top->is_done = true; /* the terminal has gone */
    }
}

static int watch(const char *admin, double every_s, bool is_utf8)
{
    struct top top = {.every_us = (uint64_t)(every_s * 1e6), .begun_us = weir_top_now_us()};
    int signals = open_signals();
    const char *fault;

    top.scene = (struct weir_top_scene){.every_s = every_s, .is_utf8 = is_utf8};
    fault = signals < 0 ? strerror(errno) : weir_top_screen_open();
    if (!fault && !(top.ask = weir_top_ask_start(admin, top.every_us)))
        fault = "no thread could be started";
    if (!fault)
        run(&top, signals);
    weir_top_screen_close();
    weir_rows_fini(&top.rows);
    forget(&top.before);
    forget(&top.now);
    forget(&top.latest);
    if (signals >= 0)
        close(signals);
    if (fault)
        fprintf(stderr, "weir: %s\n", fault);
    return fault ? 1 : 0;
}

static int print_help(void)
{
    puts("usage: weir top [-a ADMIN] [-d SECONDS]\n"
         "\n"
         "Shows the figures of a running weir, live; h shows the keys, q leaves.\n"
         "\n"
         "  -a, --admin ADMIN     the admin endpoint (default: " WEIR_DEFAULT_ADMIN ")\n"
         "  -d, --delay SECONDS   from one look to the next, 0.1 to 3600 (default: 1)\n"
         "  -h, --help            print this");
    return 0;
}

static bool read_delay(const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    return end != text && !*end && isfinite(*seconds) && *seconds >= 0.1 && *seconds <= 3600;
}

int weir_cli_top(int argc, char **argv)
{
    static const struct option longs[] = {{"admin", required_argument, NULL, 'a'},
                                          {"delay", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *admin = WEIR_DEFAULT_ADMIN;
    double every_s = 1;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":a:d:h", longs, NULL)) != -1) {
        switch (option) {
        case 'a':
            admin = optarg;
            break;
        case 'd':
            if (!read_delay(optarg, &every_s))
                return weir_cli_usage("top", "`%s` is no number of seconds from 0.1 to 3600",
                                      optarg);
            break;
        case 'h':
            return print_help();
        case ':':
            return weir_cli_usage("top", "`%s` needs a value", argv[optind - 1]);
        default:
            return weir_cli_usage("top", "there is no option `%s`", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return weir_cli_usage("top", "`%s` is one word too many", argv[optind]);
    return watch(admin, every_s, weir_text_init());
}
