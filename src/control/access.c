/* Which generation writes its access log where. */
#include "weir/control/control.h"

#include <stdio.h>
#include <string.h>

bool weir_control_log_access(struct weir_control *control, struct weir_generation *next,
                             const struct weir_generation *former, char *fault, size_t fault_size)
{
    struct weir_spool *spool = former ? former->access_log : NULL;
    const char *path = next->config->access_log_to;
    int error;

    if (!next->config->has_access_log)
        return true;
    if (spool && strcmp(weir_spool_path(spool), path) == 0) {
        next->access_log = weir_spool_ref(spool);
        return true;
    }
    next->access_log = weir_spools_open(&control->spools, "access_log", path, control->n_workers,
                                        &error);
    if (!next->access_log)
        snprintf(fault, fault_size, "access_log.to: %s: %s", path, strerror(-error));
    return next->access_log != NULL;
}
