#include "weir/config/suggest.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

struct pair {
    char a[80], b[80];
    size_t limit, distance;
};

#define WORD_65 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklm"

static struct pair pairs[] = {
    {"", "", 3, 0},
    {"a", "", 3, 1},
    {"listen", "listen", 3, 0},
    {"lisen", "listen", 3, 1},
    {"listten", "listen", 3, 1},
    {"lixten", "listen", 3, 1},
    {"lsiten", "listen", 3, 1},
    {"ilsten", "listen", 3, 1},
    {"listne", "listen", 3, 1},
    {"lsitne", "listen", 3, 2},
    {"Listen", "listen", 0, 0},
    {"ca", "abc", 3, 3},
    {"kitten", "sitting", 3, 3},
    {"kitten", "sitting", 2, 3},
    {"abcdef", "uvwxyz", 3, 4},
    {"abc", "abcdefg", 3, 4},
    {WORD_65, WORD_65, 3, 4},
};

ParameterizedTestParameters(config_suggest, distances)
{
    return cr_make_param_array(struct pair, pairs, sizeof(pairs) / sizeof(*pairs));
}

ParameterizedTest(struct pair *row, config_suggest, distances)
{
    cr_expect_eq(weir_suggest_distance(row->a, row->b, row->limit), row->distance, "%s %s", row->a,
                 row->b);
    cr_expect_eq(weir_suggest_distance(row->b, row->a, row->limit), row->distance, "%s %s", row->b,
                 row->a);
}

struct choice {
    char wrong[80], nearest[24];
};

static struct choice choices[] = {
    {"lisen", "listen"},
    {"LISTEN", "listen"},
    {"timeout", "timeouts"},
    {"least_conn", "least_connections"},
    {"limit", "limits"},
    {"po", ""},
    {"p", ""},
    {"", ""},
    {"xyzzy", ""},
    {"least_connection_s", "least_connections"},
    {WORD_65, ""},
    {"loop", ""},
    {"poool", "pool"},
    {"plo", ""},
    {"poo", "pool"},
};

ParameterizedTestParameters(config_suggest, choices)
{
    return cr_make_param_array(struct choice, choices, sizeof(choices) / sizeof(*choices));
}

ParameterizedTest(struct choice *row, config_suggest, choices)
{
    static const char *const words[] = {"listen", "timeouts", "limits", "pool",
                                        "least_connections"};
    struct weir_suggest suggest;

    weir_suggest_init(&suggest, row->wrong);
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        weir_suggest_try(&suggest, words[i]);
    cr_expect_str_eq(suggest.nearest == NULL ? "" : suggest.nearest, row->nearest);
}

Test(config_suggest, the_nearest_of_several_wins_and_the_first_of_equals)
{
    struct weir_suggest suggest;

    weir_suggest_init(&suggest, "server_a");
    weir_suggest_try(&suggest, "server_a_and_more");
    weir_suggest_try(&suggest, "serverxxa");
    weir_suggest_try(&suggest, "server_b");
    weir_suggest_try(&suggest, "server_c");
    cr_expect_str_eq(suggest.nearest, "server_b");
}
