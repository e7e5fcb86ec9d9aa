/* The validator that the tests' schemas are held by finds each kind of fault. */
#include "support/t.h"
#include "support/t_schema.h"
#include "support/t_stats.h"

#include <criterion/criterion.h>

static json_t *read(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    cr_assert_not_null(json, "%s: %s", text, error.text);
    return t_keep(json);
}

Test(schema_validator, each_keyword)
{
    static const struct {
        const char *schema, *value, *fault; /* of it, or null */
    } cases[] = {
        {"{\"type\": \"integer\"}", "1", NULL},
        {"{\"type\": \"integer\"}", "1.5", "at ``: is of another type"},
        {"{\"type\": \"number\"}", "1.5", NULL},
        {"{\"type\": \"boolean\"}", "null", "another type"},
        {"{\"type\": [\"integer\", \"null\"]}", "null", NULL},
        {"{\"type\": [\"integer\", \"null\"]}", "\"\"", "another type"},
        {"{\"enum\": [\"a\", \"b\"]}", "\"b\"", NULL},
        {"{\"enum\": [\"a\", \"b\"]}", "\"c\"", "`c` is none"},
        {"{\"minimum\": 0}", "0", NULL},
        {"{\"minimum\": 0}", "-1", "too small"},
        {"{\"pattern\": \"^a+$\"}", "\"aa\"", NULL},
        {"{\"pattern\": \"^a+$\"}", "\"ab\"", "does not match"},
        {"{\"items\": {\"type\": \"null\"}}", "[null, 1]", "at `/1`"},
        {"{\"required\": [\"a\"]}", "{\"b\": 1}", "`a` is missing"},
        {"{\"properties\": {\"a\": {\"type\": \"null\"}}}", "{\"a\": 1}", "at `/a`"},
        {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"a\": 1}", NULL},
        {"{\"properties\": {\"a\": {}}, \"additionalProperties\": false}", "{\"b\": 1}",
         "`b` is not in the schema"},
        {"{\"properties\": {}, \"additionalProperties\": {\"type\": \"null\"}}", "{\"b\": 1}",
         "at `/b`"},
        {"{\"patternProperties\": {\"^x\": {\"type\": \"null\"}}, \"additionalProperties\": false}",
         "{\"x1\": null}", NULL},
        {"{\"patternProperties\": {\"^x\": {\"type\": \"null\"}}, \"additionalProperties\": false}",
         "{\"x1\": 1}", "at `/x1`"},
        {"{\"patternProperties\": {\"^x\": {}}, \"additionalProperties\": false}", "{\"y\": 1}",
         "`y` is not"},
        {"{\"anyOf\": [{\"type\": \"null\"}, {\"minimum\": 3}]}", "3", NULL},
        {"{\"anyOf\": [{\"type\": \"null\"}, {\"minimum\": 3}]}", "2", "too small"},
        {"{\"items\": {\"$ref\": \"#/$defs/n\"}, \"$defs\": {\"n\": {\"type\": \"null\"}}}", "[1]",
         "at `/0`"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *fault = t_schema_find_fault(read(cases[i].schema), read(cases[i].value));
        if (cases[i].fault)
            t_assert_contains(fault ? fault : "no fault", cases[i].fault);
        else
            cr_expect_null(fault, "%s: %s", cases[i].value, fault);
    }
}
