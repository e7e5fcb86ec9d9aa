/* Malformed answers, by name. The connection stays open after them (unless connection=close), so
 * that it is the peer who must notice; only http09 needs the end to be an answer at all. */
#ifndef WEIR_BENCH_ORIGIN_BAD_H
#define WEIR_BENCH_ORIGIN_BAD_H

#include "origin_out.h"

#include <stdbool.h>
#include <stdio.h>

/* The number of that answer, 0 for "none". Fails: -1. */
int origin_bad_find(const char *name);

/* Appends it. Returns whether the connection must be closed then. */
bool origin_bad_write(int bad, struct origin_out *out);

/* Prints the names, one a line, for --help. */
void origin_bad_help(FILE *file);

#endif
