#include "../../src/control/metrics_text.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

Test(control_metrics_text, label_values_are_escaped)
{
    static const struct {
        const char *value, *server, *labels;
    } cases[] = {
        {"a", NULL, "pool=\"a\""},
        {"a", "b:1", "pool=\"a\",server=\"b:1\""},
        {"a\"b\\c\nd", NULL, "pool=\"a\\\"b\\\\c\\nd\""},
        {"a", "\\", "pool=\"a\",server=\"\\\\\""},
        {"\xc3\xa4", NULL, "pool=\"\xc3\xa4\""},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *labels = weir_metrics_labels("pool", cases[i].value, cases[i].server);
        cr_expect_str_eq(labels, cases[i].labels);
        free(labels);
    }
}

static double minus_half(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)subject;
    (void)row;
    return -0.5;
}

static double unknown_without_labels(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return subject->labels[0] ? 3 : NAN;
}

#define OF(part) offsetof(struct weir_subject, sums.part)

Test(control_metrics_text, rows)
{
    static const struct weir_row rows[] = {
        {"a_total{code=\"1\"}", "all a", NULL, OF(pool.requests_total), NULL},
        {"a_total{code=\"2\"}", "all a", NULL, OF(pool.requests_failed), NULL},
        {"", "nobody's", NULL, OF(pool.requests_failed), NULL},
        {"b", "one b", NULL, OF(pool.requests_active), NULL},
        {"a", "half an a", minus_half, 0, NULL},
        {"c", "not known of all", unknown_without_labels, 0, NULL},
    };
    char pool[] = "pool=\"x\"", none[] = "";
    struct weir_subject all[2] = {{.labels = pool}, {.labels = none}};
    struct weir_subjects subjects = {2, all};
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    all[0].sums.pool.requests_total = UINT64_MAX / 2;
    all[1].sums.pool.requests_failed = 7;
    all[1].sums.pool.requests_active = (uint64_t)-1;
    weir_metrics_put_rows(out, rows, 6, &subjects);
    fclose(out);
    cr_expect_str_eq(text, "# HELP weir_a_total all a\n# TYPE weir_a_total counter\n"
                           "weir_a_total{code=\"1\",pool=\"x\"} 9223372036854775807\n"
                           "weir_a_total{code=\"2\",pool=\"x\"} 0\n"
                           "weir_a_total{code=\"1\"} 0\n"
                           "weir_a_total{code=\"2\"} 7\n"
                           "# HELP weir_b one b\n# TYPE weir_b gauge\n"
                           "weir_b{pool=\"x\"} 0\n"
                           "weir_b 0\n"
                           "# HELP weir_a half an a\n# TYPE weir_a gauge\n"
                           "weir_a{pool=\"x\"} -0.5\n"
                           "weir_a -0.5\n"
                           "# HELP weir_c not known of all\n# TYPE weir_c gauge\n"
                           "weir_c{pool=\"x\"} 3\n");
    free(text);
}
