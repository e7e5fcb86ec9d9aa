/* What follows from a request's head: how it is counted, which mood answers it, what its connection
 * does first. */
#ifndef WEIR_BENCH_ORIGIN_BEGIN_H
#define WEIR_BENCH_ORIGIN_BEGIN_H

#include "origin_conn.h"
#include "origin_request.h"

#include <stddef.h>

/* Begins the request whose head lies at the front of what the connection has read, and takes the
 * head off. Sets body, mood, answer and phase; what must be sent at once is in the loop's scratch
 * buffer. Fails: -1, WRONG says what is the matter with the query. */
int origin_begin(struct origin_conn *conn, const struct origin_request *request, char *wrong,
                 size_t wrong_size);

/* From now on the connection is counted, if it was not. */
void origin_begin_counting(struct origin_conn *conn);

#endif
