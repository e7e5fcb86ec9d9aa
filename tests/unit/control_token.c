#include "weir/control/token.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool shows(const char *authorization, const char *token)
{
    return weir_token_is_shown(token, weir_slice_from(authorization));
}

Test(control_token, is_shown_by_the_whole_of_it_alone)
{
    cr_expect(shows("Bearer abc", "abc"));
    cr_expect(shows("bearer abc", "abc"));
    cr_expect(shows("BEARER   abc", "abc"));
    static const char *const wrong[] = {"",
                                        "abc",
                                        "Bearer",
                                        "Bearer ",
                                        "Bearerabc",
                                        "Bearer ab",
                                        "Bearer abcd",
                                        "Bearer abd",
                                        "Bearer Abc",
                                        "Basic abc",
                                        "Bearer abc ",
                                        "Bearer abcabc",
                                        "Bearer \tabc",
                                        "Bearer abc,",
                                        " Bearer abc"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        cr_expect_not(shows(wrong[i], "abc"), "%s", wrong[i]);
}

static char *load(const char *content, size_t len, char *fault)
{
    char path[] = "/tmp/weir-token-XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, content, len), (ssize_t)len);
    close(fd);
    fault[0] = '\0';
    char *token = weir_token_load(path, fault, 256);
    unlink(path);
    return token;
}

Test(control_token, is_the_content_without_what_trails)
{
    static const char *const contents[] = {"abc", "abc\n", "abc \t\r\n\n"};
    char fault[256];

    for (size_t i = 0; i < sizeof(contents) / sizeof(*contents); i++) {
        char *token = load(contents[i], strlen(contents[i]), fault);
        cr_assert_not_null(token, "%s", fault);
        cr_expect_str_eq(token, "abc");
        free(token);
    }
}

Test(control_token, says_what_is_wrong_with_a_file)
{
    static const struct {
        const char *content, *fault;
        size_t len;
    } rows[] = {{"", "is empty", 0},        {" \r\n", "is empty", 3}, {"a b", "one word", 3},
                {"a\nb\n", "one word", 4},  {" abc", "one word", 4},  {"a\0b", "one word", 3},
                {"\xc3\xa4", "one word", 2}};
    char fault[256], large[1026];

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        cr_expect_null(load(rows[i].content, rows[i].len, fault));
        cr_expect_not_null(strstr(fault, rows[i].fault), "%s", fault);
    }
    memset(large, 'x', sizeof(large));
    cr_expect_null(load(large, 1025, fault));
    cr_expect_not_null(strstr(fault, "longer"));
    char *token = load(large, 1024, fault);
    cr_expect_not_null(token);
    free(token);
    cr_expect_null(weir_token_load("/nowhere", fault, sizeof(fault)));
    cr_expect_not_null(strstr(fault, "No such file"));
}
