/* What is known of a name, answer after answer, and what a plan makes of it. */
#include "weir/upstream/book.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { SPOTS_MAX = 8 };

/* "1:80 10 5 @7" is 127.0.0.1:80 with priority 10, weight 5, of part 7; "?:80 …" could not be
 * learned. */
static size_t read_spots(const char *text, struct weir_spot *spots)
{
    size_t n = 0;

    while (*text) {
        char host[16];
        unsigned port, priority, weight, part;
        int used = 0;
        struct weir_endpoint endpoint;
        const char *reason;
        char address[64];
        cr_assert_eq(sscanf(text, " %15[^:]:%u %u %u @%u ,%n", host, &port, &priority, &weight,
                            &part, &used),
                     5, "%s", text);
        spots[n] = (struct weir_spot){.part = part,
                                      .port = (uint16_t)port,
                                      .priority = (uint16_t)priority,
                                      .weight = (uint16_t)weight};
        if (host[0] != '?') {
            snprintf(address, sizeof(address), "127.0.0.%s:%u", host, port);
            cr_assert(weir_endpoint_parse(weir_slice_from(address), &endpoint, &reason));
            cr_assert(weir_endpoint_to_address(&endpoint, &spots[n].address));
        }
        n++;
        text += used;
    }
    return n;
}

static bool learn(struct weir_entry *entry, const char *text)
{
    struct weir_spot spots[SPOTS_MAX];
    struct weir_findings findings = {.spots = spots, .n = read_spots(text, spots)};
    bool failed;
    bool changed = weir_entry_learn(entry, &findings, &failed);

    cr_assert_not(failed);
    return changed;
}

static void expect(const struct weir_entry *entry, const char *what, const char *text)
{
    struct weir_spot spots[SPOTS_MAX];
    size_t n = read_spots(text, spots);

    cr_assert_eq(entry->n, n, "%s: %zu", what, entry->n);
    for (size_t i = 0; i < n; i++) {
        char got[WEIR_ADDRESS_TEXT_MAX], wanted[WEIR_ADDRESS_TEXT_MAX];
        cr_expect_str_eq(weir_address_describe(&entry->spots[i].address, got),
                         weir_address_describe(&spots[i].address, wanted), "%s", what);
        cr_expect(entry->spots[i].priority == spots[i].priority &&
                      entry->spots[i].weight == spots[i].weight,
                  "%s: %zu", what, i);
    }
}

struct step {
    const char *what, *found;
    bool changed;
    const char *known;
};

static const struct step steps[] = {
    {"the first", "2:80 1 1 @1,1:80 1 1 @1,", true, "1:80 1 1 @1,2:80 1 1 @1,"},
    {"the same in another order", "1:80 1 1 @1,2:80 1 1 @1,", false, "1:80 1 1 @1,2:80 1 1 @1,"},
    {"another weight", "1:80 1 1 @1,2:80 1 3 @1,", true, "1:80 1 1 @1,2:80 1 3 @1,"},
    {"another priority", "1:80 2 1 @1,2:80 1 3 @1,", true, "1:80 2 1 @1,2:80 1 3 @1,"},
    {"one more, of another part", "1:80 2 1 @1,2:80 1 3 @1,3:80 1 1 @2,", true,
     "1:80 2 1 @1,2:80 1 3 @1,3:80 1 1 @2,"},
    {"a part that could not be learned stays", "3:80 1 1 @2,?:80 2 1 @1,", true,
     "1:80 2 1 @1,2:80 2 1 @1,3:80 1 1 @2,"},
    {"with the port, priority and weight of now", "3:80 1 1 @2,?:81 7 8 @1,", true,
     "1:81 7 8 @1,2:81 7 8 @1,3:80 1 1 @2,"},
    {"one of which nothing was known", "3:80 1 1 @2,?:80 1 1 @9,", true, "3:80 1 1 @2,"},
    {"an address twice: the first priority", "3:80 5 1 @2,3:80 2 9 @2,3:80 2 10 @2,", true,
     "3:80 2 10 @2,"},
    {"its ports are two", "3:80 2 10 @2,3:81 2 10 @2,", true, "3:80 2 10 @2,3:81 2 10 @2,"},
    {"all that is left", "?:80 2 10 @2,", true, "3:80 2 10 @2,"},
};

Test(upstream_book, answer_after_answer)
{
    struct weir_entry entry = {.n = 0}, copy;

    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        cr_expect_eq(learn(&entry, steps[i].found), steps[i].changed, "%s", steps[i].what);
        expect(&entry, steps[i].what, steps[i].known);
        cr_assert(weir_entry_copy(&copy, &entry));
        expect(&copy, steps[i].what, steps[i].known);
        weir_entry_fini(&copy);
    }
    weir_entry_fini(&entry);
}

struct member_row {
    const char *what, *known;
    struct weir_config_server config;
    const char *members; /* a letter each: m or b, and the weight */
};

static const struct member_row members[] = {
    {"a plain name: as configured", "1:80 0 0 @1,2:80 0 0 @1,", {.weight = 7}, "m7 m7 "},
    {"backups", "1:80 0 0 @1,", {.weight = 7, .backup = true}, "b7 "},
    {"records: their weights, 0 as 1",
     "1:80 3 0 @1,2:80 3 256 @1,",
     {.weight = 7, .srv = true},
     "m1 m256 "},
    {"scaled",
     "1:80 3 257 @1,2:80 3 65535 @1,3:80 3 32768 @1,4:80 3 0 @1,",
     {.srv = true},
     "m1 m256 m128 m1 "},
    {"all but the first priority",
     "1:80 3 1 @1,2:80 2 1 @1,3:80 2 1 @1,4:80 9 1 @1,",
     {.srv = true},
     "b1 m1 m1 b1 "},
    {"backups of backups", "1:80 3 1 @1,2:80 2 1 @1,", {.srv = true, .backup = true}, "b1 b1 "},
};

Test(upstream_book, members)
{
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const struct member_row *row = &members[i];
        struct weir_entry entry = {.n = 0};
        char got[128] = "";
        size_t len = 0;

        learn(&entry, row->known);
        for (size_t k = 0; k < entry.n; k++) {
            struct weir_member member = weir_entry_member(&entry, k, &row->config);
            len += (size_t)snprintf(got + len, sizeof(got) - len, "%c%u ",
                                    member.backup ? 'b' : 'm', (unsigned)member.weight);
        }
        cr_expect_str_eq(got, row->members, "%s: %s", row->what, got);
        weir_entry_fini(&entry);
    }
}

Test(upstream_book, ports)
{
    struct weir_config_server config = {.endpoint = {.port = 9001}};
    struct weir_entry entry = {.n = 0};
    struct weir_address address;

    learn(&entry, "1:80 0 0 @1,");
    address = weir_entry_address(&entry, 0, &config);
    cr_expect_eq(weir_address_port(&address), 9001);
    config.srv = true;
    address = weir_entry_address(&entry, 0, &config);
    cr_expect_eq(weir_address_port(&address), 80);
    weir_entry_fini(&entry);
}
