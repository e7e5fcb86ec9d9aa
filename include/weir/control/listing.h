/* `/connections`: asks every worker for its upstream connections, and prints what they say. Thread:
 * control. */
#ifndef WEIR_CONTROL_LISTING_H
#define WEIR_CONTROL_LISTING_H

#include "weir/control/control.h"

struct weir_listing;

struct weir_listing_events {
    /* Owns: the callee, TEXT, to free. NULL: out of memory. */
    void (*on_done)(void *owner, char *text);
};

/* on_done follows, once every worker has answered or two seconds have passed; then the workers that
 * have not are named in the answer. Never calls it itself. Fails: NULL, out of memory, or too many
 * of these are under way. */
struct weir_listing *weir_listing_begin(struct weir_control *control,
                                        const struct weir_listing_events *events, void *owner);

/* Nobody wants to hear of it any more. on_done does not come. */
void weir_listing_abandon(struct weir_listing *listing);

#endif
