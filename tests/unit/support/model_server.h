/* A server of the model tests: a thread that accepts connections on the loopback, holds them, and
 * ends them when the other side does, or, if it is told to, at random. */
#ifndef WEIR_UNIT_MODEL_SERVER_H
#define WEIR_UNIT_MODEL_SERVER_H

#include "weir/net/address.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct model_server {
    struct weir_address address;
    int listener, epoll, stop;
    int end_every_ms; /* ends or talks on one of its connections so often; 0: never */
    pthread_t thread;
    atomic_uint_fast64_t accepted, ended;
};

/* Starts it. Returns 0 or -errno. */
int model_server_start(struct model_server *server, int end_every_ms);

void model_server_stop(struct model_server *server);

#endif
