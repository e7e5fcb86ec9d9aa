/* /metrics, read strictly. */
#ifndef WEIR_E2E_T_METRICS_H
#define WEIR_E2E_T_METRICS_H

#include "t_stats.h"

struct t_metrics {
    json_t *types;  /* of each family: "counter", "gauge", "histogram" */
    json_t *series; /* `weir_x_total{pool="a"}`, as it was written, to its value */
    const char *text;
};

/* A fresh scrape. Fails where Prometheus would refuse it, where a name or label is not one of
 * weir's, and where a histogram's buckets do not add up. Owns: valid until the test ends. */
struct t_metrics t_scrape(struct t_weir *weir);
#define t_scrape(...) T_AT((t_scrape)(__VA_ARGS__))

/* One value. Fails when there is no such series. */
double t_metrics_number(const struct t_metrics *metrics, const char *series);
#define t_metrics_number(...) T_AT((t_metrics_number)(__VA_ARGS__))

#endif
