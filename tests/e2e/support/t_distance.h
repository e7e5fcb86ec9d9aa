/* A place that is far away: two network namespaces, joined by two TUN devices and a thread that
 * holds each packet back. The kernels on both sides see a path with a real round trip: what one has
 * sent, the other does not know of yet. (A relay of bytes would acknowledge for the far side.) */
#ifndef WEIR_E2E_T_DISTANCE_H
#define WEIR_E2E_T_DISTANCE_H

#include "t_base.h"

#include <pthread.h>

#define T_FAR_HOST "10.77.0.2"

struct t_lane; /* the packets under way in one direction */

struct t_distance {
    int near, far; /* descriptors of the namespaces */
    int stop;      /* eventfd */
    struct t_lane *lanes[2];
    pthread_t thread;
};

/* Moves the test's main thread, and so whatever it starts from now on, into a namespace of its own,
 * with a loopback, from which the far one is reached at T_FAR_HOST; each packet takes ONE_WAY_US.
 * Returns null, or why this host does not permit it: then skip, and say so. Both namespaces end
 * with the test. Thread: main, once, before anything else is started. */
const char *t_distance_open(struct t_distance *distance, unsigned one_way_us);

/* Ends the thread: from now on nothing arrives. */
void t_distance_close(struct t_distance *distance);

/* A socket that listens on PORT over there. */
int t_distance_listen(struct t_distance *distance, int port);
#define t_distance_listen(...) T_AT((t_distance_listen)(__VA_ARGS__))

/* A figure of the far kernel's TcpExt (/proc/net/netstat), like "TCPAbortOnData": data that came
 * for a socket that had been closed. */
int64_t t_distance_figure(struct t_distance *distance, const char *name);
#define t_distance_figure(...) T_AT((t_distance_figure)(__VA_ARGS__))

#endif
