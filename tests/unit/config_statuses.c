#include "weir/config/statuses.h"

#include <criterion/criterion.h>
#include <string.h>

struct row {
    const char *text;
    unsigned in[4], out[4]; /* statuses that belong to it, and that do not; 0 ends */
};

static const struct row rows[] = {
    {"200", {200}, {199, 201, 100, 599}},
    {"200-399", {200, 299, 300, 399}, {199, 400}},
    {"200,204,300-399", {200, 204, 300, 399}, {201, 203, 205, 299}},
    {" 200 , 204 ", {200, 204}, {201}},
    {"100-599", {100, 191, 192, 599}, {99, 600}},
    {"404-404", {404}, {403, 405}},
};

Test(config_statuses, are_a_set)
{
    for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
        struct weir_statuses statuses;
        struct weir_why why = {.text = ""};
        cr_assert(weir_statuses_read(rows[r].text, &statuses, &why), "%s: %s", rows[r].text,
                  why.text);
        for (int i = 0; i < 4; i++) {
            if (rows[r].in[i] > 0)
                cr_expect(weir_statuses_has(&statuses, rows[r].in[i]), "%s: %u", rows[r].text,
                          rows[r].in[i]);
            if (rows[r].out[i] > 0)
                cr_expect_not(weir_statuses_has(&statuses, rows[r].out[i]), "%s: %u", rows[r].text,
                              rows[r].out[i]);
        }
    }
}

Test(config_statuses, have_one_form)
{
    static const char *const wrong[] = {"",        ",",         "200,",  ",200",    "20",
                                        "2000",    "99",        "600",   "200-",    "-200",
                                        "200-600", "200 - 399", "ok",    "2xx",     "200;204",
                                        "200 204", "200--204",  "0x200", "200,,204"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct weir_statuses statuses;
        struct weir_why why = {.text = ""};
        cr_expect_not(weir_statuses_read(wrong[i], &statuses, &why), "%s", wrong[i]);
        cr_expect_not_null(strstr(why.text, "200-399"), "%s: %s", wrong[i], why.text);
    }
    struct weir_statuses statuses;
    struct weir_why why = {.text = ""};
    cr_expect_not(weir_statuses_read("399-200", &statuses, &why));
    cr_expect_not_null(strstr(why.text, "ends before it begins"), "%s", why.text);
}
