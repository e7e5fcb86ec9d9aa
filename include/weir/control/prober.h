/* Health checks: asks each server of each pool with a `health` section, again and again, on
 * connections of control's own. Thread: control. */
#ifndef WEIR_CONTROL_PROBER_H
#define WEIR_CONTROL_PROBER_H

#include "weir/control/control.h"

struct weir_prober;

/* Fails: NULL, out of memory. */
struct weir_prober *weir_prober_create(struct weir_control *control);

/* Checks begin, go on or end as the generation in force says. */
void weir_prober_sync(struct weir_prober *prober);

/* Ends all checks; its memory goes when the last of their connections has closed. */
void weir_prober_destroy(struct weir_prober *prober);

#endif
