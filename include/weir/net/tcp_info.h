/* What the kernel knows of one TCP connection. */
#ifndef WEIR_NET_TCP_INFO_H
#define WEIR_NET_TCP_INFO_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes that the peer has acknowledged on this connection. On a connection that we opened the
 * kernel's tcpi_bytes_acked (RFC 4898 tcpEStatsAppHCThruOctetsAcked) counts our SYN as one; here it
 * is taken off. Works on a connection that has ended too, as long as the descriptor is open.
 * Fails: false, also on kernels before 4.1. */
bool weir_tcp_bytes_acked(int fd, uint64_t *bytes);

/* The smoothed round-trip time (tcpi_rtt), or -1 when there is none yet. */
int64_t weir_tcp_rtt_us(int fd);

#endif
