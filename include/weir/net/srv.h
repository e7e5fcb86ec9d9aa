/* SRV records as a name server answers them. Pure: nothing here waits, and no answer, however
 * made, is read beyond its end or for longer than its length.
 * Source: RFC 1035 section 4.1 (messages), RFC 2782 (SRV). */
#ifndef WEIR_NET_SRV_H
#define WEIR_NET_SRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WEIR_SRV_TARGET_MAX = 255 };

struct weir_srv {
    char target[WEIR_SRV_TARGET_MAX + 1]; /* a host name, lower case, without a dot at the end */
    uint16_t port, priority, weight;
};

/* Reads the SRV records in the answer section of the whole message of LEN bytes into RECORDS, N_MAX
 * at most; *n gets how many, *ttl_s the least TTL of these and of the aliases before them. A target
 * `.` says that there is no such service, port 0 leads nowhere, and what is no host name can't be
 * looked up: such records are left out.
 * Fails: false, the message is cut short or not valid. */
bool weir_srv_parse(const uint8_t *message, size_t len, struct weir_srv *records, size_t n_max,
                    size_t *n, uint64_t *ttl_s);

#endif
