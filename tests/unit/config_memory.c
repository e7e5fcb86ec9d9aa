/* ctest: timeout 600
 * Memory that runs out at each of the places where it can. */
#include "weir/config/load.h"

#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define PLENTY ((size_t)1 << 20)

static const char good[] =
    "log: {to: \"/${WEIR_UNSET:-var}/log\"}\n"
    "listeners:\n"
    "  w: {listen: [\":80\", \"[::1]:80\"], pool: p, trusted_peers: [10.0.0.0/8],\n"
    "      routes: [{host: a.b, path: /, pool: p}]}\n"
    "pools: {p: {servers: [{address: \"a:1\"}, {address: \"b:1\"}]}, q: {servers: [{address: "
    "c:1}]}}\n";

static const char bad[] = "workers: x\n"
                          "listeners: {w: {lisen: 1, pool: r}, w: ~}\n"
                          "pools: {p: {servers: [{address: \"a:1\"}, {address: \"a:1\"}]}}\n";

/* Loads with every bound below what is needed. Returns how many there were. */
static size_t exhaust(const char *text)
{
    size_t n = 0;
    bool is_enough = false;

    for (size_t bound = 0; !is_enough && bound < PLENTY; bound += 8, n++) {
        char *errors = NULL;
        size_t len;
        FILE *out = open_memstream(&errors, &len);
        struct weir_config *config = weir_config_load_bounded("t", weir_slice_from(text), bound,
                                                              out);
        fclose(out);
        is_enough = strstr(errors, "out of memory") == NULL;
        cr_expect(config == NULL || is_enough, "bound %zu: a part of it was made", bound);
        cr_expect(config != NULL || errors[0] != '\0', "bound %zu: nothing was said", bound);
        weir_config_unref(config);
        free(errors);
    }
    cr_expect(is_enough);
    return n;
}

Test(config_memory, a_load_that_runs_out_fails_as_a_whole)
{
    cr_expect_gt(exhaust(good), 100);
}

Test(config_memory, so_does_one_with_faults)
{
    cr_expect_gt(exhaust(bad), 100);
}

/* Values that the environment makes large a thousand times over. */
Test(config_memory, what_a_small_file_can_take_is_bounded)
{
    char *errors = NULL, *value = malloc(60001), *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    memset(value, 'x', 60000);
    value[60000] = '\0';
    setenv("WEIR_TEST_LARGE", value, 1);
    fputs("listeners: {w: {listen: [", out);
    for (size_t i = 0; i < 1000; i++)
        fputs("\"${WEIR_TEST_LARGE}\",", out);
    fputs("]}}\n", out);
    fclose(out);
    out = open_memstream(&errors, &len);
    cr_expect_null(weir_config_load_bounded("t", weir_slice_from(text), PLENTY, out));
    fclose(out);
    cr_expect_not_null(strstr(errors, "t:1:1: out of memory\n"));
    free(errors);
    free(value);
    free(text);
}
