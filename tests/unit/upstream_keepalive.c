#include "weir/upstream/keepalive.h"

#include <criterion/criterion.h>

static const struct weir_keepalive_facts clean = {
    .request_complete = true,
    .response_complete = true,
    .server_keeps = true,
    .requests = 7,
    .requests_max = 0,
    .now_ms = 1000,
    .ends_ms = 0,
};

Test(upstream_keepalive, clean_exchange_keeps_and_each_fact_alone_ends_it)
{
    struct weir_keepalive_facts facts;

#define BUT(change, reason)                                                                        \
    do {                                                                                           \
        facts = clean;                                                                             \
        facts.change;                                                                              \
        cr_expect_eq(weir_keepalive_decide(&facts), WEIR_CLOSED_##reason, #change);                \
    } while (0)

    cr_expect_eq(weir_keepalive_decide(&clean), WEIR_CLOSED_NOT);
    BUT(response_complete = false, error);
    BUT(bytes_left = true, poisoned);
    BUT(request_complete = false, not_reusable);
    BUT(server_keeps = false, not_reusable);
    BUT(server_ended = true, by_server_active);
    BUT(is_retired = true, server_gone);
    BUT(is_recalled = true, flushed);
    BUT(is_draining = true, shutdown);
    BUT(requests_max = 7, max_requests);
    BUT(requests_max = 6, max_requests);
    BUT(requests_max = 8, NOT);
    BUT(ends_ms = 1000, max_age);
    BUT(ends_ms = 999, max_age);
    BUT(ends_ms = 1001, NOT);
#undef BUT
}

/* Whatever else holds, nothing doubtful is ever kept. */
Test(upstream_keepalive, no_combination_keeps_what_is_doubtful)
{
    for (unsigned bits = 0; bits < 1u << 10; bits++) {
        struct weir_keepalive_facts facts = {
            .request_complete = bits & 1,
            .response_complete = bits & 2,
            .server_keeps = bits & 4,
            .bytes_left = bits & 8,
            .server_ended = bits & 16,
            .is_retired = bits & 32,
            .is_draining = bits & 64,
            .is_recalled = bits & 512,
            .requests = 5,
            .requests_max = bits & 128 ? 5 : 0,
            .now_ms = 9,
            .ends_ms = bits & 256 ? 9 : 0,
        };
        enum weir_close_reason reason = weir_keepalive_decide(&facts);
        cr_expect_eq(reason == WEIR_CLOSED_NOT, bits == 7, "facts %x", bits);
        /* What the figures say of it: a broken answer is an error before anything else. */
        if (!facts.response_complete)
            cr_expect_eq(reason, WEIR_CLOSED_error, "facts %x", bits);
        else if (facts.bytes_left)
            cr_expect_eq(reason, WEIR_CLOSED_poisoned, "facts %x", bits);
    }
}
