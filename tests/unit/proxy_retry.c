#include "weir/proxy/retry.h"

#include <criterion/criterion.h>

/* A POST on a reused connection that the server had closed before it came. */
static const struct weir_retry_facts evident = {
    .is_connection_failure = true,
    .is_replayable = true,
    .is_reused = true,
    .evidence_allowed = true,
    .ended_by_fin = true,
    .acked_known = true,
    .acked = 100,
    .written_before = 100,
    .written = 50,
    .attempts = 0,
    .attempts_max = 2,
};

/* The rule of INTERFACE.md, written the other way round: by what allows a retry. */
static enum weir_retry expected(const struct weir_retry_facts *f)
{
    bool is_possible = f->is_connection_failure && !f->answer_started && f->is_replayable &&
                       f->attempts < f->attempts_max;
    bool is_evident = f->evidence_allowed && f->is_reused && f->ended_by_fin && f->acked_known &&
                      !(f->acked > f->written_before);

    return !is_possible       ? WEIR_RETRY_NEVER
           : f->written == 0  ? WEIR_RETRY_UNWRITTEN
           : f->is_repeatable ? WEIR_RETRY_REPEATABLE
           : is_evident       ? WEIR_RETRY_EVIDENCE
                              : WEIR_RETRY_NEVER;
}

Test(proxy_retry, every_combination_of_facts)
{
    for (unsigned bits = 0; bits < 1u << 11; bits++) {
        for (uint64_t attempts = 0; attempts <= 3; attempts++) {
            struct weir_retry_facts facts = {
                .is_connection_failure = bits & 1,
                .answer_started = bits & 2,
                .is_replayable = bits & 4,
                .is_repeatable = bits & 8,
                .is_reused = bits & 16,
                .evidence_allowed = bits & 32,
                .ended_by_fin = bits & 64,
                .acked_known = bits & 128,
                .acked = 100 + (bits >> 8 & 1),
                .written_before = 100 + (bits >> 9 & 1),
                .written = bits >> 10 & 1,
                .attempts = attempts,
                .attempts_max = 2,
            };
            cr_expect_eq(weir_retry_decide(&facts), expected(&facts), "facts %x, attempt %llu",
                         bits, (unsigned long long)attempts);
        }
    }
}

/* Each fact alone turns the decision. */
Test(proxy_retry, each_fact_alone)
{
    struct weir_retry_facts facts = evident;

#define BUT(change, retry, what)                                                                   \
    do {                                                                                           \
        facts = evident;                                                                           \
        facts.change;                                                                              \
        cr_expect_eq(weir_retry_decide(&facts), retry, what);                                      \
    } while (0)

    cr_expect_eq(weir_retry_decide(&facts), WEIR_RETRY_EVIDENCE);
    BUT(is_connection_failure = false, WEIR_RETRY_NEVER, "a time-out");
    BUT(answer_started = true, WEIR_RETRY_NEVER, "a byte of the answer");
    BUT(is_replayable = false, WEIR_RETRY_NEVER, "part of the body is gone");
    BUT(attempts = 2, WEIR_RETRY_NEVER, "tried twice");
    BUT(attempts_max = 0, WEIR_RETRY_NEVER, "no attempts allowed");
    BUT(attempts = 1, WEIR_RETRY_EVIDENCE, "tried once");
    BUT(is_reused = false, WEIR_RETRY_NEVER, "a fresh connection");
    BUT(evidence_allowed = false, WEIR_RETRY_NEVER, "evidence is off");
    BUT(ended_by_fin = false, WEIR_RETRY_NEVER, "a reset");
    BUT(acked_known = false, WEIR_RETRY_NEVER, "the kernel says nothing");
    BUT(acked = 101, WEIR_RETRY_NEVER, "one byte was acknowledged");
    BUT(acked = 99, WEIR_RETRY_EVIDENCE, "less than before was");
    BUT(is_repeatable = true, WEIR_RETRY_REPEATABLE, "it is repeatable");
    BUT(written = 0, WEIR_RETRY_UNWRITTEN, "nothing was written");
#undef BUT
}

/* On a fresh connection, or by a reset, only what may be done twice or never began. */
Test(proxy_retry, without_evidence_a_repeatable_or_unwritten_request_still_goes)
{
    struct weir_retry_facts facts = {.is_connection_failure = true,
                                     .is_replayable = true,
                                     .is_repeatable = true,
                                     .written = 1,
                                     .attempts_max = 1};

    cr_expect_eq(weir_retry_decide(&facts), WEIR_RETRY_REPEATABLE);
    facts.written = 0;
    cr_expect_eq(weir_retry_decide(&facts), WEIR_RETRY_UNWRITTEN);
    facts.is_repeatable = false;
    cr_expect_eq(weir_retry_decide(&facts), WEIR_RETRY_UNWRITTEN);
    facts.written = 1;
    cr_expect_eq(weir_retry_decide(&facts), WEIR_RETRY_NEVER);
}

/* What reached the server, or may have, and connections that could not be made cost it something.
 */
Test(proxy_retry, pays_unless_the_server_has_seen_nothing)
{
    struct weir_retry_facts facts = evident;

#define BUT(change, charged, what)                                                                 \
    do {                                                                                           \
        facts = evident;                                                                           \
        facts.change;                                                                              \
        cr_expect_eq(weir_retry_is_charged(&facts), charged, what);                                \
    } while (0)

    cr_expect_not(weir_retry_is_charged(&facts));
    BUT(is_repeatable = true, false, "whatever the method");
    BUT(evidence_allowed = false, false, "whatever the evidence decides");
    BUT(acked = 101, true, "one byte was acknowledged");
    BUT(acked_known = false, true, "the kernel says nothing");
    BUT(ended_by_fin = false, true, "a reset");
    BUT(is_reused = false, true, "a fresh connection");
#undef BUT
    facts = evident;
    facts.ended_by_fin = false;
    facts.written = 0;
    cr_expect_not(weir_retry_is_charged(&facts), "nothing was written");
    facts.is_reused = false;
    cr_expect(weir_retry_is_charged(&facts), "a connection that could not be made");
}
