/* The keys of tickets change, and the former is good for one lifetime more. */
#include "weir/net/tls_tickets.h"

#include <criterion/criterion.h>
#include <string.h>

enum { LIFE = 1000 };

static bool is_same(const struct weir_tls_ticket_key *a, const struct weir_tls_ticket_key *b)
{
    return memcmp(a->name, b->name, sizeof(a->name)) == 0 &&
           memcmp(a->cipher, b->cipher, sizeof(a->cipher)) == 0 &&
           memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

Test(net_tls_tickets, a_key_seals_for_one_lifetime_and_opens_for_two)
{
    struct weir_tls_tickets tickets;
    struct weir_tls_ticket_key first, second, key;

    weir_tls_tickets_init(&tickets);
    cr_assert(weir_tls_tickets_seal(&tickets, 5000, LIFE, &first));
    cr_assert(weir_tls_tickets_seal(&tickets, 5999, LIFE, &key));
    cr_expect(is_same(&first, &key));
    cr_assert(weir_tls_tickets_seal(&tickets, 6000, LIFE, &second));
    cr_expect_not(is_same(&first, &second));
    cr_expect(weir_tls_tickets_open(&tickets, 6999, LIFE, first.name, &key));
    cr_expect(is_same(&first, &key));
    cr_expect(weir_tls_tickets_open(&tickets, 6999, LIFE, second.name, &key));
    cr_expect(is_same(&second, &key));
    cr_expect_not(weir_tls_tickets_open(&tickets, 7000, LIFE, first.name, &key));
    cr_expect_not(weir_tls_tickets_open(&tickets, 8000, LIFE, second.name, &key));
    weir_tls_tickets_fini(&tickets);
}

Test(net_tls_tickets, a_name_that_nobody_made_opens_nothing)
{
    static const uint8_t zero[WEIR_TICKET_NAME_BYTES] = {0};
    struct weir_tls_tickets tickets;
    struct weir_tls_ticket_key key;

    weir_tls_tickets_init(&tickets);
    cr_expect_not(weir_tls_tickets_open(&tickets, 1, LIFE, zero, &key));
    cr_assert(weir_tls_tickets_seal(&tickets, 1, LIFE, &key));
    cr_expect_not(weir_tls_tickets_open(&tickets, 1, LIFE, zero, &key));
    weir_tls_tickets_fini(&tickets);
}
