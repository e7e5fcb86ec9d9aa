#include "weir/control/command.h"

static const char *const pool_verbs[] = {
#define NAME(name) #name,
    WEIR_POOL_COMMANDS(NAME)
#undef NAME
};
static const char *const server_verbs[] = {
#define NAME(name) #name,
    WEIR_SERVER_COMMANDS(NAME)
#undef NAME
};

/* Takes "/SEGMENT" off the front of *path. */
static bool next_segment(struct weir_slice *path, struct weir_slice *segment)
{
    size_t len = 0;

    if (path->len == 0 || path->data[0] != '/')
        return false;
    while (1 + len < path->len && path->data[1 + len] != '/')
        len++;
    *segment = weir_slice_make(path->data + 1, len);
    *path = weir_slice_make(path->data + 1 + len, path->len - 1 - len);
    return len > 0;
}

static int digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool weir_order_decode(struct weir_slice segment, char name[WEIR_ORDER_NAME_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < segment.len; i++) {
        int c = (unsigned char)segment.data[i];
        if (c == '%') {
            int high = i + 2 < segment.len ? digit(segment.data[i + 1]) : -1;
            int low = i + 2 < segment.len ? digit(segment.data[i + 2]) : -1;
            c = high < 0 || low < 0 ? 0 : high << 4 | low;
            i += 2;
        }
        if (c == 0 || n + 1 == WEIR_ORDER_NAME_MAX)
            return false;
        name[n++] = (char)c;
    }
    name[n] = '\0';
    return true;
}

static bool find_verb(const char *const *verbs, size_t n, struct weir_slice verb, unsigned base,
                      enum weir_command_kind *kind)
{
    for (size_t i = 0; i < n; i++) {
        if (!weir_slice_is(verb, verbs[i]))
            continue;
        *kind = (enum weir_command_kind)(base + i);
        return true;
    }
    return false;
}

bool weir_order_parse(struct weir_order *order, struct weir_slice path)
{
    struct weir_slice segment, address;

    if (!next_segment(&path, &segment) || !weir_slice_is(segment, "pools") ||
        !next_segment(&path, &segment) || !weir_order_decode(segment, order->pool) ||
        !next_segment(&path, &segment))
        return false;
    order->server[0] = '\0';
    if (path.len == 0)
        return find_verb(pool_verbs, sizeof(pool_verbs) / sizeof(*pool_verbs), segment,
                         WEIR_COMMAND_pause, &order->kind);
    return weir_slice_is(segment, "servers") && next_segment(&path, &address) &&
           weir_order_decode(address, order->server) && next_segment(&path, &segment) &&
           path.len == 0 &&
           find_verb(server_verbs, sizeof(server_verbs) / sizeof(*server_verbs), segment,
                     WEIR_COMMAND_server_up, &order->kind);
}
