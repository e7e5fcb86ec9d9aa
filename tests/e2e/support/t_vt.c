/* What a terminal does with what is written to it. */
#define T_HARNESS
#include "t_internal.h"
#include "t_terminal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bound(int value, int low, int high)
{
    return value < low ? low : value > high ? high : value;
}

static void blank(struct t_terminal *t, int y, int from, int to)
{
    for (int x = from; x < to; x++)
        t->cells[y][x] = ' ';
}

void t_vt_clear(struct t_terminal *t)
{
    for (int y = 0; y < T_TERMINAL_ROWS_MAX; y++)
        blank(t, y, 0, T_TERMINAL_COLUMNS_MAX);
    t->y = t->x = t->top = 0;
    t->bottom = t->rows - 1;
}

/* The lines from FIRST to the region's end move by N: up when it is positive. */
static void move_lines(struct t_terminal *t, int first, int n)
{
    int count = t->bottom - first + 1;
    n = bound(n, -count, count);
    size_t kept = (size_t)(count - abs(n)) * sizeof(t->cells[0]);
    memmove(t->cells[n > 0 ? first : first - n], t->cells[n > 0 ? first + n : first], kept);
    for (int i = 0; i < abs(n); i++)
        blank(t, n > 0 ? t->bottom - i : first + i, 0, T_TERMINAL_COLUMNS_MAX);
}

static void line_feed(struct t_terminal *t)
{
    if (t->y == t->bottom)
        move_lines(t, t->top, 1);
    else if (t->y < t->rows - 1)
        t->y++;
}

static void put(struct t_terminal *t, uint32_t character)
{
    if (t->x >= t->columns) {
        t->x = 0;
        line_feed(t);
    }
    t->cells[t->y][t->x++] = t->last = character;
}

static void move_cells(struct t_terminal *t, int n)
{
    uint32_t *line = t->cells[t->y];
    int left = t->columns - t->x;
    n = bound(n, -left, left);
    size_t kept = (size_t)(left - abs(n)) * sizeof(*line);
    memmove(&line[n > 0 ? t->x : t->x - n], &line[n > 0 ? t->x + n : t->x], kept);
    if (n > 0)
        blank(t, t->y, t->columns - n, t->columns);
    else
        blank(t, t->y, t->x, t->x - n);
}

static void erase_display(struct t_terminal *t, int what)
{
    for (int y = what == 0 ? t->y + 1 : 0; y < (what == 1 ? t->y : t->rows); y++)
        blank(t, y, 0, T_TERMINAL_COLUMNS_MAX);
    if (what == 0)
        blank(t, t->y, bound(t->x, 0, t->columns), T_TERMINAL_COLUMNS_MAX);
}

static void erase_line(struct t_terminal *t, int what)
{
    blank(t, t->y, what == 0 ? bound(t->x, 0, t->columns) : 0,
          what == 1 ? bound(t->x + 1, 0, t->columns) : t->columns);
}

static void set_region(struct t_terminal *t, int first, int last)
{
    t->top = bound(first - 1, 0, t->rows - 1);
    t->bottom = last > 0 ? bound(last - 1, 0, t->rows - 1) : t->rows - 1;
    t->y = t->x = 0;
}

static void set_mode(struct t_terminal *t, const char *text, bool is_on)
{
    if (strncmp(text, "?1049", 5) == 0)
        t->is_other_screen = is_on;
}

/* ESC [ ARGUMENTS FINAL. */
static void control(struct t_terminal *t, const char *arguments, char final)
{
    int first = 0, second = 0;
    sscanf(arguments, "%d;%d", &first, &second);
    if (arguments[0] == ';')
        sscanf(arguments, ";%d", &second);
    int n = first > 0 ? first : 1;
    t->x = final == 'm' ? t->x : bound(t->x, 0, t->columns - 1);
    switch (final) {
    case 'H':
    case 'f':
        t->y = bound(n - 1, 0, t->rows - 1);
        t->x = bound(second - 1, 0, t->columns - 1);
        break;
    case 'A':
        t->y = bound(t->y - n, 0, t->rows - 1);
        break;
    case 'B':
        t->y = bound(t->y + n, 0, t->rows - 1);
        break;
    case 'C':
        t->x = bound(t->x + n, 0, t->columns - 1);
        break;
    case 'D':
        t->x = bound(t->x - n, 0, t->columns - 1);
        break;
    case 'G':
        t->x = bound(n - 1, 0, t->columns - 1);
        break;
    case 'd':
        t->y = bound(n - 1, 0, t->rows - 1);
        break;
    case 'J':
        erase_display(t, first);
        break;
    case 'K':
        erase_line(t, first);
        break;
    case 'X':
        blank(t, t->y, t->x, bound(t->x + n, 0, t->columns));
        break;
    case 'P':
    case '@':
        move_cells(t, final == 'P' ? n : -n);
        break;
    case 'M':
    case 'L':
        move_lines(t, t->y, final == 'M' ? n : -n);
        break;
    case 'S':
    case 'T':
        move_lines(t, t->top, final == 'S' ? n : -n);
        break;
    case 'b':
        for (int i = 0; i < n; i++)
            put(t, t->last);
        break;
    case 'r':
        set_region(t, first, second);
        break;
    case 'h':
    case 'l':
        set_mode(t, arguments, final == 'h');
        break;
    case 'm':
    case 't':
        break;
    default:
        t->is_odd = true;
    }
}

/* Is the escape sequence whole? Then it is done. */
static bool escape(struct t_terminal *t)
{
    char *s = t->held;
    size_t n = t->n_held;
    if (n < 2)
        return false;
    if (s[1] == '[') {
        if (n < 3 || s[n - 1] < 0x40)
            return false;
        char arguments[64];
        snprintf(arguments, sizeof(arguments), "%.*s", (int)(n - 3), s + 2);
        control(t, arguments, s[n - 1]);
    } else if (strchr("()*+#", s[1])) {
        return n == 3;
    } else if (s[1] == 'M' && t->y == t->top) {
        move_lines(t, t->top, -1);
    } else if (s[1] == 'M') {
        t->y = bound(t->y - 1, 0, t->rows - 1);
    } else if (s[1] == 'D') {
        line_feed(t);
    } else if (!strchr("=>78cHZ", s[1])) {
        t->is_odd = true;
    }
    return true;
}

static void plain(struct t_terminal *t, char byte)
{
    if (byte == '\r')
        t->x = 0;
    else if (byte == '\n')
        line_feed(t);
    else if (byte == '\b')
        t->x = bound(bound(t->x, 0, t->columns - 1) - 1, 0, t->columns - 1);
    else if (byte == '\t')
        t->x = bound((t->x / 8 + 1) * 8, 0, t->columns - 1);
    else if ((unsigned char)byte >= 0x20)
        put(t, (unsigned char)byte);
    else if (byte != '\0' && byte != '\a' && byte != 0x0e && byte != 0x0f)
        t->is_odd = true;
}

/* Is the character of several bytes whole? Then it is shown. */
static bool wide(struct t_terminal *t)
{
    unsigned char *s = (unsigned char *)t->held;
    size_t needed = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
    if (t->n_held < needed)
        return false;
    uint32_t character = s[0] & (0xffu >> (needed + 1));
    for (size_t i = 1; i < needed; i++)
        character = character << 6 | (s[i] & 0x3fu);
    t->is_odd |= character < 0xa0;
    put(t, character);
    return true;
}

void t_vt_take(struct t_terminal *t, char byte)
{
    if (t->n_held == 0 && byte != 0x1b && (unsigned char)byte < 0x80) {
        plain(t, byte);
        return;
    }
    if (t->n_held + 1 >= sizeof(t->held))
        t->is_odd = true, t->n_held = 0;
    t->held[t->n_held++] = byte;
    bool is_whole = t->held[0] == 0x1b ? escape(t) : wide(t);
    if (t->is_odd && !t->odd)
        t->odd = is_whole ? t_copy(t->held, t->n_held) : t_text("byte %d", byte);
    if (is_whole)
        t->n_held = 0;
}
