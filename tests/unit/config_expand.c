#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

static void set_environment(void)
{
    setenv("WEIR_TEST_NUMBER", "7", 1);
    setenv("WEIR_TEST_EMPTY", "", 1);
    setenv("WEIR_TEST_POOL", "seven", 1);
    setenv("WEIR_TEST_NESTED", "${WEIR_TEST_NUMBER}", 1);
    setenv("WEIR_TEST_LATIN1", "\xe4", 1);
    setenv("WEIR_TEST_INJECT", "2\nuser: root", 1);
    unsetenv("WEIR_UNSET");
}

static struct config_row refused[] = {
    {CONFIG_TOP, "workers: ${WEIR_UNSET}",
     "t:1:10: workers: `${WEIR_UNSET}` needs the environment variable `WEIR_UNSET`, which is not "
     "set; set it or write ${NAME:-default}\n"},
    {CONFIG_TOP, "workers: ${WEIR_UNSET:-x}",
     "t:1:10: workers: `x` is not a whole number; write 1 to 256 or `auto`\n"},
    {CONFIG_TOP, "workers: ${",
     "t:1:10: workers: `${` has a broken reference; write ${NAME} or ${NAME:-default}, or $${ for "
     "${ itself\n"},
    {CONFIG_TOP, "workers: ${}",
     "t:1:10: workers: `${}` has a broken reference; write ${NAME} or ${NAME:-default}, or $${ for "
     "${ itself\n"},
    {CONFIG_TOP, "workers: ${1A}",
     "t:1:10: workers: `${1A}` has a broken reference; write ${NAME} or ${NAME:-default}, or $${ "
     "for ${ itself\n"},
    {CONFIG_TOP, "workers: ${A-b}",
     "t:1:10: workers: `${A-b}` has a broken reference; write ${NAME} or ${NAME:-default}, or $${ "
     "for ${ itself\n"},
    {CONFIG_TOP, "workers: ${WEIR_TEST_LATIN1}",
     "t:1:10: workers: `${WEIR_TEST_LATIN1}` needs the environment variable `WEIR_TEST_LATIN1`, "
     "which is not UTF-8\n"},
    {CONFIG_TOP, "workers: ${WEIR_TEST_INJECT}",
     "t:1:10: workers: `2\\x0auser: root` is not a whole number; write 1 to 256 or `auto`\n"},
};

static struct config_row accepted[] = {
    {CONFIG_TOP, "workers: ${WEIR_TEST_NUMBER}", "workers: 7\n"},
    {CONFIG_TOP, "workers: \"${WEIR_TEST_NUMBER}\"", "workers: 7\n"},
    {CONFIG_TOP, "workers: ${WEIR_TEST_NUMBER:-9}", "workers: 7\n"},
    {CONFIG_TOP, "workers: ${WEIR_UNSET:-9}", "workers: 9\n"},
    {CONFIG_TOP, "workers: ${WEIR_TEST_EMPTY:-9}", "workers: 9\n"},
    {CONFIG_TOP, "log: {to: \"/${WEIR_TEST_NUMBER}/${WEIR_UNSET:-}${WEIR_TEST_NUMBER}\"}",
     "  to: /7/7\n"},
    {CONFIG_TOP, "log: {to: \"/$${WEIR_TEST_NUMBER}\"}", "  to: \"/$${WEIR_TEST_NUMBER}\"\n"},
    {CONFIG_TOP, "log: {to: \"/$$${WEIR_TEST_NUMBER}\"}", "  to: \"/$$${WEIR_TEST_NUMBER}\"\n"},
    {CONFIG_TOP, "log: {to: \"/$$${WEIR_UNSET:-x}$a$\"}", "  to: \"/$$${WEIR_UNSET:-x}$a$\"\n"},
    {CONFIG_TOP, "log: {to: \"/${WEIR_TEST_NESTED}\"}", "  to: \"/$${WEIR_TEST_NUMBER}\"\n"},
    {CONFIG_TOP, "log: {to: \"${WEIR_TEST_INJECT}/\"}", "  to: \"2\\U0000000auser: root/\"\n"},
    {CONFIG_TOP, "user: ${WEIR_TEST_EMPTY}", "workers: auto\n"},
    {CONFIG_TOP, "user: ${WEIR_UNSET:-null}", "workers: auto\n"},
    {CONFIG_LISTENER,
     "pool: \"${WEIR_TEST_POOL}\"}\npools:\n  seven: {servers: [{address: "
     "\"a:${WEIR_TEST_NUMBER}\"}]",
     "    pool: seven\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: [\"127.0.0.1:${WEIR_TEST_NUMBER}\"]}}",
     "    listen: [\"127.0.0.1:7\"]\n"},
};

ParameterizedTestParameters(config_expand, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_expand, refused)
{
    set_environment();
    config_expect_refused(row);
}

ParameterizedTestParameters(config_expand, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_expand, accepted)
{
    set_environment();
    config_expect_accepted(row);
}

Test(config_expand, has_a_bound)
{
    char *value = malloc(70000);
    char *errors;

    memset(value, 'x', 69999);
    value[69999] = '\0';
    setenv("WEIR_TEST_LONG", value, 1);
    cr_expect_null(config_text_load("log: {to: \"/${WEIR_TEST_LONG}\"}\n"
                                    "listeners: {w: {listen: \":80\"}}\n",
                                    &errors));
    cr_expect_str_eq(errors, "t:1:11: log.to: `/${WEIR_TEST_LONG}` is longer than 65536 bytes "
                             "with the environment's values in it\n");
    free(errors);
    free(value);
}
