/* A network namespace of the test's own: loopback alone, and the kernel's settings for it;
 * or a kernel that tells nothing. */
#ifndef WEIR_E2E_T_NETNS_H
#define WEIR_E2E_T_NETNS_H

#include "t_base.h"

/* Moves the test's thread, and what it starts from now on, into a namespace with 127.0.0.0/8 and
 * ::1. To be called before anything else. Skips the test where that is not permitted. */
void t_netns_enter(void);
#define t_netns_enter(...) T_AT((t_netns_enter)(__VA_ARGS__))

/* Writes VALUE to /proc/sys/net/NAME of the namespace. */
void t_netns_set(const char *name, const char *value);
#define t_netns_set(...) T_AT((t_netns_set)(__VA_ARGS__))

/* Gives loopback one IPv6 address more. */
void t_netns_add_ipv6(const char *address);
#define t_netns_add_ipv6(...) T_AT((t_netns_add_ipv6)(__VA_ARGS__))

/* What the test starts may not open datagram sockets of netlink; its own are raw ones. Skips the
 * test where that can't be had. */
void t_netlink_refuse(void);
#define t_netlink_refuse(...) T_AT((t_netlink_refuse)(__VA_ARGS__))

#endif
