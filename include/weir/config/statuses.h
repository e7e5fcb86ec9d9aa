/* A set of HTTP statuses as the configuration writes it: `200`, `200-399`, `200,204,300-399`. Pure.
 */
#ifndef WEIR_CONFIG_STATUSES_H
#define WEIR_CONFIG_STATUSES_H

#include "weir/config/why.h"

#include <stdbool.h>
#include <stdint.h>

enum { WEIR_STATUS_MIN = 100, WEIR_STATUS_MAX = 599 };

struct weir_statuses {
    uint64_t bits[WEIR_STATUS_MAX / 64 + 1];
};

/* Fails: false, and WHY says what is wrong and what would be right. */
bool weir_statuses_read(const char *text, struct weir_statuses *statuses, struct weir_why *why);

static inline bool weir_statuses_has(const struct weir_statuses *statuses, unsigned status)
{
    return status <= WEIR_STATUS_MAX && (statuses->bits[status / 64] >> status % 64 & 1) != 0;
}

#endif
