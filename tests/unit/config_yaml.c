#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

static struct config_row refused[] = {
    {CONFIG_WHOLE, "a: [",
     "t:2:1: not valid YAML: did not find expected node content (while parsing a flow node that "
     "began at line 2)\n"},
    {CONFIG_WHOLE, "a:\n\tb: 1", "t:2:1: not valid YAML: a tab; indent with spaces\n"},
    {CONFIG_WHOLE, "a: b: c",
     "t:1:5: not valid YAML: mapping values are not allowed in this context\n"},
    {CONFIG_WHOLE, "a: \"\\q\"",
     "t:1:5: not valid YAML: found unknown escape character (while parsing a quoted scalar that "
     "began at line 1)\n"},
    {CONFIG_WHOLE, "%YAML 1.1", "t:2:1: not valid YAML: did not find expected <document start>\n"},
    {CONFIG_WHOLE, "---\na: 1\n---\nb: 1",
     "t:3:1: a second document begins here; one file holds one configuration\n"},
    {CONFIG_WHOLE, "workers: &w 2\nlisteners: {w: {listen: \":80\", limits: {headers: *w}}}",
     "t:1:10: the anchor `&w`: anchors and aliases are not supported; write the value out wherever "
     "it is needed\nt:2:50: the alias `*w`: anchors and aliases are not supported; write the value "
     "out wherever it is needed\n"},
    {CONFIG_WHOLE, "workers: !!int 2\nlisteners: {w: {listen: \":80\"}}",
     "t:1:10: the tag `tag:yaml.org,2002:int`: tags are not supported; remove it\n"},
    {CONFIG_WHOLE, "<<: {workers: 2}\nlisteners: {w: {listen: \":80\"}}",
     "t:1:1: merge keys (`<<`) are not supported; write the keys out\n"},
    {CONFIG_WHOLE, "workers: 2\nlisteners: {w: {listen: \":80\"}}\nworkers: 3",
     "t:3:1: the key `workers` is given twice; it stands at line 1 already, keep one of them\n"},
    {CONFIG_WHOLE, "listeners: {w: {listen: \":80\"}, w: {listen: \":81\"}}",
     "t:1:33: the key `w` is given twice; it stands at line 1 already, keep one of them\n"},
    {CONFIG_WHOLE, "? [a]\n: b", "t:1:3: a key must be a word; found a list\n"},
    {CONFIG_WHOLE, "? {a: b}\n: c", "t:1:3: a key must be a word; found a mapping\n"},
    {CONFIG_WHOLE, "? *a\n: b",
     "t:1:3: the alias `*a`: anchors and aliases are not supported; write the value out wherever "
     "it is needed\n"},
    {CONFIG_WHOLE, "\"a\\0b\": 1\nlisteners: {w: {listen: \":80\"}}",
     "t:1:1: a NUL byte; remove it\n"},
    {CONFIG_WHOLE, "user: \"a\\0b\"\nlisteners: {w: {listen: \":80\"}}",
     "t:1:7: a NUL byte; remove it\n"},
    {CONFIG_WHOLE, "", "t:1:1: the file is empty; a configuration needs at least `listeners`\n"},
    {CONFIG_WHOLE, "# nothing",
     "t:1:1: the file is empty; a configuration needs at least `listeners`\n"},
    {CONFIG_WHOLE, "---", "t:1:1: the file is empty; a configuration needs at least `listeners`\n"},
    {CONFIG_WHOLE, "~", "t:1:1: the file is empty; a configuration needs at least `listeners`\n"},
    {CONFIG_WHOLE, "[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]",
     "t:1:17: nested more than 16 levels deep; no key needs that\n"},
    {CONFIG_WHOLE, "workers: 2\001",
     "t:1:11: not valid YAML: control characters are not allowed (0x01); save the file as UTF-8 "
     "text\n"},
    {CONFIG_WHOLE, "workers: \"x\\ny\"\nlisteners: {w: {listen: \":80\"}}",
     "t:1:10: workers: `x\\x0ay` is not a whole number; write 1 to 256 or `auto`\n"},
};

static struct config_row accepted[] = {
    {CONFIG_WHOLE, "﻿listeners: {w: {listen: \":80\"}}",
     "listeners:\n  w:\n    listen: [\":80\"]\n"},
    {CONFIG_WHOLE, "---\nlisteners: {w: {listen: \":80\"}}\n...\n",
     "listeners:\n  w:\n    listen: [\":80\"]\n"},
    {CONFIG_WHOLE, "{\"listeners\": {\"w\": {\"listen\": [\":80\"]}}}",
     "listeners:\n  w:\n    listen: [\":80\"]\n"},
    {CONFIG_WHOLE, "listeners:\015\n  w:\015\n    listen:\015\n    - \":80\"\015\n",
     "listeners:\n  w:\n    listen: [\":80\"]\n"},
    {CONFIG_WHOLE, "# ä\nlisteners: # b\n  w:\n    listen: >-\n      :80\n",
     "listeners:\n  w:\n    listen: [\":80\"]\n"},
};

ParameterizedTestParameters(config_yaml, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_yaml, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_yaml, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_yaml, accepted)
{
    config_expect_accepted(row);
}

static char *repeat(const char *before, const char *unit, size_t times, const char *after)
{
    size_t len = strlen(unit);
    char *text = malloc(strlen(before) + len * times + strlen(after) + 1);
    char *at = stpcpy(text, before);

    for (size_t i = 0; i < times; i++)
        at = stpcpy(at, unit);
    strcpy(at, after);
    return text;
}

struct flood {
    char before[48], unit[48], after[8];
    size_t times;
    char expected[160];
};

/* Files that are made to be too much, each close to the largest that is read. */
static struct flood floods[] = {
    {"", "[", "", 10000000, "t:1:17: nested more than 16 levels deep; no key needs that\n"},
    {"", "- ", "", 5000000, "t:1:33: nested more than 16 levels deep; no key needs that\n"},
    {"", "{a: ", "", 2500000, "t:1:65: nested more than 16 levels deep; no key needs that\n"},
    {"a: [", "x,", "]", 4000000, "t:1:1999999: more than 1000000 keys and values in one file\n"},
    {"", "-\n", "", 4000000, "t:1000000:2: more than 1000000 keys and values in one file\n"},
    {"", "# x\n", "", 2500000,
     "t:1:1: the file is empty; a configuration needs at least `listeners`\n"},
    {"", "x", "", 10485761, "t:1:1: the file is too large; a configuration has at most 10 MiB\n"},
};

ParameterizedTestParameters(config_yaml, floods)
{
    return cr_make_param_array(struct flood, floods, sizeof(floods) / sizeof(*floods));
}

ParameterizedTest(struct flood *flood, config_yaml, floods)
{
    char *text = repeat(flood->before, flood->unit, flood->times, flood->after);
    char *errors;

    cr_expect_null(config_text_load(text, &errors));
    cr_expect_str_eq(errors, flood->expected);
    free(errors);
    free(text);
}

/* Nine levels of nine: 9^9 values, if aliases were followed. */
Test(config_yaml, refuses_a_bomb)
{
    const char *text = "a: &a [x,x,x,x,x,x,x,x,x]\n"
                       "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
                       "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                       "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n";
    char *errors;

    cr_expect_null(config_text_load(text, &errors));
    cr_expect_not_null(strstr(errors, "t:2:8: the alias `*a`: anchors and aliases are not"));
    free(errors);
}

/* Half a million doubles, of which each is looked for among the others. */
Test(config_yaml, many_double_keys_are_found_at_once)
{
    char *text = repeat("", "a: 1\n", 490000, "");
    char *errors;

    cr_expect_null(config_text_load(text, &errors));
    cr_expect_not_null(strstr(errors, "t:2:1: the key `a` is given twice; it stands at line 1"));
    cr_expect_not_null(strstr(errors, "t:1001:1: 489001 more faults are not shown; "
                                      "mend these first\n"));
    free(errors);
    free(text);
}

Test(config_yaml, names_what_is_not_utf8)
{
    char *errors;

    cr_expect_null(config_text_load("# ä\nlog: \"\xff\"\n", &errors));
    cr_expect_str_eq(errors, "t:2:7: not valid YAML: invalid leading UTF-8 octet (0xff); "
                             "save the file as UTF-8 text\n");
    free(errors);
}

Test(config_yaml, names_a_tab_behind_other_characters)
{
    char *errors;

    cr_expect_null(config_text_load("# äöü\nlog:\n\tto: stderr\n", &errors));
    cr_expect_str_eq(errors, "t:3:1: not valid YAML: a tab; indent with spaces\n");
    free(errors);
}
