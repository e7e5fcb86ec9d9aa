#include "weir/upstream/principal.h"

#include "weir/base/assert.h"
#include "weir/upstream/idle.h"

#include <utlist.h>

struct weir_principal *weir_principal_create(struct weir_upstream *upstream,
                                             const struct weir_address *source,
                                             const struct weir_address *destination)
{
    struct weir_principal *principal = weir_slab_take(&upstream->principals);

    if (principal)
        *principal = (struct weir_principal){
            .upstream = upstream, .source = *source, .destination = *destination};
    return principal;
}

void weir_principal_destroy(struct weir_principal *principal)
{
    struct weir_upconn *upconn, *following;

    DL_FOREACH_SAFE2(principal->upconns, upconn, following, kin_next) {
        weir_principal_forget(upconn);
        WEIR_ASSERT_SHOW(upconn->state == WEIR_UPCONN_IDLE, weir_upconn_describe(upconn));
        if (weir_idle_remove(upconn))
            weir_upconn_close(upconn, WEIR_CLOSED_surplus);
    }
    weir_slab_give(&principal->upstream->principals, principal);
}

void weir_principal_adopt(struct weir_principal *principal, struct weir_upconn *upconn)
{
    WEIR_ASSERT(principal->upstream == upconn->upstream);
    upconn->principal = principal;
    DL_PREPEND2(principal->upconns, upconn, kin_prev, kin_next);
}

void weir_principal_forget(struct weir_upconn *upconn)
{
    DL_DELETE2(upconn->principal->upconns, upconn, kin_prev, kin_next);
    upconn->principal = NULL;
}

struct weir_upconn *weir_principal_take(struct weir_principal *principal,
                                        struct weir_server *server, bool careful)
{
    struct weir_upconn *upconn;

    DL_FOREACH2(principal->upconns, upconn, kin_next) {
        if (upconn->server == server && weir_idle_take_this(upconn, careful))
            return upconn;
    }
    return NULL;
}

bool weir_principal_has_idle(const struct weir_principal *principal,
                             const struct weir_server *server)
{
    const struct weir_upconn *upconn;

    DL_FOREACH2(principal->upconns, upconn, kin_next) {
        if (upconn->server == server && upconn->state == WEIR_UPCONN_IDLE)
            return true;
    }
    return false;
}
