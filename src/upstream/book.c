#include "weir/upstream/book.h"

#include <stdlib.h>
#include <string.h>

static int compare_addresses(const struct weir_address *a, const struct weir_address *b)
{
    uint8_t left[16] = {0}, right[16] = {0};
    int order;

    (void)weir_address_to_mapped(a, left);
    (void)weir_address_to_mapped(b, right);
    order = memcmp(left, right, sizeof(left));
    return order != 0 ? order : (int)weir_address_port(a) - (int)weir_address_port(b);
}

static int compare_spots(const void *a, const void *b)
{
    const struct weir_spot *left = a, *right = b;
    int order = compare_addresses(&left->address, &right->address);

    if (order == 0)
        order = (int)left->priority - (int)right->priority;
    return order != 0 ? order : (int)right->weight - (int)left->weight;
}

/* Sorts, and keeps the first of those with one address: the one to be preferred. */
static size_t sort_out(struct weir_spot *spots, size_t n)
{
    size_t kept = 0;

    qsort(spots, n, sizeof(*spots), compare_spots);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || compare_addresses(&spots[kept - 1].address, &spots[i].address) != 0)
            spots[kept++] = spots[i];
    }
    return kept < WEIR_LOOKUP_RECORDS_MAX ? kept : WEIR_LOOKUP_RECORDS_MAX;
}

static void set_extremes(struct weir_entry *entry)
{
    entry->priority_least = UINT16_MAX;
    entry->weight_most = 0;
    for (size_t i = 0; i < entry->n; i++) {
        const struct weir_spot *spot = &entry->spots[i];
        if (spot->priority < entry->priority_least)
            entry->priority_least = spot->priority;
        if (spot->weight > entry->weight_most)
            entry->weight_most = spot->weight;
    }
}

/* What ENTRY knows of the spot that could not be learned, at most ROOM of it. */
static size_t recall(const struct weir_entry *entry, const struct weir_spot *unlearned,
                     struct weir_spot *spots, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < entry->n && n < room; i++) {
        const struct weir_spot *known = &entry->spots[i];
        if (known->part != unlearned->part)
            continue;
        spots[n] = *unlearned;
        spots[n].address = known->address;
        if (unlearned->port > 0)
            weir_address_set_port(&spots[n].address, unlearned->port);
        n++;
    }
    return n;
}

static bool has_changed(const struct weir_entry *entry, const struct weir_spot *spots, size_t n)
{
    for (size_t i = 0; i < n && n == entry->n; i++) {
        if (compare_spots(&spots[i], &entry->spots[i]) != 0)
            return true;
    }
    return n != entry->n;
}

bool weir_entry_learn(struct weir_entry *entry, const struct weir_findings *findings, bool *failed)
{
    size_t n = 0, room = findings->n + WEIR_LOOKUP_RECORDS_MAX;
    struct weir_spot *spots;

    spots = calloc(room, sizeof(*spots));
    *failed = !spots;
    if (!spots)
        return false;
    for (size_t i = 0; i < findings->n; i++) {
        if (findings->spots[i].address.len > 0)
            spots[n++] = findings->spots[i];
        else
            n += recall(entry, &findings->spots[i], spots + n, room - n - (findings->n - i));
    }
    n = sort_out(spots, n);
    bool changed = has_changed(entry, spots, n);
    free(entry->spots);
    entry->spots = spots;
    entry->n = n;
    set_extremes(entry);
    return changed;
}

bool weir_entry_copy(struct weir_entry *to, const struct weir_entry *from)
{
    struct weir_spot *spots = calloc(from->n + 1, sizeof(*spots));

    if (!spots)
        return false;
    if (from->n > 0)
        memcpy(spots, from->spots, from->n * sizeof(*spots));
    *to = *from;
    to->spots = spots;
    return true;
}

void weir_entry_fini(struct weir_entry *entry)
{
    free(entry->spots);
    *entry = (struct weir_entry){.n = 0};
}

struct weir_member weir_entry_member(const struct weir_entry *entry, size_t index,
                                     const struct weir_config_server *config)
{
    const struct weir_spot *spot = &entry->spots[index];
    struct weir_member member = {
        .weight = config->weight, .backup = config->backup, .named = config};

    if (!config->srv)
        return member;
    member.weight = spot->weight;
    if (entry->weight_most > WEIR_WEIGHT_MAX)
        member.weight = member.weight * WEIR_WEIGHT_MAX / entry->weight_most;
    if (member.weight == 0)
        member.weight = 1;
    member.backup = member.backup || spot->priority > entry->priority_least;
    return member;
}

struct weir_address weir_entry_address(const struct weir_entry *entry, size_t index,
                                       const struct weir_config_server *config)
{
    struct weir_address address = entry->spots[index].address;

    if (!config->srv)
        weir_address_set_port(&address, config->endpoint.port);
    return address;
}
