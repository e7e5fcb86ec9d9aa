/* The table of all configuration keys: one row a key, which reads it, fills in its default, prints
 * it and describes it in the manual's reference. So the three cannot drift apart. */
#ifndef WEIR_CONFIG_SCHEMA_H
#define WEIR_CONFIG_SCHEMA_H

#include "weir/config/edits.h"
#include "weir/config/units.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a key holds, and which C type its field has. */
enum weir_schema_type {
    WEIR_SCHEMA_SECTION,     /* a mapping; its keys are fields of the same struct */
    WEIR_SCHEMA_NAMED,       /* a mapping from names of the user's to sections; an array of structs
                                whose first field is the name */
    WEIR_SCHEMA_SECTIONS,    /* a list of sections; an array of structs */
    WEIR_SCHEMA_DURATION,    /* uint64_t, milliseconds */
    WEIR_SCHEMA_SIZE,        /* uint64_t, bytes */
    WEIR_SCHEMA_NUMBER,      /* uint64_t */
    WEIR_SCHEMA_PERCENT,     /* uint64_t */
    WEIR_SCHEMA_MODE,        /* uint64_t, a file's */
    WEIR_SCHEMA_BOOL,        /* bool */
    WEIR_SCHEMA_WORD,        /* an enum */
    WEIR_SCHEMA_TEXT,        /* char *, as all texts */
    WEIR_SCHEMA_TARGET,      /* where a log goes: a word of the row or a path */
    WEIR_SCHEMA_FILE,        /* a path with a slash */
    WEIR_SCHEMA_HOST,        /* a host name or `*.` and one */
    WEIR_SCHEMA_SERVER_NAME, /* a host name or an IP address */
    WEIR_SCHEMA_PREFIX,      /* a path's beginning */
    WEIR_SCHEMA_ORIGIN,      /* a path, and a query or not */
    WEIR_SCHEMA_AUTHORITY,   /* a host, and a port or not */
    WEIR_SCHEMA_STATUSES,    /* statuses and ranges of them */
    WEIR_SCHEMA_POOL,        /* a pool's name */
    WEIR_SCHEMA_ADDRESS,     /* a text, and a struct weir_endpoint beside it */
    WEIR_SCHEMA_ADDRESSES,   /* char **, and an array of struct weir_endpoint */
    WEIR_SCHEMA_NETWORKS,    /* char **, and an array of struct weir_network */
    WEIR_SCHEMA_SOURCES,     /* char **, and an array of struct weir_address */
    WEIR_SCHEMA_REMOVALS,    /* char **: names of header fields */
    WEIR_SCHEMA_LINES        /* an array of struct weir_edit, from a mapping of names to values */
};

/* One value of a WORD or TARGET row. The last of an array has no name. */
struct weir_schema_word {
    const char *name;
    unsigned value;
};

struct weir_schema_row {
    unsigned depth; /* rows that follow and are deeper are this section's */
    const char *name;
    enum weir_schema_type type;
    const char *preset; /* the default as one would write it; NULL where there is none */
    bool has_field;
    size_t offset;        /* of the field, in the struct of the nearest NAMED or SECTIONS above;
                             a SECTION's is a bool: it was given */
    size_t parsed_offset; /* of what is kept beside an ADDRESS or a list's texts */
    size_t count_offset;  /* of an array's size_t */
    size_t element_bytes; /* NAMED, SECTIONS: of the struct */
    uint64_t min, max;    /* max 0: the type's own */
    const char *zero;     /* the word for 0 or NULL: `off` (then 0 may be written too) or `auto` */
    const struct weir_schema_word *words;
    enum weir_edit_side side; /* REMOVALS, LINES */
    bool is_added;            /* LINES: beside what is there */
    bool needs_host;          /* ADDRESS, ADDRESSES: `:PORT` will not do */
    bool is_portless;    /* ADDRESS: a name alone is taken, with port 0; the cross-check decides */
    bool is_required;    /* and not empty */
    const char *example; /* in hints */
    const char *pending; /* not landed: the subject and the verb of the sentence that says so */
    const char *help;
};

/* Ends with a row without a name. */
extern const struct weir_schema_row weir_schema[];

/* The keys of a section, NULL for the outermost; next is NULL behind the last. */
const struct weir_schema_row *weir_schema_first(const struct weir_schema_row *section);
const struct weir_schema_row *weir_schema_next(const struct weir_schema_row *row);

/* The key of this name among FIRST and those that follow it. Fails: NULL, and *nearest is the
 * likeliest one that was meant, or NULL. */
const struct weir_schema_row *weir_schema_find(const struct weir_schema_row *first,
                                               const char *name,
                                               const struct weir_schema_row **nearest);

/* DURATION to WORD. */
bool weir_schema_is_value(const struct weir_schema_row *row);
/* TEXT to ADDRESS. */
bool weir_schema_is_text(const struct weir_schema_row *row);

/* A value row's text as a number, checked against the row's limits and words.
 * Fails: false, WHY is set; see units.h. */
bool weir_schema_read(const struct weir_schema_row *row, const char *text, uint64_t *value,
                      struct weir_why *why);

/* The value as text that reads back to it; TEXT holds WEIR_UNITS_TEXT_MAX bytes. Returns TEXT. */
char *weir_schema_format(const struct weir_schema_row *row, uint64_t value, char *text);

/* A value row's field in the struct at BASE. */
void weir_schema_put(const struct weir_schema_row *row, void *base, uint64_t value);
uint64_t weir_schema_get(const struct weir_schema_row *row, const void *base);

/* Another field of the struct at BASE. */
void *weir_schema_field(void *base, size_t offset);
const void *weir_schema_const_field(const void *base, size_t offset);

/* Is this word of the row's one that switches off, in any of its spellings? */
bool weir_schema_is_zero_word(const struct weir_schema_row *row, const char *text);

/* The type for people: "a duration". */
const char *weir_schema_describe(const struct weir_schema_row *row);

/* Which values a row takes, for the manual: "duration, `off`". */
struct weir_why weir_schema_describe_values(const struct weir_schema_row *row);

#endif
