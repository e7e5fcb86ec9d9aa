/* Watches idle connections until the server has ended them all. */
#ifndef WEIR_CLI_PROBE_WATCH_H
#define WEIR_CLI_PROBE_WATCH_H

#include "probe_seen.h"

/* CONNS: seen->n_idle that carried an answer, then seen->n_fresh that carried nothing. Where none
 * was kept, those alone are not watched for longer than ten seconds. Fills in what became of them,
 * and seen->watched_ms. */
void weir_probe_watch(struct weir_probe_conn **conns, struct weir_probe_seen *seen,
                      uint64_t until_us);

#endif
