/* Texts that must have a form: names, host patterns, path prefixes, addresses, log targets. Pure.
 *
 * Fails: false, and WHY says what is wrong and what would be right. */
#ifndef WEIR_CONFIG_TEXTS_H
#define WEIR_CONFIG_TEXTS_H

#include "weir/config/schema.h"
#include "weir/net/address.h"

#include <stdbool.h>

/* The name of a listener or a pool. */
bool weir_texts_check_name(const char *text, struct weir_why *why);

/* A text row's value; ADDRESS has its own below. */
bool weir_texts_check(const struct weir_schema_row *row, const char *text, struct weir_why *why);

/* An address as the row wants it. *endpoint is cleared on failure. */
bool weir_texts_read_endpoint(const struct weir_schema_row *row, const char *text,
                              struct weir_endpoint *endpoint, struct weir_why *why);

/* An address to connect from. *source is cleared on failure. */
bool weir_texts_read_source(const char *text, struct weir_address *source, struct weir_why *why);

bool weir_texts_read_network(const char *text, struct weir_network *network, struct weir_why *why);

#endif
