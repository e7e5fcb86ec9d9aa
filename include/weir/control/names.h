/* The names of a configuration's servers: what stands behind each, asked for again as TTLs run out.
 *
 * An answer that fails keeps what was known, and is asked for again after 1 s, doubled up to 30 s;
 * the log tells when that begins, changes and ends. Thread: control. */
#ifndef WEIR_CONTROL_NAMES_H
#define WEIR_CONTROL_NAMES_H

#include "weir/control/control.h"
#include "weir/upstream/book.h"

struct weir_names;

/* The names of CONFIG. What FORMER (or NULL) knows is taken over, everything else is asked for, all
 * at once. Whether enough has been found is for the plans to say. Blocks: on DNS, twice
 * `resolver.timeout` at most. Fails: NULL, and FAULT is a line for people. */
struct weir_names *weir_names_create(struct weir_config *config, const struct weir_names *former,
                                     char *fault, size_t fault_size);

/* From now on asks again, on CONTROL's loop, at once what was taken over; weir_control_revise
 * follows upon changes, one for those that come together. Fails: false, and FAULT is a line. */
bool weir_names_watch(struct weir_names *names, struct weir_control *control, char *fault,
                      size_t fault_size);

/* Stops asking. NULL does nothing. Memory goes on control's loop. */
void weir_names_destroy(struct weir_names *names);

const struct weir_book *weir_names_book(const struct weir_names *names);

#endif
