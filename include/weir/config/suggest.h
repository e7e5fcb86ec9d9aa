/* The nearest valid word to one that is not. Pure. */
#ifndef WEIR_CONFIG_SUGGEST_H
#define WEIR_CONFIG_SUGGEST_H

#include <stddef.h>

/* Words longer than this are never near anything. */
#define WEIR_SUGGEST_WORD_MAX 64

/* How many letters must be inserted, removed, replaced or swapped with their neighbour to make A
 * from B, without regard to case (Damerau-Levenshtein, each place edited once). LIMIT + 1 when it
 * is more than LIMIT. */
size_t weir_suggest_distance(const char *a, const char *b, size_t limit);

/* Keeps the nearest word seen so far: by distance, else the first of which the wrong word is the
 * beginning or the other way round. */
struct weir_suggest {
    const char *wrong;
    const char *nearest; /* NULL while nothing is near enough to be meant */
    size_t distance;
};

void weir_suggest_init(struct weir_suggest *suggest, const char *wrong);
void weir_suggest_try(struct weir_suggest *suggest, const char *word);

#endif
