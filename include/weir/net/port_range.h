/* How many local ports the kernel has to give away. */
#ifndef WEIR_NET_PORT_RANGE_H
#define WEIR_NET_PORT_RANGE_H

#include <stdbool.h>

/* Counts the ports of RANGE (the text of net.ipv4.ip_local_port_range) that are not in RESERVED
 * (net.ipv4.ip_local_reserved_ports). IPv6 has the same ports. Pure. Source: ip-sysctl in Linux's
 * documentation. Fails: false, one of the texts is not as it should be. */
bool weir_port_range_count(const char *range, const char *reserved, unsigned *ports);

/* The same of this network namespace's settings. Blocks: on procfs. Fails: false. */
bool weir_port_range_read(unsigned *ports);

#endif
