/* Source: network_namespaces(7), netdevice(7); linux/ipv6.h for struct in6_ifreq. */
#define T_HARNESS
#include "t_netns.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define LOOPBACK "lo"

struct ipv6_request {
    struct in6_addr address;
    uint32_t prefix_len;
    int interface;
};

static bool bring_up(void)
{
    struct ifreq request = {.ifr_name = LOOPBACK, .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool is_up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;

    if (fd >= 0)
        close(fd);
    return is_up;
}

static bool write_setting(const char *name, const char *value)
{
    int fd = open(t_text("/proc/sys/net/%s", name), O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, value, strlen(value)) == (ssize_t)strlen(value);

    if (fd >= 0)
        close(fd);
    return is_written;
}

void(t_netns_enter)(void)
{
    if (unshare(CLONE_NEWNET) != 0)
        cr_skip_test("no network namespace of its own: %s", strerror(errno));
    if (!bring_up() || !write_setting("ipv4/ip_local_port_range", "32768 60999"))
        cr_skip_test("its network namespace cannot be set up: %s", strerror(errno));
}

void(t_netns_set)(const char *name, const char *value)
{
    if (!write_setting(name, value))
        t_fail("cannot write \"%s\" to /proc/sys/net/%s: %s", value, name, strerror(errno));
}

void(t_netns_add_ipv6)(const char *address)
{
    struct ipv6_request request = {.prefix_len = 128, .interface = (int)if_nametoindex(LOOPBACK)};
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (inet_pton(AF_INET6, address, &request.address) != 1 || fd < 0 ||
        ioctl(fd, SIOCSIFADDR, &request) != 0)
        t_fail("cannot give loopback %s: %s", address, strerror(errno));
    close(fd);
}
