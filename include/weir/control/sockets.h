/* The Unix sockets that weir listens on. Every worker accepts on the same socket, each through a
 * descriptor of its own; control keeps one more for as long as the path is listed. Thread: control.
 */
#ifndef WEIR_CONTROL_SOCKETS_H
#define WEIR_CONTROL_SOCKETS_H

#include "weir/control/control.h"

/* Listens at the plan's address INDEX, a path, and gives each worker a door there. Owns: control,
 * until the sockets are settled. Fails: false, and FAULT is the end of a line for people; doors
 * that were given stay. */
bool weir_sockets_open(struct weir_control *control, const struct weir_listener_plan *plan,
                       size_t index, struct weir_door **doors, char *fault, size_t fault_size);

/* Removes what GENERATION does not list, and gives what it lists its mode. NULL lists nothing. */
void weir_sockets_settle(struct weir_control *control, const struct weir_generation *generation);

#endif
