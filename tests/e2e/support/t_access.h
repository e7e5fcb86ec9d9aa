/* Lines of weir's access log. */
#ifndef WEIR_E2E_T_ACCESS_H
#define WEIR_E2E_T_ACCESS_H

#include "t_ask.h"

/* Waits until N lines are written, in all, and none was dropped. */
void t_access_await(struct t_weir *weir, int64_t n);
#define t_access_await(...) T_AT((t_access_await)(__VA_ARGS__))

/* A file of the test's directory as it is now; "" where there is none. */
char *t_access_text(const char *name);

/* How many lines TEXT has; each must be ended. */
int t_access_count(const char *text);
#define t_access_count(...) T_AT((t_access_count)(__VA_ARGS__))

/* The line INDEX of TEXT, which must be a JSON object with every documented key of its type, and no
 * other. */
json_t *t_access_line(const char *text, int index);
#define t_access_line(...) T_AT((t_access_line)(__VA_ARGS__))

/* Fails unless LINE has these values: a JSON object as text, in which ' stands for ". */
void t_access_assert(json_t *line, const char *values);
#define t_access_assert(...) T_AT((t_access_assert)(__VA_ARGS__))

#endif
