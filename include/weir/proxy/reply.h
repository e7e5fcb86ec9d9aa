/* weir's own answers. */
#ifndef WEIR_PROXY_REPLY_H
#define WEIR_PROXY_REPLY_H

#include "weir/base/error.h"
#include "weir/base/gather.h"
#include "weir/proxy/editor.h"

#include <stdbool.h>

struct weir_reply {
    enum weir_error error; /* it has a status */
    bool has_no_body;      /* the answer to a HEAD, which has the same head */
    bool keeps_client;
    bool client_is_http10;
    const struct weir_editor *editor; /* NULL: nothing is edited */
};

/* Writes the whole answer: a short text that says which error it was. Returns the bytes of its
 * body. */
size_t weir_reply_write(struct weir_gather *out, const struct weir_reply *reply);

#endif
