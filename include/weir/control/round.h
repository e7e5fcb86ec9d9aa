/* A letter to every worker, and a count of those that have come back. Thread: control. */
#ifndef WEIR_CONTROL_ROUND_H
#define WEIR_CONTROL_ROUND_H

#include "weir/control/control.h"

struct weir_letter;

/* Embedded in what it is for. The caller fills in what stands above the line. */
struct weir_round {
    void (*on_back)(struct weir_round *round, unsigned worker); /* NULL: only the last matters */
    void (*on_all_back)(struct weir_round *round);              /* what it is part of may end now */
    /* ---- */
    unsigned n_out;
    struct weir_letter *letters; /* one a worker */
};

/* Fails: false, out of memory. */
bool weir_round_init(struct weir_round *round, const struct weir_control *control);
/* All letters must be back, or none have gone out. */
void weir_round_fini(struct weir_round *round);

/* Sends ERRAND to each worker: of it, `act` and `flushed` count. */
void weir_round_send(struct weir_round *round, struct weir_control *control,
                     const struct weir_errand *errand);

/* For an errand's `act`: the round it belongs to, and which worker it has reached. Thread: any. */
struct weir_round *weir_round_of(const struct weir_errand *errand, unsigned *worker);

#endif
