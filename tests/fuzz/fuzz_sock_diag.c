/* Netlink answers: whatever comes, no more is told of than fits in, and the end is an end. */
#include "weir/base/assert.h"
#include "weir/net/sock_diag.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

static void count(void *owner, const struct weir_sock *sock)
{
    WEIR_ASSERT(sock->state > 0 && sock->state < WEIR_TCP_STATE_LIMIT);
    (*(size_t *)owner)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *bytes = malloc(size > 0 ? size : 1); /* aligned, and no longer than it is */
    struct weir_dump dump = {.step = ""};
    size_t n = 0;
    int result;

    if (!bytes)
        return 0;
    if (size > 0)
        memcpy(bytes, data, size);
    result = weir_sock_diag_parse(bytes, size, 2, count, &n, &dump);
    WEIR_ASSERT(result <= 1 && result >= -4095);
    WEIR_ASSERT(n <= size / NLMSG_LENGTH(sizeof(struct inet_diag_msg)));
    free(bytes);
    return 0;
}
