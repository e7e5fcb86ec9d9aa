/* How fast figures of /stats move between two looks. Pure. */
#ifndef WEIR_CLI_RATES_H
#define WEIR_CLI_RATES_H

#include "views.h"

#include <jansson.h>
#include <stdbool.h>

/* Two looks at all of /stats, or at one object in it. BEFORE is NULL when there was none, or when
 * it does not compare. */
struct weir_span {
    const json_t *before, *now;
    double seconds;
};

/* What stands at PATH (keys with `/` between them), or NULL. */
json_t *weir_json_find(const json_t *json, const char *path);

/* SPAN of all of /stats, without its BEFORE when weir started anew in between. */
struct weir_span weir_span_of_run(struct weir_span span);

/* SPAN of one object, without its BEFORE when one of the view's counters went back: the object has
 * left the configuration and come back. */
struct weir_span weir_span_of_object(struct weir_span span, const struct weir_view *view);

/* A counter's growth per second. False: it is not known. */
bool weir_rate(const struct weir_span *span, const char *path, double *rate);

/* A counter's growth as a part of another's, which has grown. False: it is not known. */
bool weir_rate_share(const struct weir_span *span, const char *path, const char *of, double *share);

#endif
