/* `/metrics`: what the kernel knows of sockets and local ports. What it does not tell is absent. */
#ifndef WEIR_CONTROL_METRICS_TCP_H
#define WEIR_CONTROL_METRICS_TCP_H

#include "metrics_text.h"

/* The states of a listener's sockets. */
void weir_metrics_put_listener_tcp(FILE *out, const struct weir_subjects *listeners);

/* Those of both sides' sockets of a server, and the local ports towards it. */
void weir_metrics_put_server_tcp(FILE *out, const struct weir_subjects *servers);

#endif
