/* Configurations as texts, for the tests of the config layer. */
#ifndef TESTS_UNIT_SUPPORT_CONFIG_TEXT_H
#define TESTS_UNIT_SUPPORT_CONFIG_TEXT_H

#include "weir/config/config.h"

/* What a row's text stands in. */
enum config_frame {
    CONFIG_WHOLE,    /* nothing: it is the file */
    CONFIG_TOP,      /* the first line of a file with a listener */
    CONFIG_LISTENER, /* a listener's keys, from line 2, column 24 */
    CONFIG_POOL      /* a pool's keys, from line 3, column 36 */
};

/* A row holds its texts, because Criterion passes it to another process. */
struct config_row {
    enum config_frame frame;
    char text[300];
    char expected[640];
};

/* The file that a row stands for. Owns: the caller frees it. */
char *config_text_make(const struct config_row *row);

/* Loads TEXT as the file `t`. *errors is what was printed. Owns: the caller frees both. */
struct weir_config *config_text_load(const char *text, char **errors);

/* What `weir check --print` shows. Owns: the caller frees it. */
char *config_text_print(const struct weir_config *config);

/* The row is refused with just the expected lines. */
void config_expect_refused(const struct config_row *row);

/* The row is accepted, the expected lines are in what is printed, and that reads back the same. */
void config_expect_accepted(const struct config_row *row);

#define CONFIG_ROWS(rows) cr_make_param_array(struct config_row, rows, sizeof(rows) / sizeof(*rows))

#endif
