#include "weir/upstream/server_tls.h"

#include <stdlib.h>
#include <string.h>

bool weir_server_tls_init(struct weir_server_tls *tls, struct weir_tls_dialer *dialer,
                          const char *name)
{
    tls->name = strdup(name);
    if (!tls->name)
        return false;
    tls->dialer = weir_tls_dialer_ref(dialer);
    weir_tls_sessions_init(&tls->sessions);
    return true;
}

void weir_server_tls_fini(struct weir_server_tls *tls)
{
    if (!tls->dialer)
        return;
    weir_tls_sessions_fini(&tls->sessions);
    weir_tls_dialer_unref(tls->dialer);
    free(tls->name);
}
