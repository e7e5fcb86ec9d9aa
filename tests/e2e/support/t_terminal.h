/* A program on a pseudo-terminal, and what its screen shows: enough of a VT100 to follow ncurses.
 */
#ifndef WEIR_E2E_T_TERMINAL_H
#define WEIR_E2E_T_TERMINAL_H

#include "t_base.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

enum { T_TERMINAL_ROWS_MAX = 60, T_TERMINAL_COLUMNS_MAX = 300 };

struct t_terminal {
    pid_t pid; /* 0 when not running */
    int master, slave, slot;
    struct termios before; /* the terminal's settings as the program found them */
    int rows, columns, y, x, top, bottom;
    uint32_t cells[T_TERMINAL_ROWS_MAX][T_TERMINAL_COLUMNS_MAX];
    uint32_t last; /* character, for repetitions */
    char held[64]; /* an escape sequence or a character that is not whole */
    size_t n_held;
    bool is_other_screen; /* the one of full-screen programs */
    bool is_odd;          /* a sequence came that is not understood */
    char *odd;            /* it */
    char *written;        /* all bytes */
    size_t n_written;
};

/* Starts ARGV (ended by null) with standard input, output and error on a terminal of this size and
 * kind, in a session of its own. LOCALE is its LC_ALL. */
void t_terminal_start(struct t_terminal *terminal, const char *const *argv, const char *kind,
                      const char *locale, int rows, int columns);
#define t_terminal_start(...) T_AT((t_terminal_start)(__VA_ARGS__))

/* Reads until TEXT stands in a line of the screen, or none of them has it. */
void t_terminal_await(struct t_terminal *terminal, const char *text);
void t_terminal_await_gone(struct t_terminal *terminal, const char *text);
#define t_terminal_await(...) T_AT((t_terminal_await)(__VA_ARGS__))
#define t_terminal_await_gone(...) T_AT((t_terminal_await_gone)(__VA_ARGS__))

/* Reads until it has written something more. */
void t_terminal_await_output(struct t_terminal *terminal);
#define t_terminal_await_output(...) T_AT((t_terminal_await_output)(__VA_ARGS__))

/* The screen as lines without the blanks at their ends. */
char *t_terminal_text(struct t_terminal *terminal);

void t_terminal_type(struct t_terminal *terminal, const char *keys);
#define t_terminal_type(...) T_AT((t_terminal_type)(__VA_ARGS__))

/* The window's new size; what it shows is forgotten, as the program is to draw it anew. */
void t_terminal_resize(struct t_terminal *terminal, int rows, int columns);
#define t_terminal_resize(...) T_AT((t_terminal_resize)(__VA_ARGS__))

/* Waits until it has stopped (SIGTSTP), reading what it writes. */
void t_terminal_await_stop(struct t_terminal *terminal);
#define t_terminal_await_stop(...) T_AT((t_terminal_await_stop)(__VA_ARGS__))

/* Fails unless the settings are those of before the start, and the first screen is shown. */
void t_terminal_assert_restored(struct t_terminal *terminal);
#define t_terminal_assert_restored(...) T_AT((t_terminal_assert_restored)(__VA_ARGS__))

/* Waits for its end, which must be with this status and without a sanitizer's report, and with all
 * sequences understood. */
void t_terminal_await_end(struct t_terminal *terminal, int status);
#define t_terminal_await_end(...) T_AT((t_terminal_await_end)(__VA_ARGS__))

#endif
