/* What the admin endpoint answers, apart from the connections it answers on. Thread: control. */
#ifndef WEIR_CONTROL_ADMIN_H
#define WEIR_CONTROL_ADMIN_H

#include "weir/control/command.h"
#include "weir/http/message.h"

struct weir_answer {
    unsigned status;
    const char *type;   /* of the body */
    const char *fields; /* more lines, each with its end */
    const char *body;
    char *owned; /* the body, when it is to be freed once it is sent */
};

/* What a request comes to. */
enum weir_action {
    WEIR_ACTION_ANSWER, /* nothing: the answer stands */
    WEIR_ACTION_RELOAD,
    WEIR_ACTION_TRY, /* whether a reload would succeed */
    WEIR_ACTION_DRAIN,
    WEIR_ACTION_LIST,   /* the connections */
    WEIR_ACTION_COMMAND /* on a pool or server */
};

/* How a request came in. */
enum weir_admin_way {
    WEIR_ADMIN_BY_NETWORK,
    WEIR_ADMIN_BY_LOOPBACK, /* to an address that only this host has */
    WEIR_ADMIN_BY_UNIX      /* past a file's mode, and from no browser */
};

/* Looks at a complete head: either *answer is filled in, or the request may do what the action says
 * (what changes something is a POST and has shown the token, or came by a Unix socket where none is
 * set), and *order is filled in for COMMAND. */
enum weir_action weir_admin_route(struct weir_control *control, const struct weir_request *request,
                                  const struct weir_head *head, const char *base,
                                  enum weir_admin_way way, struct weir_order *order,
                                  struct weir_answer *answer);

/* Can a page of somebody else's not have made a browser send this Host to a loopback address? True
 * for literal addresses, names without a dot, and what ends in `.localhost`: none of these can a
 * stranger have in the DNS. Pure. */
bool weir_admin_is_own_host(struct weir_slice host);

struct weir_answer weir_admin_reload(struct weir_control *control);
struct weir_answer weir_admin_try(struct weir_control *control);
struct weir_answer weir_admin_drain(struct weir_control *control);

/* JSON, or with NULL that memory ran out. Owns: TEXT. */
struct weir_answer weir_answer_json(char *text);
/* A line of text, copied. */
struct weir_answer weir_answer_copy(unsigned status, const char *text);
/* A line of text that lasts. */
struct weir_answer weir_answer_line(unsigned status, const char *text);

/* The words of a status line (RFC 9110 section 15). */
const char *weir_status_reason(unsigned status);

#endif
