/* What is known of the names that servers have. Kept by control; read when a plan is made.
 * Pure. Thread: control. */
#ifndef WEIR_UPSTREAM_BOOK_H
#define WEIR_UPSTREAM_BOOK_H

#include "weir/config/config.h"
#include "weir/net/question.h"
#include "weir/upstream/tier.h"

/* One name, or one name's SRV records. All zero: nothing is known. */
struct weir_entry {
    struct weir_spot *spots; /* each address once, in their order; all are known */
    size_t n;
    enum weir_lookup_status status; /* why nothing is known */
    uint16_t priority_least, weight_most;
};

/* Takes in what was found; what could not be learned this time stays as it was known.
 * Returns whether the addresses, their weights or priorities have changed.
 * Fails: false, and *failed is set: out of memory, and nothing has changed. */
bool weir_entry_learn(struct weir_entry *entry, const struct weir_findings *findings, bool *failed);

/* Fails: false, out of memory. */
bool weir_entry_copy(struct weir_entry *to, const struct weir_entry *from);
void weir_entry_fini(struct weir_entry *entry);

/* What a plan says of spot number INDEX of CONFIG's entry. Of an SRV record: its weight, 0 as 1,
 * scaled to at most WEIR_WEIGHT_MAX; a backup unless its priority is the first. */
struct weir_member weir_entry_member(const struct weir_entry *entry, size_t index,
                                     const struct weir_config_server *config);
/* Its address, with the port that is meant. */
struct weir_address weir_entry_address(const struct weir_entry *entry, size_t index,
                                       const struct weir_config_server *config);

/* Where entries are looked up; NULL when there is none. */
struct weir_book {
    const struct weir_entry *(*find)(const struct weir_book *book, const char *host, bool is_srv);
};

#endif
