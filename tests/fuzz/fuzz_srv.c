/* Any bytes as a name server's answer: what is read of them is within its bounds, and the same
 * whatever room there is for more. */
#include "weir/base/assert.h"
#include "weir/net/srv.h"

#include <string.h>

enum { ROOM = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct weir_srv *record)
{
    size_t len = strnlen(record->target, sizeof(record->target));

    WEIR_ASSERT(len > 0 && len <= WEIR_SRV_TARGET_MAX);
    WEIR_ASSERT(strspn(record->target, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len);
    WEIR_ASSERT(record->target[0] != '.' && record->target[len - 1] != '.');
    WEIR_ASSERT(record->port > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_srv records[ROOM], first;
    uint64_t ttl_s, ttl_again_s;
    size_t n, n_again;
    bool is_valid = weir_srv_parse(data, size, records, ROOM, &n, &ttl_s);

    WEIR_ASSERT(n <= ROOM && ttl_s <= INT32_MAX);
    for (size_t i = 0; i < n; i++)
        check(&records[i]);
    if (!is_valid)
        return 0;
    WEIR_ASSERT(weir_srv_parse(data, size, &first, 1, &n_again, &ttl_again_s));
    WEIR_ASSERT(n_again == (n > 0) && ttl_again_s == ttl_s);
    WEIR_ASSERT(n == 0 || strcmp(first.target, records[0].target) == 0);
    return 0;
}
