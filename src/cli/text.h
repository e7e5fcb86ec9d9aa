/* Text that came from elsewhere, made fit for a terminal. */
#ifndef WEIR_CLI_TEXT_H
#define WEIR_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Has the C library treat text as UTF-8, if it can. True: the user's terminal shows UTF-8. */
bool weir_text_init(void);

/* Makes one `?` of each character that may act on a terminal or that is none: control characters,
 * those that turn the direction of writing or take no place, bytes that are no UTF-8; with
 * IS_ASCII, of all that is not ASCII, too. In place. */
void weir_text_clean(char *text, bool is_ascii);

/* How many columns it takes. TEXT is clean. */
size_t weir_text_width(const char *text);

/* How many bytes of TEXT fit into so many columns. TEXT is clean. */
size_t weir_text_fit(const char *text, size_t columns);

#endif
