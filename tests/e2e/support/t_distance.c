/* Namespaces, TUN devices, and the thread between them. */
#define T_HARNESS
#include "t_distance.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PACKETS = 4096, PACKET_BYTES = 1500, BACKLOG = 1024 };

struct packet {
    int64_t due_ns;
    size_t len;
    char data[PACKET_BYTES];
};

/* A ring, in the order of arrival, which is that of departure: all are held equally long. */
struct t_lane {
    int from, to;
    int64_t held_ns;
    unsigned first, count;
    struct packet packets[PACKETS];
};

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- the thread --- */

static void lane_take(struct t_lane *lane)
{
    while (lane->count < PACKETS) {
        struct packet *packet = &lane->packets[(lane->first + lane->count) % PACKETS];
        ssize_t got = read(lane->from, packet->data, sizeof(packet->data));
        if (got <= 0)
            return;
        packet->len = (size_t)got;
        packet->due_ns = now_ns() + lane->held_ns;
        lane->count++;
    }
}

/* Lets go of all that is due. Returns how long until the next is; -1: there is none. */
static int64_t lane_give(struct t_lane *lane)
{
    while (lane->count > 0) {
        struct packet *packet = &lane->packets[lane->first];
        int64_t left_ns = packet->due_ns - now_ns();
        if (left_ns > 0)
            return left_ns;
        /* One that the other side has no room for is lost, as on any path. */
        if (write(lane->to, packet->data, packet->len) < 0 && errno == EINTR)
            continue;
        lane->first = (lane->first + 1) % PACKETS;
        lane->count--;
    }
    return -1;
}

static void *carry(void *user)
{
    struct t_distance *distance = user;
    struct pollfd polls[3] = {{.fd = distance->lanes[0]->from, .events = POLLIN},
                              {.fd = distance->lanes[1]->from, .events = POLLIN},
                              {.fd = distance->stop, .events = POLLIN}};
    prctl(PR_SET_TIMERSLACK, 1000);
    setpriority(PRIO_PROCESS, (id_t)gettid(), -20); /* a busy machine brings nothing nearer */
    while (!(polls[2].revents & POLLIN)) {
        int64_t wait_ns = -1;
        for (int i = 0; i < 2; i++) {
            if (polls[i].revents)
                lane_take(distance->lanes[i]);
            int64_t left_ns = lane_give(distance->lanes[i]);
            if (left_ns >= 0 && (wait_ns < 0 || left_ns < wait_ns))
                wait_ns = left_ns;
        }
        struct timespec wait = {wait_ns / 1000000000, wait_ns % 1000000000};
        if (ppoll(polls, 3, wait_ns >= 0 ? &wait : NULL, NULL) < 0)
            polls[0].revents = polls[1].revents = polls[2].revents = 0;
    }
    return NULL;
}

/* --- the namespaces --- */

static bool set_up(int control, const char *name, const char *address)
{
    struct ifreq request = {.ifr_flags = 0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (address) {
        inet_pton(AF_INET, address, &in.sin_addr);
        memcpy(&request.ifr_addr, &in, sizeof(in));
        if (ioctl(control, SIOCSIFADDR, &request) != 0)
            return false;
        inet_pton(AF_INET, "255.255.255.0", &in.sin_addr);
        memcpy(&request.ifr_netmask, &in, sizeof(in));
        if (ioctl(control, SIOCSIFNETMASK, &request) != 0)
            return false;
        request.ifr_qlen = PACKETS;
        if (ioctl(control, SIOCSIFTXQLEN, &request) != 0)
            return false;
    }
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    return ioctl(control, SIOCSIFFLAGS, &request) == 0;
}

/* A new namespace for this thread, with a loopback and a TUN device. Returns the namespace's
 * descriptor, or -1 and errno. */
static int make_namespace(const char *address, int *tun)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    *tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    snprintf(request.ifr_name, sizeof(request.ifr_name), "far0");
    bool done = control >= 0 && *tun >= 0 && ioctl(*tun, TUNSETIFF, &request) == 0 &&
                set_up(control, "lo", NULL) && set_up(control, "far0", address);
    int error = errno;
    if (control >= 0)
        close(control);
    errno = error;
    return done ? open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
}

static struct t_lane *make_lane(int from, int to, unsigned held_us)
{
    struct t_lane *lane = t_alloc(sizeof(*lane));
    lane->from = from;
    lane->to = to;
    lane->held_ns = (int64_t)held_us * 1000;
    return lane;
}

const char *t_distance_open(struct t_distance *distance, unsigned one_way_us)
{
    int near_tun, far_tun;
    distance->far = make_namespace(T_FAR_HOST, &far_tun);
    if (distance->far < 0)
        return t_text("no network namespace with a TUN device: %s", strerror(errno));
    distance->near = make_namespace("10.77.0.1", &near_tun);
    if (distance->near < 0)
        t_fail("a first namespace could be made, a second could not: %s", strerror(errno));
    distance->lanes[0] = make_lane(near_tun, far_tun, one_way_us);
    distance->lanes[1] = make_lane(far_tun, near_tun, one_way_us);
    distance->stop = eventfd(0, EFD_CLOEXEC);
    if (distance->stop < 0 || pthread_create(&distance->thread, NULL, carry, distance) != 0)
        t_fail("cannot start the thread that carries packets");
    return NULL;
}

void t_distance_close(struct t_distance *distance)
{
    eventfd_write(distance->stop, 1);
    pthread_join(distance->thread, NULL);
    for (int i = 0; i < 2; i++)
        close(distance->lanes[i]->from);
    close(distance->stop);
    close(distance->near);
    close(distance->far);
}

static void go(int namespace)
{
    if (setns(namespace, CLONE_NEWNET) != 0)
        t_fail("cannot change the network namespace: %s", strerror(errno));
}

int t_distance_listen(struct t_distance *distance, int port)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    go(distance->far);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&any, sizeof(any)) != 0 ||
        listen(listener, BACKLOG) != 0)
        t_fail("cannot listen far away: %s", strerror(errno));
    go(distance->near);
    return listener;
}

/* The file is pairs of lines: names, then values, each after the group's name. */
int64_t t_distance_figure(struct t_distance *distance, const char *name)
{
    static char names[16384], values[16384];
    int64_t figure = -1;
    go(distance->far);
    FILE *file = fopen("/proc/thread-self/net/netstat", "re");
    if (!file)
        t_fail("cannot read /proc/net/netstat: %s", strerror(errno));
    while (figure < 0 && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
        char *rest_of_names, *rest_of_values;
        char *at = strtok_r(names, " \n", &rest_of_names);
        char *value = strtok_r(values, " \n", &rest_of_values);
        while (at && value && strcmp(at, name) != 0) {
            at = strtok_r(NULL, " \n", &rest_of_names);
            value = strtok_r(NULL, " \n", &rest_of_values);
        }
        if (at && value)
            figure = strtoll(value, NULL, 10);
    }
    fclose(file);
    go(distance->near);
    return figure;
}
