/* Prometheus's own tool finds nothing wrong with /metrics and with the alerts of conf/, which fire
 * when they should. */
#include "support/t_ask.h"
#include "support/t_metrics.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct t_weir weir;

/* promtool: where `./dev test` puts it, or in the path. */
static const char *find_promtool(void)
{
    const char *ours = WEIR_SOURCE_DIR "/build/tools/promtool";
    const char *const argv[] = {"/bin/sh", "-c", "command -v promtool", NULL};
    struct t_run run;

    if (access(ours, X_OK) == 0)
        return ours;
    run = t_run(argv);
    if (run.status != 0) {
        static const char missing[] = "promtool, of Debian's package prometheus, is not there";
        fprintf(stderr, "the whole suite is skipped: %s\n", missing); /* ctest reads this */
        cr_skip_test("%s", missing);
    }
    return t_copy(run.out, strcspn(run.out, "\n"));
}

static void run_promtool(const char *arguments)
{
    const char *const argv[] = {"/bin/sh", "-c", t_text("%s %s", find_promtool(), arguments), NULL};
    struct t_run run = t_run(argv);

    if (run.status != 0)
        t_fail("promtool %s: %d\n%s%s", arguments, run.status, run.out, run.err);
    t_assert_text(run.err, "");
}

Test(promtool, finds_nothing_wrong_with_metrics)
{
    find_promtool();
    struct t_real_origin origin;
    t_real_origin_start(&origin, NULL);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    t_one_shot(&weir, "/");
    run_promtool(t_text("check metrics < %s", t_write_file("metrics", t_scrape(&weir).text)));
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

Test(promtool, understands_the_alerts)
{
    run_promtool("check rules " WEIR_SOURCE_DIR "/conf/prometheus-alerts.yaml");
}

/* They fire when they should, and not otherwise. */
Test(promtool, sees_the_alerts_fire)
{
    run_promtool("test rules " WEIR_SOURCE_DIR "/tests/e2e/support/alerts.yaml");
}
