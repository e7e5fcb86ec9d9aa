/* weir's own figures, and the admin endpoint they come from.
 *
 * A path names a figure of /stats with '/' between the steps, since names contain dots and colons:
 * "pools/legacy/connections/idle", "pools/legacy/servers/127.0.0.1:9001/connections/opened". */
#ifndef WEIR_E2E_T_STATS_H
#define WEIR_E2E_T_STATS_H

#include "t_base.h"
#include "t_message.h"
#include "t_weir.h"

#include <jansson.h>
#include <stdint.h>

/* METHOD TARGET on the admin endpoint, on a connection of its own. */
struct t_message *t_admin(struct t_weir *weir, const char *method, const char *target);
#define t_admin(...) T_AT((t_admin)(__VA_ARGS__))

/* All of /stats, which must be as docs/stats.schema.json says. Owns: valid until the test ends. */
json_t *t_stats(struct t_weir *weir);
#define t_stats(...) T_AT((t_stats)(__VA_ARGS__))

/* Owns: JSON is valid until the test ends. Returns it. */
json_t *t_keep(json_t *json);

/* What stands at PATH in STATS; null when there is nothing. */
json_t *t_stats_find(json_t *stats, const char *path);

/* One figure, fetched now. Fails when it is missing or no number. */
int64_t t_stats_number(struct t_weir *weir, const char *path);
#define t_stats_number(...) T_AT((t_stats_number)(__VA_ARGS__))

/* Fails unless the figure is VALUE now. */
void t_stats_assert(struct t_weir *weir, const char *path, int64_t value);
#define t_stats_assert(...) T_AT((t_stats_assert)(__VA_ARGS__))

/* Fetches /stats again and again until the figure is VALUE, or at least VALUE. */
void t_stats_await(struct t_weir *weir, const char *path, int64_t value);
void t_stats_await_at_least(struct t_weir *weir, const char *path, int64_t value);
#define t_stats_await(...) T_AT((t_stats_await)(__VA_ARGS__))
#define t_stats_await_at_least(...) T_AT((t_stats_await_at_least)(__VA_ARGS__))

/* The same for the number of members of an object, which need not be there before. */
void t_stats_await_size(struct t_weir *weir, const char *path, size_t size);
#define t_stats_await_size(...) T_AT((t_stats_await_size)(__VA_ARGS__))

/* Waits until nothing is in hand (no request active, no tunnel open, no upstream connection active
 * or connecting, nobody in a queue), and fails unless each pool's, and each server's, opened
 * connections are the idle ones and the closed ones, each counted once. Client connections may stay
 * open, idle. */
void t_weir_assert_no_leak(struct t_weir *weir);
#define t_weir_assert_no_leak(...) T_AT((t_weir_assert_no_leak)(__VA_ARGS__))

#endif
