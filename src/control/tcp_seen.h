/* What tcp_states.c has seen and tcp_facts.c tells. */
#ifndef WEIR_CONTROL_TCP_SEEN_H
#define WEIR_CONTROL_TCP_SEEN_H

#include "weir/control/tcp_states.h"

struct weir_tcp_states {
    struct weir_tcp_tally *tally;      /* NULL: nothing is known */
    unsigned revision;                 /* of the generation that it was made for */
    unsigned local_ports;              /* that the kernel gives away; 0: not known */
    uint64_t again_ms, hosts_again_ms; /* before then nothing is looked for again */
    struct weir_sock_end *hosts;       /* this host's addresses, port 0 */
    size_t n_hosts;
    int told; /* the last cause that the log has been told of, -errno */
};

/* Was it seen in these last seconds? */
bool weir_tcp_is_fresh(const struct weir_tcp_states *states);

bool weir_tcp_is_of_this_host(const struct weir_tcp_states *states,
                              const struct weir_sock_end *end);

#endif
