/* Once a second reads the workers' counters into the history; less often where that takes long, so
 * that it costs control a twentieth of its time at most. Thread: control. */
#ifndef WEIR_CONTROL_RECORDER_H
#define WEIR_CONTROL_RECORDER_H

#include "weir/control/control.h"
#include "weir/control/history.h"

struct weir_recorder;

/* The first sample is taken at once. Fails: NULL, out of memory. */
struct weir_recorder *weir_recorder_start(struct weir_control *control);
/* NULL is none. */
void weir_recorder_stop(struct weir_recorder *recorder);

const struct weir_history *weir_recorder_history(const struct weir_recorder *recorder);

#endif
