/* How rows of figures become Prometheus's text format 0.0.4. */
#ifndef WEIR_CONTROL_METRICS_TEXT_H
#define WEIR_CONTROL_METRICS_TEXT_H

#include "weir/control/figures.h"
#include "weir/control/tcp_states.h"

#include <stdio.h>

/* One object and its figures. */
struct weir_subject {
    char *labels; /* `pool="a",server="b"`, escaped; "" for weir itself */
    struct weir_control *control;
    const struct weir_listener_plan *listener;
    const struct weir_pool_plan *plan;
    struct weir_server *server;
    union {
        struct weir_listener_sums listener;
        struct weir_pool_sums pool;
        struct weir_server_sums servers;
    } sums;
    /* The kernel's own: a listener's, and a server's. */
    bool has_listener_tcp;
    struct weir_tcp_counts listener_tcp;
    struct weir_tcp_sides server_tcp;
    struct weir_tcp_ports ports;
};

struct weir_subjects {
    size_t n;
    struct weir_subject *all;
};

/* NAME is without `weir_`; rows of one family differ in a label behind it and stand together. The
 * figure is VALUE's, or, without it, the uint64_t at OFFSET in the subject. A VALUE that is NAN is
 * not known: there is no sample. */
struct weir_row {
    const char *name, *help;
    double (*value)(const struct weir_subject *subject, const struct weir_row *row);
    size_t offset;
    const char *word; /* for VALUE, which may take OFFSET for its own too */
};

/* Family by family, with its help and type (a counter ends in `_total`), and subject by subject
 * within each. Rows of the same family stand together; those without a name are left out. */
void weir_metrics_put_rows(FILE *out, const struct weir_row *rows, size_t n,
                           const struct weir_subjects *subjects);

/* The row's offset is that of a struct weir_histogram. */
void weir_metrics_put_histograms(FILE *out, const struct weir_row *row,
                                 const struct weir_subjects *subjects);

/* `KEY="VALUE"` or `KEY="VALUE",server="SERVER"`, escaped. Owns: the caller, to free. Fails: NULL,
 * out of memory. */
char *weir_metrics_labels(const char *key, const char *value, const char *server);

#endif
