/* Edits of header fields as a configuration asks for them: names that go, and lines that come, made
 * of text and of what is known of each request. All that could end a line, frame a body or say how
 * long a connection lives is refused here, once, so that nothing needs to be asked on the way of a
 * request. Pure. */
#ifndef WEIR_CONFIG_EDITS_H
#define WEIR_CONFIG_EDITS_H

#include "weir/base/slice.h"
#include "weir/config/arena.h"
#include "weir/config/why.h"

#include <stdbool.h>

/* `${name}` in a value: what each stands for. */
#define WEIR_VARIABLES(X)                                                                          \
    X(client_ip, "the client's address, or `unix`")                                                \
    X(client_port, "its port, empty for a Unix socket")                                            \
    X(listener, "the listener's name")                                                             \
    X(request_id, "what `X-Request-Id` says, or would say")                                        \
    X(tls_version, "like `TLSv1.3`, empty without TLS")                                            \
    X(tls_client_subject, "of the client's verified certificate, empty without one")

enum weir_variable {
#define WEIR_VARIABLE_ROW(name, meaning) WEIR_VARIABLE_##name,
    WEIR_VARIABLES(WEIR_VARIABLE_ROW)
#undef WEIR_VARIABLE_ROW
        WEIR_VARIABLE_COUNT
};

/* A piece of a line: text as it is, or, where that has no data, a variable. */
struct weir_edit_part {
    struct weir_slice text;
    enum weir_variable variable;
};

/* One line that is set or added. The first part holds its name as well, the last the line's end.
 * Where its variables stand for nothing and it has no other text, there is no line. All of it
 * belongs to the configuration's arena. */
struct weir_edit {
    char *name;
    char *value; /* as it is written in a file, with the environment's values put in */
    struct weir_edit_part *parts;
    size_t n_parts;
    bool has_text; /* besides its variables */
};

/* What is done to a head: names in `remove` and `set` go, lines of `set` and then of `add` come. */
struct weir_edits {
    char **remove;
    struct weir_edit *set, *add;
    size_t n_remove, n_set, n_add;
};

/* Which heads are edited. */
enum weir_edit_side { WEIR_EDIT_REQUEST, WEIR_EDIT_RESPONSE };

static inline bool weir_edits_are_empty(const struct weir_edits *edits)
{
    return edits->n_remove + edits->n_set + edits->n_add == 0;
}

/* Does any line hold this variable? */
bool weir_edits_use(const struct weir_edits *edits, enum weir_variable variable);

/* Is a field of this name meant by PATTERN? Letters are the same in any case, and `_` is `-`; a `*`
 * at PATTERN's end stands for any rest. */
bool weir_edit_name_has(const char *pattern, struct weir_slice name);

/* May fields of this name, or beginning with it if it ends in `*`, be removed? Fails: false, WHY
 * says what is wrong. */
bool weir_edits_check_removal(const char *name, enum weir_edit_side side, struct weir_why *why);

/* Reads a line; IS_ADDED: beside what is there, not in its place.
 * Fails: false, WHY says what is wrong, or is empty when the arena is exhausted. */
bool weir_edits_read_line(struct weir_arena *arena, const char *name, const char *value,
                          enum weir_edit_side side, bool is_added, struct weir_edit *edit,
                          struct weir_why *why);

#endif
