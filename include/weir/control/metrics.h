/* `/metrics`: every figure as Prometheus reads it. Thread: control. */
#ifndef WEIR_CONTROL_METRICS_H
#define WEIR_CONTROL_METRICS_H

#include "weir/control/control.h"

/* Owns: the caller, to free. Fails: NULL, out of memory. Source: Prometheus's text format 0.0.4. */
char *weir_metrics_print(struct weir_control *control);

#endif
