/* weir's own answers. */
#ifndef WEIR_PROXY_REPLY_H
#define WEIR_PROXY_REPLY_H

#include "weir/base/error.h"
#include "weir/base/gather.h"

#include <stdbool.h>

/* Writes the whole answer for ERROR, which has a status: a short text that says which it was.
 * NO_BODY: the answer to a HEAD, which has the same head. Returns the bytes of its body. */
size_t weir_reply_write(struct weir_gather *out, enum weir_error error, bool no_body,
                        bool keeps_client, bool client_is_http10);

#endif
