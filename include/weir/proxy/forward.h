/* Heads as they are sent on: what is removed, replaced and added. Untouched lines travel as they
 * came; framing is always written here, from what was understood. Pure. */
#ifndef WEIR_PROXY_FORWARD_H
#define WEIR_PROXY_FORWARD_H

#include "weir/base/gather.h"
#include "weir/config/config.h"
#include "weir/http/message.h"
#include "weir/proxy/editor.h"

struct weir_forward_request {
    const struct weir_head *head;
    const char *base;
    const struct weir_request *request;
    enum weir_forwarded forwarded;
    bool peer_is_trusted;
    bool is_secure;          /* the request came over TLS */
    const char *peer_host;   /* the client's address as text, without port */
    const char *server_name; /* stands in for Host where an HTTP/1.0 client gave none */
    const char *request_id;  /* in place of what came; NULL: X-Request-Id is a field like others */
    const struct weir_editor *editor; /* NULL: nothing is edited */
};

void weir_forward_request(struct weir_gather *out, const struct weir_forward_request *forward);

struct weir_forward_response {
    const struct weir_head *head;
    const char *base;
    struct weir_framing framing; /* as the client will get it */
    bool client_is_http10;
    bool keeps_client;
    bool has_options;                 /* of struct weir_response */
    const struct weir_editor *editor; /* NULL: nothing is edited */
};

void weir_forward_response(struct weir_gather *out, const struct weir_forward_response *forward);

/* An interim answer (1xx). Of the edits only what they drop counts. */
void weir_forward_interim(struct weir_gather *out, const struct weir_head *head, const char *base,
                          const struct weir_editor *editor);

/* A 101 that weir_upgrade_is_answered has found right. */
void weir_forward_switch(struct weir_gather *out, const struct weir_head *head, const char *base,
                         const struct weir_editor *editor);

/* The fields of a trailer section that may go on; without the empty line. EDITS: may be NULL; of
 * them, only what they drop counts here. */
void weir_forward_trailers(struct weir_gather *out, const struct weir_head *head, const char *base,
                           const struct weir_edits *edits);

/* How an answer with this framing reaches a client of this version. */
struct weir_framing weir_forward_framing(struct weir_framing source, bool client_is_http10);

#endif
