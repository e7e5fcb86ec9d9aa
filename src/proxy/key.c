#include "weir/proxy/key.h"

#include "weir/base/hash.h"

uint64_t weir_key_of_source(const struct weir_address *peer)
{
    uint8_t bytes[16] = {0};

    /* Peers of a Unix socket have no address, and are all one. */
    (void)weir_address_to_mapped(peer, bytes);
    return weir_hash(weir_slice_make((const char *)bytes, sizeof(bytes)));
}

uint64_t weir_key_of_host(const struct weir_request *request)
{
    return weir_hash_like(weir_authority_host(request->authority));
}

uint64_t weir_key_of_path(const struct weir_request *request)
{
    return weir_hash(request->path);
}
