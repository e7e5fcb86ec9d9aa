/* The screen of `weir top`: the one place that speaks to ncurses. */
#ifndef WEIR_CLI_TOP_SCREEN_H
#define WEIR_CLI_TOP_SCREEN_H

#include "rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_TOP_VIEWS = WEIR_VIEW_CONNECTIONS }; /* those of /stats */

struct weir_top_sort {
    size_t column;
    bool is_descending;
};

/* What is to be seen. */
struct weir_top_scene {
    const json_t *stats; /* NULL: none came yet */
    size_t view;         /* in weir_views */
    const struct weir_rows *rows;
    struct weir_top_sort sort;
    size_t scrolled; /* rows above the first one shown; drawing bounds it */
    size_t page;     /* rows that fit; drawing sets it */
    double every_s;
    uint64_t age_s;    /* of the figures */
    const char *fault; /* why there are no newer ones, or NULL */
    bool is_paused, has_help, is_utf8;
};

/* Takes the terminal over. Fails: a line that says why; the terminal is as it was. */
const char *weir_top_screen_open(void);

/* Gives it back as it was. Idempotent. */
void weir_top_screen_close(void);

/* Takes it over again, after it was given back or somebody else wrote to it. */
void weir_top_screen_resume(void);

/* Asks the terminal for its size; all is drawn anew. */
void weir_top_screen_resize(void);

void weir_top_screen_draw(struct weir_top_scene *scene);

/* What was typed, where it is no character. */
enum weir_top_key {
    WEIR_TOP_NONE = 0,
    WEIR_TOP_LEFT = 256,
    WEIR_TOP_RIGHT,
    WEIR_TOP_UP,
    WEIR_TOP_DOWN,
    WEIR_TOP_PAGE_UP,
    WEIR_TOP_PAGE_DOWN,
    WEIR_TOP_HOME,
    WEIR_TOP_END,
    WEIR_TOP_OTHER,
};

/* WEIR_TOP_NONE: nothing more. Never waits. */
int weir_top_screen_key(void);

#endif
