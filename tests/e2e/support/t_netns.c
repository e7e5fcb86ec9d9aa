/* Source: network_namespaces(7), netdevice(7), seccomp(2); linux/ipv6.h for struct in6_ifreq. */
#define T_HARNESS
#include "t_netns.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

void(t_netlink_refuse)(void)
{
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 6),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_DGRAM, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog all = {.len = sizeof(program) / sizeof(*program), .filter = program};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &all, 0, 0) != 0)
        cr_skip_test("no seccomp: %s", strerror(errno));
}
