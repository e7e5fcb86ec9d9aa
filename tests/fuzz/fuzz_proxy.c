/* Any bytes as a PROXY header: what is read of them is within its bounds and the same however they
 * come in pieces, and what weir writes of it reads back. */
#include "weir/base/assert.h"
#include "weir/net/proxy_protocol.h"

#include <stdlib.h>
#include <string.h>

enum { CUTS_MAX = 256 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_written(const struct weir_proxy_header *header, enum weir_proxy_version version)
{
    char text[WEIR_PROXY_WRITTEN_BYTES_MAX];
    struct weir_proxy_header again;
    const char *reason;
    size_t used,
        len = weir_proxy_protocol_write(version, &header->source, &header->destination, text);

    WEIR_ASSERT(len <= sizeof(text));
    WEIR_ASSERT(weir_proxy_protocol_read(text, len, &again, &used, &reason) == WEIR_PROXY_DONE);
    WEIR_ASSERT(used == len);
    if (header->source.any.sa_family == AF_UNIX) {
        WEIR_ASSERT(again.subject == WEIR_PROXY_UNTOLD);
        return;
    }
    WEIR_ASSERT(again.subject == WEIR_PROXY_CLIENT);
    WEIR_ASSERT(weir_address_is_equal(&again.source, &header->source));
    WEIR_ASSERT(weir_address_is_equal(&again.destination, &header->destination));
}

/* The first LEN bytes of what is a header, or may become one, are not yet one. In a copy, so that a
 * byte read behind them shows. */
static void check_cut(const char *data, size_t len)
{
    struct weir_proxy_header header;
    const char *reason;
    size_t used;
    char *copy = malloc(len > 0 ? len : 1);

    WEIR_ASSERT(copy);
    memcpy(copy, data, len);
    WEIR_ASSERT(weir_proxy_protocol_read(copy, len, &header, &used, &reason) == WEIR_PROXY_MORE);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct weir_proxy_header header;
    const char *reason = NULL;
    size_t used = 0;
    enum weir_proxy_verdict verdict = weir_proxy_protocol_read(text, size, &header, &used, &reason);

    switch (verdict) {
    case WEIR_PROXY_BAD:
        WEIR_ASSERT(reason);
        break;
    case WEIR_PROXY_MORE:
        WEIR_ASSERT(size < WEIR_PROXY_BYTES_MAX);
        for (size_t len = 0; len < size && len < CUTS_MAX; len++)
            check_cut(text, len);
        break;
    default:
        WEIR_ASSERT(used <= size && used <= WEIR_PROXY_BYTES_MAX);
        for (size_t len = 0; len < used && len < CUTS_MAX; len++)
            check_cut(text, len);
        if (header.subject == WEIR_PROXY_CLIENT) {
            check_written(&header, WEIR_PROXY_V1);
            check_written(&header, WEIR_PROXY_V2);
        }
        break;
    }
    return 0;
}
