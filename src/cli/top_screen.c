#include "top_screen.h"

#include "text.h"

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#undef columns /* terminfo's short names */
#undef lines

enum { RED = 1, YELLOW = 2, GAP = 2, LINE_MAX_BYTES = 2048 };

static struct {
    SCREEN *screen; /* NULL: not taken over yet */
    bool is_open;
} terminal;

/* NULL, or why full-screen output is out of the question. */
static const char *find_fault(void)
{
    const char *move;
    int error = 0;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return "top needs a terminal; weir stats prints tables";
    if (setupterm(NULL, STDOUT_FILENO, &error) != OK)
        return "this terminal is not known (TERM); weir stats prints tables";
    move = tigetstr("cup");
    del_curterm(cur_term);
    if (!move || (intptr_t)move == -1)
        return "this terminal's cursor cannot be moved (TERM); weir stats prints tables";
    return NULL;
}

const char *weir_top_screen_open(void)
{
    const char *fault = find_fault();

    if (fault)
        return fault;
    terminal.screen = newterm(NULL, stdout, stdin);
    if (!terminal.screen)
        return "this terminal cannot be used (TERM); weir stats prints tables";
    terminal.is_open = true;
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    nodelay(stdscr, TRUE);
    keypad(stdscr, TRUE);
    set_escdelay(25);
    if (has_colors() && start_color() == OK && use_default_colors() == OK) {
        init_pair(RED, COLOR_RED, -1);
        init_pair(YELLOW, COLOR_YELLOW, -1);
    }
    weir_top_screen_resize();
    return NULL;
}

void weir_top_screen_close(void)
{
    if (!terminal.is_open)
        return;
    terminal.is_open = false;
    endwin();
}

void weir_top_screen_resume(void)
{
    if (!terminal.screen)
        return;
    reset_prog_mode();
    terminal.is_open = true;
    weir_top_screen_resize();
}

void weir_top_screen_resize(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0 &&
        (size.ws_row != LINES || size.ws_col != COLS))
        resizeterm(size.ws_row, size.ws_col);
    clearok(curscr, TRUE); /* what the terminal has made of the old picture is anybody's guess */
}

/* Writes clean TEXT, or as much as fits before column END; the last place shows that some does not.
 * Returns the column behind it. */
static int put(int y, int x, int end, const char *text)
{
    size_t room = end > x ? (size_t)(end - x) : 0, width = weir_text_width(text);

    if (room == 0 || y >= LINES)
        return x;
    if (width <= room) {
        mvaddstr(y, x, text);
        return x + (int)width;
    }
    mvaddnstr(y, x, text, (int)weir_text_fit(text, room - 1));
    addstr("~");
    return end;
}

static int put_with(attr_t attributes, int y, int x, int end, const char *text)
{
    attr_on(attributes, NULL);
    x = put(y, x, end, text);
    attr_off(attributes, NULL);
    return x;
}

static long long number_at(const json_t *stats, const char *path)
{
    return (long long)json_integer_value(weir_json_find(stats, path));
}

static void words_at(const json_t *stats, const char *path, bool is_utf8, char words[64])
{
    const char *text = json_string_value(weir_json_find(stats, path));

    snprintf(words, 64, "%s", text ? text : "?");
    weir_text_clean(words, !is_utf8);
}

static void draw_head(const struct weir_top_scene *scene)
{
    char line[LINE_MAX_BYTES] = "weir top", version[64], state[64];
    long long up_s = number_at(scene->stats, "weir/uptime_s");

    words_at(scene->stats, "weir/version", scene->is_utf8, version);
    words_at(scene->stats, "weir/state", scene->is_utf8, state);
    if (scene->stats)
        snprintf(line, sizeof(line),
                 "weir %s  %s  pid %lld  up %lldd %02lld:%02lld:%02lld  generation %lld  "
                 "workers %lld",
                 version, state, number_at(scene->stats, "weir/pid"), up_s / 86400,
                 up_s / 3600 % 24, up_s / 60 % 60, up_s % 60,
                 number_at(scene->stats, "weir/generation"),
                 number_at(scene->stats, "weir/workers"));
    put_with(A_BOLD, 0, 0, COLS, line);
}

/* The views, the one that is shown in brackets; how it is sorted; whether time stands still. */
static void draw_views(const struct weir_top_scene *scene, int y)
{
    char text[96];
    int x = 0;

    for (size_t i = 0; i < WEIR_TOP_VIEWS; i++) {
        bool is_shown = i == scene->view;
        snprintf(text, sizeof(text), is_shown ? "[%zu %s]" : " %zu %s ", i + 1, weir_views[i].name);
        x = put_with(is_shown ? A_BOLD : A_NORMAL, y, x, COLS, text);
    }
    if (scene->rows->n_columns > 0) {
        snprintf(text, sizeof(text), "  by %s, %s", scene->rows->columns[scene->sort.column]->title,
                 scene->sort.is_descending ? "descending" : "ascending");
        x = put(y, x, COLS, text);
    }
    snprintf(text, sizeof(text), "  every %g s", scene->every_s);
    x = put(y, x, COLS, text);
    if (scene->is_paused)
        put_with(A_REVERSE, y, x + GAP, COLS, "PAUSED");
}

static void draw_fault(const struct weir_top_scene *scene, int y)
{
    char line[LINE_MAX_BYTES];

    if (!scene->fault)
        return;
    if (scene->stats)
        snprintf(line, sizeof(line), "NO ANSWER (figures are %llu s old): %s",
                 (unsigned long long)scene->age_s, scene->fault);
    else
        snprintf(line, sizeof(line), "NO ANSWER: %s", scene->fault);
    weir_text_clean(line, !scene->is_utf8);
    put_with(A_BOLD | (attr_t)COLOR_PAIR(RED), y, 0, COLS, line);
}

static bool is_name(const struct weir_column *column)
{
    return column->kind == WEIR_COLUMN_NAME || column->kind == WEIR_COLUMN_OWNER;
}

static int width_of(const struct weir_rows *rows, size_t column)
{
    size_t width = strlen(rows->columns[column]->title), limit = (size_t)COLS / 3 + 1;

    for (size_t row = 0; row < rows->n_rows; row++) {
        size_t here = weir_text_width(weir_rows_cell(rows, row, column)->text);
        width = here > width ? here : width;
    }
    return (int)(is_name(rows->columns[column]) && width > limit ? limit : width);
}

/* Where each column stands; width 0: out of sight. Names stay, and of the rest begins to be shown
 * what lets the column be seen by which is sorted. */
struct place {
    int x, width;
};

static void lay_out(const struct weir_top_scene *scene, struct place *places)
{
    const struct weir_rows *rows = scene->rows;
    size_t n_names = 0, first;
    int x = 0, needed = 0;

    for (size_t i = 0; i < rows->n_columns; i++)
        places[i].width = width_of(rows, i);
    while (n_names < rows->n_columns && is_name(rows->columns[n_names])) {
        places[n_names].x = x;
        x += places[n_names++].width + GAP;
    }
    first = n_names;
    for (size_t i = n_names; i <= scene->sort.column; i++)
        needed += places[i].width + GAP;
    while (first < scene->sort.column && x + needed - GAP > COLS) {
        needed -= places[first].width + GAP;
        places[first++].width = 0;
    }
    for (size_t i = first; i < rows->n_columns; i++) {
        places[i].x = x;
        x += places[i].width + GAP;
    }
}

static void put_cell(int y, struct place place, bool is_right, const char *text)
{
    int width = (int)weir_text_width(text), end = place.x + place.width;
    int x = is_right && width < place.width ? end - width : place.x;

    put(y, x, end < COLS ? end : COLS, text);
}

static attr_t attributes_of(const struct weir_cell *cell)
{
    if (strcmp(cell->text, "down") == 0 || strcmp(cell->text, "ejected") == 0)
        return A_BOLD | (attr_t)COLOR_PAIR(RED);
    if (strcmp(cell->text, "draining") == 0)
        return (attr_t)COLOR_PAIR(YELLOW);
    return A_NORMAL;
}

static void draw_row(const struct weir_rows *rows, size_t row, const struct place *places, int y)
{
    for (size_t i = 0; i < rows->n_columns; i++) {
        const struct weir_cell *cell = weir_rows_cell(rows, row, i);
        bool is_state = rows->columns[i]->kind == WEIR_COLUMN_TEXT;

        if (places[i].width == 0 || places[i].x >= COLS)
            continue;
        attr_on(is_state ? attributes_of(cell) : A_NORMAL, NULL);
        put_cell(y, places[i], weir_column_is_number(rows->columns[i]), cell->text);
        attrset(A_NORMAL);
    }
}

/* From line Y on, down to before END. */
static void draw_table(struct weir_top_scene *scene, int y, int end)
{
    const struct weir_rows *rows = scene->rows;
    struct place *places = calloc(rows->n_columns + 1, sizeof(*places));
    size_t last;

    scene->page = end > y + 1 ? (size_t)(end - y - 1) : 1;
    last = rows->n_rows > scene->page ? rows->n_rows - scene->page : 0;
    scene->scrolled = scene->scrolled < last ? scene->scrolled : last;
    if (!places || rows->has_failed || y >= end)
        goto out;
    lay_out(scene, places);
    for (size_t i = 0; i < rows->n_columns; i++) {
        attr_on(i == scene->sort.column ? A_REVERSE : A_BOLD, NULL);
        if (places[i].width > 0 && places[i].x < COLS)
            put_cell(y, places[i], weir_column_is_number(rows->columns[i]),
                     rows->columns[i]->title);
        attrset(A_NORMAL);
    }
    for (size_t row = scene->scrolled; row < rows->n_rows && ++y < end; row++)
        draw_row(rows, row, places, y);
    if (rows->n_rows == 0 && y + 1 < end && scene->stats)
        put(y + 1, 0, COLS, "there are none");
out:
    free(places);
}

static void draw_help(int y, int end)
{
    static const char *const lines[] = {
        "1 2 3 4 Tab     pools, servers, listeners, workers; the next of them",
        "< > left right  sort by the column beside",
        "r               the other way round",
        "up down         scroll; also PgUp, PgDn, Home, End, j, k",
        "p space         hold still, go on",
        "h ?             this page, and back",
        "q Ctrl-C        leave",
        "",
        "Columns in /S are rates of the last interval, REUSE is that of its requests.",
        "Latencies (P50_MS, P99_MS) are over all of weir's life. `-`: not known, or not yet.",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines) && y < end; i++)
        put(y++, 0, COLS, lines[i]);
}

void weir_top_screen_draw(struct weir_top_scene *scene)
{
    int y = 0, end = LINES > 6 ? LINES - 1 : LINES;

    erase();
    attrset(A_NORMAL);
    if (LINES > 2)
        draw_head(scene), y++;
    if (scene->fault)
        draw_fault(scene, y++);
    if (LINES > 4)
        draw_views(scene, y++);
    if (scene->has_help)
        draw_help(y, end);
    else
        draw_table(scene, y, end);
    if (end < LINES)
        put_with(A_DIM, end, 0, COLS,
                 "q quit  h help  1-4 views  < > sort  r reverse  p pause  up/down scroll");
    refresh();
}

int weir_top_screen_key(void)
{
    static const struct {
        int code, key;
    } keys[] = {{KEY_LEFT, WEIR_TOP_LEFT},     {KEY_RIGHT, WEIR_TOP_RIGHT},
                {KEY_UP, WEIR_TOP_UP},         {KEY_DOWN, WEIR_TOP_DOWN},
                {KEY_PPAGE, WEIR_TOP_PAGE_UP}, {KEY_NPAGE, WEIR_TOP_PAGE_DOWN},
                {KEY_HOME, WEIR_TOP_HOME},     {KEY_END, WEIR_TOP_END}};
    int code = getch();

    if (code == ERR)
        return WEIR_TOP_NONE;
    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
        if (keys[i].code == code)
            return keys[i].key;
    }
    return code > 0 && code < 256 ? code : WEIR_TOP_OTHER;
}
