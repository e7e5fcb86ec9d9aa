#include "weir/control/sockets.h"

#include "weir/net/socket_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

static bool give_doors(struct weir_control *control, const struct weir_socket_file *file,
                       struct weir_listener *listener, struct weir_door **doors)
{
    for (unsigned i = 0; i < control->n_workers; i++) {
        int fd = weir_socket_file_share(file);
        struct weir_door *door = fd < 0 ? NULL : weir_door_make(fd, &file->address, listener);

        if (!door)
            return false;
        DL_APPEND(doors[i], door);
    }
    return true;
}

bool weir_sockets_open(struct weir_control *control, const struct weir_listener_plan *plan,
                       size_t index, struct weir_door **doors, char *fault, size_t fault_size)
{
    struct weir_socket_file *file = weir_socket_file_open(
        &plan->addresses[index], (mode_t)plan->config->socket_mode, fault, fault_size);

    if (!file)
        return false;
    DL_APPEND(control->sockets, file);
    if (give_doors(control, file, plan->listener, doors))
        return true;
    snprintf(fault, fault_size, "out of descriptors or memory");
    return false;
}

/* The plan that lists ADDRESS, or NULL. */
static const struct weir_listener_plan *find_plan(const struct weir_generation *generation,
                                                  const struct weir_address *address)
{
    for (size_t i = 0; generation && i < generation->n_listeners; i++) {
        const struct weir_listener_plan *plan = &generation->listeners[i];
        for (size_t k = 0; k < plan->config->n_listen; k++) {
            if (weir_address_is_equal(&plan->addresses[k], address))
                return plan;
        }
    }
    return NULL;
}

void weir_sockets_settle(struct weir_control *control, const struct weir_generation *generation)
{
    struct weir_socket_file *file, *following;

    DL_FOREACH_SAFE(control->sockets, file, following) {
        const struct weir_listener_plan *plan = find_plan(generation, &file->address);
        char where[WEIR_ADDRESS_TEXT_MAX];
        int error;

        if (!plan) {
            DL_DELETE(control->sockets, file);
            weir_socket_file_close(file);
            continue;
        }
        error = weir_socket_file_set_mode(file, (mode_t)plan->config->socket_mode);
        if (error)
            weir_log(WEIR_LOG_ERROR, "listeners.%s: cannot set socket_mode of %s: %s",
                     plan->config->name, weir_address_describe(&file->address, where),
                     strerror(-error));
    }
}
