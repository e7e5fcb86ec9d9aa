#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static const char *const frames[] = {
    [CONFIG_WHOLE] = "%s",
    [CONFIG_TOP] = "%s\nlisteners: {w: {listen: [\":80\"]}}\n",
    [CONFIG_LISTENER] = "listeners:\n  w: {listen: [\":80\"], %s}\n",
    [CONFIG_POOL] = "listeners: {w: {listen: [\":80\"]}}\n"
                    "pools:\n  p: {servers: [{address: \"a:1\"}], %s}\n",
};

char *config_text_make(const struct config_row *row)
{
    const char *frame = frames[row->frame];
    const char *hole = strstr(frame, "%s");
    char *text = NULL;

    int len = asprintf(&text, "%.*s%s%s", (int)(hole - frame), frame, row->text, hole + 2);
    cr_assert_geq(len, 0);
    return text;
}

struct weir_config *config_text_load(const char *text, char **errors)
{
    size_t len;
    FILE *out = open_memstream(errors, &len);

    cr_assert_not_null(out);
    struct weir_config *config = weir_config_load_text("t", text, strlen(text), out);
    fclose(out);
    return config;
}

char *config_text_print(const struct weir_config *config)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    cr_assert_not_null(out);
    weir_config_print(config, out);
    fclose(out);
    return text;
}

void config_expect_refused(const struct config_row *row)
{
    char *errors;
    char *text = config_text_make(row);
    struct weir_config *config = config_text_load(text, &errors);

    cr_expect_null(config, "accepted: %s", text);
    cr_expect_str_eq(errors, row->expected);
    weir_config_unref(config);
    free(errors);
    free(text);
}

static void expect_same_again(const char *printed)
{
    char *errors;
    struct weir_config *config = config_text_load(printed, &errors);

    cr_expect_str_eq(errors, "");
    if (config != NULL) {
        char *again = config_text_print(config);
        cr_expect_str_eq(again, printed);
        free(again);
    }
    weir_config_unref(config);
    free(errors);
}

void config_expect_accepted(const struct config_row *row)
{
    char *errors;
    char *text = config_text_make(row);
    struct weir_config *config = config_text_load(text, &errors);

    cr_expect_not_null(config, "refused: %s", text);
    cr_expect_str_eq(errors, "");
    if (config != NULL) {
        char *printed = config_text_print(config);
        cr_expect_not_null(strstr(printed, row->expected), "%s is not in\n%s", row->expected,
                           printed);
        expect_same_again(printed);
        free(printed);
    }
    weir_config_unref(config);
    free(errors);
    free(text);
}
