#include "weir/proxy/retry.h"

/* The server had closed before the request reached it. */
static bool is_unseen(const struct weir_retry_facts *facts)
{
    return facts->is_reused && facts->ended_by_fin && facts->acked_known &&
           facts->acked <= facts->written_before;
}

enum weir_retry weir_retry_decide(const struct weir_retry_facts *facts)
{
    if (!facts->is_connection_failure || facts->answer_started || !facts->is_replayable ||
        facts->attempts >= facts->attempts_max)
        return WEIR_RETRY_NEVER;
    if (facts->written == 0)
        return WEIR_RETRY_UNWRITTEN;
    if (facts->is_repeatable)
        return WEIR_RETRY_REPEATABLE;
    if (facts->evidence_allowed && is_unseen(facts))
        return WEIR_RETRY_EVIDENCE;
    return WEIR_RETRY_NEVER;
}

bool weir_retry_is_charged(const struct weir_retry_facts *facts)
{
    return !(facts->is_reused && facts->written == 0) && !is_unseen(facts);
}
