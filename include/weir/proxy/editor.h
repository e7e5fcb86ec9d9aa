/* Edits of header fields at work: which lines of a head go, and which come. Made anew for each head
 * that is written, from the listener's edits and what its variables stand for.
 *
 * Thread: the exchange's worker. Owns: nothing; what it was made from must outlive it, and the
 * listener's edits what it wrote. */
#ifndef WEIR_PROXY_EDITOR_H
#define WEIR_PROXY_EDITOR_H

#include "weir/base/gather.h"
#include "weir/config/edits.h"
#include "weir/net/address.h"

struct weir_exchange;

#define WEIR_REQUEST_ID_FIELD "X-Request-Id"

/* A longer subject of a certificate counts as none: half a name is another name. */
enum { WEIR_SUBJECT_MAX = 1024 };

enum { WEIR_REQUEST_ID_MAX = 128, WEIR_REQUEST_ID_MADE = 32, WEIR_REQUEST_IDS_AT_ONCE = 128 };

/* What each variable stands for. */
struct weir_edit_facts {
    struct weir_slice values[WEIR_VARIABLE_COUNT];
    char host[WEIR_ADDRESS_TEXT_MAX], port[8], subject[WEIR_SUBJECT_MAX];
};

struct weir_editor {
    const struct weir_edits *edits; /* NULL: there are none */
    struct weir_edit_facts facts;   /* filled in only where there are */
};

/* The editor of X's listener for heads of this side. */
void weir_editor_init(struct weir_editor *editor, const struct weir_exchange *x,
                      enum weir_edit_side side);

/* Do lines of this name go, also those that weir itself would write? EDITS, and an editor, may be
 * NULL. */
bool weir_edits_drop(const struct weir_edits *edits, struct weir_slice name);
static inline bool weir_editor_drops(const struct weir_editor *editor, struct weir_slice name)
{
    return editor && editor->edits && weir_edits_drop(editor->edits, name);
}

/* Writes the lines that are set and added. Whatever a variable holds, it stays one line. An editor
 * may be NULL. */
void weir_editor_add(const struct weir_editor *editor, struct weir_gather *out);

/* Random bytes in stock, so that most requests ask the kernel for none. */
struct weir_request_ids {
    unsigned left; /* of `bytes`, at their end */
    uint8_t bytes[WEIR_REQUEST_IDS_AT_ONCE * WEIR_REQUEST_ID_MADE / 2];
};

/* A new one: 128 bits that nobody can guess, in hexadecimal, to TEXT with a NUL behind. */
void weir_request_ids_make(struct weir_request_ids *ids, char text[WEIR_REQUEST_ID_MADE + 1]);

/* May a client's stand? A token of at most WEIR_REQUEST_ID_MAX letters. */
bool weir_request_id_is_sane(struct weir_slice text);

#endif
