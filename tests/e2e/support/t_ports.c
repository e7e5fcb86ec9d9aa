/* Ports that no other test has. */
#define T_HARNESS
#include "t_base.h"
#include "t_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PORT_FIRST = 20000, PORT_COUNT = 12000 };

/* The descriptors of the locks are never closed: they are the claim, and end with this process. */
static int claimed[256];
static int claimed_count;

/* Claims PORT against other test processes. Returns false when one of them has it. */
static bool port_lock(int port)
{
    char *dir = t_text("/tmp/weir-e2e-ports.%u", (unsigned)getuid());
    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        t_fail("cannot make %s: %s", dir, strerror(errno));
    int fd = open(t_text("%s/%d", dir, port), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        t_fail("cannot open a lock file in %s: %s", dir, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return false;
    }
    if (claimed_count == (int)(sizeof(claimed) / sizeof(claimed[0])))
        t_fail("too many ports for one test");
    claimed[claimed_count++] = fd;
    return true;
}

/* Can it be bound, on both families, by one who does not share it? */
static bool port_is_bindable(int port)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    bool bound = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof(any)) == 0 &&
                 listen(fd, 1) == 0;
    if (fd >= 0)
        close(fd);
    return bound;
}

int(t_free_port)(void)
{
    static bool used[65536];
    memset(used, 0, sizeof(used));
    t_tcp_ports_used(used);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    unsigned start = (unsigned)now.tv_nsec / 1000 + (unsigned)getpid() * 7919;
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        int port = PORT_FIRST + (int)((start + i) % PORT_COUNT);
        if (!used[port] && port_lock(port)) {
            if (port_is_bindable(port))
                return port;
        }
    }
    t_fail("no free port from %d to %d", PORT_FIRST, PORT_FIRST + PORT_COUNT - 1);
}
