/* Commands on pools and servers: what the path of a POST asks for, and how it is carried out. */
#ifndef WEIR_CONTROL_COMMAND_H
#define WEIR_CONTROL_COMMAND_H

#include "weir/control/control.h"

/*   name in C, and in the path */
#define WEIR_POOL_COMMANDS(X) X(pause) X(resume) X(reconnect) X(flush)
#define WEIR_SERVER_COMMANDS(X) X(up) X(drain) X(down)

enum weir_command_kind {
#define WEIR_COMMAND_ROW(name) WEIR_COMMAND_##name,
    WEIR_POOL_COMMANDS(WEIR_COMMAND_ROW)
#undef WEIR_COMMAND_ROW
#define WEIR_COMMAND_ROW(name) WEIR_COMMAND_server_##name,
        WEIR_SERVER_COMMANDS(WEIR_COMMAND_ROW)
#undef WEIR_COMMAND_ROW
};

enum { WEIR_ORDER_NAME_MAX = 300 };

/* What a path asks for. */
struct weir_order {
    enum weir_command_kind kind;
    char pool[WEIR_ORDER_NAME_MAX], server[WEIR_ORDER_NAME_MAX]; /* percent-decoded */
};

/* Decodes %XX (RFC 3986 section 2.1). False: that is no name. Pure. */
bool weir_order_decode(struct weir_slice segment, char name[WEIR_ORDER_NAME_MAX]);

/* Reads `/pools/NAME/pause` or `/pools/NAME/servers/ADDRESS/up` and their like. False: it is none
 * of them. Pure. */
bool weir_order_parse(struct weir_order *order, struct weir_slice path);

/* What came of it, for people. */
struct weir_outcome {
    unsigned status; /* of HTTP */
    char text[256];  /* a line */
};

struct weir_command;

/* Who wants to hear of it. */
struct weir_command_events {
    void (*on_done)(void *owner, const struct weir_outcome *outcome);
};

/* Carries ORDER out. on_done follows, once every worker has done its part, and of a pause once no
 * connection is left. Never calls it itself. Fails: NULL, and *outcome says why. */
struct weir_command *weir_command_begin(struct weir_control *control,
                                        const struct weir_order *order,
                                        const struct weir_command_events *events, void *owner,
                                        struct weir_outcome *outcome);

/* Nobody wants to hear of it any more; what it has set in motion stays. on_done does not come. */
void weir_command_abandon(struct weir_command *command);

#endif
