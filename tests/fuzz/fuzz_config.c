/* Any text as a configuration: it is refused with a line that says so, or what is printed of it
 * reads back to the same. */
#include "weir/base/assert.h"
#include "weir/config/config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_config *load(const char *text, size_t len)
{
    char *errors = NULL;
    size_t errors_len;
    FILE *out = open_memstream(&errors, &errors_len);

    WEIR_ASSERT(out != NULL);
    struct weir_config *config = weir_config_load_text("fuzz", text, len, out);
    fclose(out);
    WEIR_ASSERT((config == NULL) == (errors_len > 0));
    WEIR_ASSERT_SHOW(errors_len == 0 || strncmp(errors, "fuzz:", 5) == 0, errors);
    WEIR_ASSERT_SHOW(errors_len == 0 || errors[errors_len - 1] == '\n', errors);
    free(errors);
    return config;
}

static char *print(const struct weir_config *config, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);

    WEIR_ASSERT(out != NULL);
    weir_config_print(config, out);
    fclose(out);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t len, again_len;
    struct weir_config *config = load((const char *)data, size);

    if (config == NULL)
        return 0;
    char *text = print(config, &len);
    struct weir_config *again = load(text, len);
    WEIR_ASSERT_SHOW(again != NULL, text);
    char *again_text = print(again, &again_len);
    WEIR_ASSERT_SHOW(strcmp(text, again_text) == 0, text);
    weir_config_unref(config);
    weir_config_unref(again);
    free(text);
    free(again_text);
    return 0;
}
