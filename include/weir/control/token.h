/* The admin token: what a POST must show. */
#ifndef WEIR_CONTROL_TOKEN_H
#define WEIR_CONTROL_TOKEN_H

#include "weir/base/slice.h"

/* Reads the token from a file: its content without the blanks and line ends behind it, visible
 * ASCII. Warns in the log when everybody may read the file. Owns: the caller, to free. Blocks: on
 * the disk. Fails: NULL, and FAULT is a line for people. */
char *weir_token_load(const char *path, char *fault, size_t fault_size);

/* Is the value of an Authorization field `Bearer` and this token? How long it takes depends only on
 * the value. Pure. Source: RFC 6750 section 2.1. */
bool weir_token_is_shown(const char *token, struct weir_slice authorization);

#endif
