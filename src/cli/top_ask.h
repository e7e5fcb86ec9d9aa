/* Asks for /stats again and again, on a thread of its own, so that whoever shows the figures waits
 * for nobody. */
#ifndef WEIR_CLI_TOP_ASK_H
#define WEIR_CLI_TOP_ASK_H

#include "http_client.h"

#include <jansson.h>
#include <stdint.h>

struct weir_top_ask;

/* What came of asking once: STATS, or a FAULT. */
struct weir_top_news {
    json_t *stats;
    uint64_t at_us; /* monotonic */
    char fault[WEIR_FAULT_MAX];
};

uint64_t weir_top_now_us(void);

/* Begins to ask ADMIN, which must last. The thread takes no signals and lives as long as the
 * process. Fails: NULL. */
struct weir_top_ask *weir_top_ask_start(const char *admin, uint64_t every_us);

/* Becomes readable when there is news. */
int weir_top_ask_fd(const struct weir_top_ask *ask);

/* The newest, if there is any since the last. Owns: the caller, STATS. */
bool weir_top_ask_take(struct weir_top_ask *ask, struct weir_top_news *news);

#endif
