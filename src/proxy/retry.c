#include "weir/proxy/retry.h"

enum weir_retry weir_retry_decide(const struct weir_retry_facts *facts)
{
    if (!facts->is_connection_failure || facts->answer_started || !facts->is_replayable ||
        facts->attempts >= facts->attempts_max)
        return WEIR_RETRY_NEVER;
    if (facts->written == 0)
        return WEIR_RETRY_UNWRITTEN;
    if (facts->is_repeatable)
        return WEIR_RETRY_REPEATABLE;
    if (facts->evidence_allowed && facts->is_reused && facts->ended_by_fin && facts->acked_known &&
        facts->acked <= facts->written_before)
        return WEIR_RETRY_EVIDENCE;
    return WEIR_RETRY_NEVER;
}
