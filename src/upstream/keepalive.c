#include "weir/upstream/keepalive.h"

enum weir_close_reason weir_keepalive_decide(const struct weir_keepalive_facts *facts)
{
    if (!facts->response_complete)
        return WEIR_CLOSED_error;
    if (facts->bytes_left)
        return WEIR_CLOSED_poisoned;
    if (!facts->request_complete || !facts->server_keeps)
        return WEIR_CLOSED_not_reusable;
    if (facts->server_ended)
        return WEIR_CLOSED_by_server_active;
    if (facts->is_retired)
        return WEIR_CLOSED_server_gone;
    if (facts->is_recalled)
        return WEIR_CLOSED_flushed;
    if (facts->is_draining)
        return WEIR_CLOSED_shutdown;
    if (facts->requests_max > 0 && facts->requests >= facts->requests_max)
        return WEIR_CLOSED_max_requests;
    if (facts->ends_ms > 0 && facts->now_ms >= facts->ends_ms)
        return WEIR_CLOSED_max_age;
    if (facts->is_spent)
        return WEIR_CLOSED_surplus;
    return WEIR_CLOSED_NOT;
}
