/* Criterion 2.4 takes its --timeout only as a cap on what a test case asks for itself: one that
 * asks for nothing may hang for ever. This gives each of those the time of --timeout. */
#include <criterion/criterion.h>
#include <criterion/hooks.h>
#include <criterion/internal/ordered-set.h>
#include <criterion/options.h>

ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    FOREACH_SET(struct criterion_suite_set *suite, tests->suites) {
        FOREACH_SET(struct criterion_test *test, suite->tests) {
            if (test->data->timeout <= 0)
                test->data->timeout = criterion_options.timeout;
        }
    }
}
