#include "weir/net/announce.h"

#include <errno.h>

ssize_t weir_announce_write(struct weir_stream *stream, enum weir_proxy_version version,
                            const struct weir_address *source,
                            const struct weir_address *destination)
{
    char text[WEIR_PROXY_WRITTEN_BYTES_MAX];
    struct weir_gather out;
    size_t len;
    ssize_t n;

    if (version == WEIR_PROXY_OFF)
        return 0;
    len = weir_proxy_protocol_write(version, source, destination, text);
    weir_gather_init(&out);
    weir_gather_add(&out, weir_slice_make(text, len));
    n = weir_stream_write(stream, &out);
    weir_gather_clear(&out);
    if (n == (ssize_t)len)
        return n;
    /* There is room for so little in the buffer of any new socket. */
    return n < 0 && n != WEIR_STREAM_PAUSED ? n : -ENOBUFS;
}
