/* A small strict validator: every keyword has its checker, and none is passed over. */
#define T_HARNESS
#include "t_schema.h"

#include "t_stats.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

/* A value, the schema it is held against, and where it stands: a step below another. */
struct place {
    json_t *root, *schema, *value;
    const struct place *above; /* null at the top */
    const char *key;           /* null in an array, or at the same value */
    size_t index;
};

static const char *check(const struct place *place);

/* Nothing is allocated before there is a fault: /stats is looked at very often. */
static char *describe(const struct place *place)
{
    if (!place->above)
        return t_text("%s", "");
    if (place->value == place->above->value)
        return describe(place->above);
    return place->key ? t_text("%s/%s", describe(place->above), place->key)
                      : t_text("%s/%zu", describe(place->above), place->index);
}

static const char *fault_at(const struct place *place, const char *what)
{
    return t_text("at `%s`: %s", describe(place), what);
}

static const char *check_same(const struct place *place, json_t *schema)
{
    return check(&(struct place){place->root, schema, place->value, place, NULL, 0});
}

static bool has_type(json_t *value, const char *type)
{
    static const struct {
        const char *name;
        json_type type;
    } plain[] = {{"object", JSON_OBJECT}, {"array", JSON_ARRAY},     {"string", JSON_STRING},
                 {"null", JSON_NULL},     {"integer", JSON_INTEGER}, {"number", JSON_INTEGER},
                 {"number", JSON_REAL}};

    if (strcmp(type, "boolean") == 0)
        return json_is_boolean(value);
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strcmp(plain[i].name, type) == 0 && json_typeof(value) == plain[i].type)
            return true;
    }
    return false;
}

static const char *check_type(const struct place *place, json_t *rule)
{
    bool is_one = json_is_string(rule) && has_type(place->value, json_string_value(rule));

    for (size_t i = 0; i < json_array_size(rule) && !is_one; i++)
        is_one = has_type(place->value, json_string_value(json_array_get(rule, i)));
    return is_one ? NULL : fault_at(place, "is of another type");
}

static const char *check_enum(const struct place *place, json_t *rule)
{
    for (size_t i = 0; i < json_array_size(rule); i++) {
        if (json_equal(place->value, json_array_get(rule, i)))
            return NULL;
    }
    return fault_at(place, t_text("`%s` is none of its values", json_string_value(place->value)));
}

static const char *check_minimum(const struct place *place, json_t *rule)
{
    if (!json_is_number(place->value) || json_number_value(place->value) >= json_number_value(rule))
        return NULL;
    return fault_at(place, t_text("%g is too small", json_number_value(place->value)));
}

static bool is_match(const char *pattern, const char *text)
{
    regex_t regex;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        t_fail("the pattern %s is not understood", pattern);
    bool matches = regexec(&regex, text, 0, NULL, 0) == 0;
    regfree(&regex);
    return matches;
}

static const char *check_pattern(const struct place *place, json_t *rule)
{
    const char *text = json_string_value(place->value);

    if (!text || is_match(json_string_value(rule), text))
        return NULL;
    return fault_at(place, t_text("`%s` does not match its pattern", text));
}

static const char *check_items(const struct place *place, json_t *rule)
{
    for (size_t i = 0; i < json_array_size(place->value); i++) {
        json_t *item = json_array_get(place->value, i);
        const char *fault = check(&(struct place){place->root, rule, item, place, NULL, i});
        if (fault)
            return fault;
    }
    return NULL;
}

static const char *check_required(const struct place *place, json_t *rule)
{
    for (size_t i = 0; i < json_array_size(rule) && json_is_object(place->value); i++) {
        const char *key = json_string_value(json_array_get(rule, i));
        if (!json_object_get(place->value, key))
            return fault_at(place, t_text("`%s` is missing", key));
    }
    return NULL;
}

/* One member, by all that is said of members. */
static const char *check_member(const struct place *place, const char *key, json_t *value)
{
    struct place inner = {place->root, NULL, value, place, key, 0};
    json_t *named = json_object_get(json_object_get(place->schema, "properties"), key);
    json_t *others = json_object_get(place->schema, "additionalProperties"), *rule;
    const char *pattern, *fault = NULL;
    bool is_known = named != NULL;

    inner.schema = named;
    if (named)
        fault = check(&inner);

    json_object_foreach(json_object_get(place->schema, "patternProperties"), pattern, rule)
    {
        if (fault || !is_match(pattern, key))
            continue;
        is_known = true;
        inner.schema = rule;
        fault = check(&inner);
    }
    if (fault || is_known || !others || json_is_true(others))
        return fault;
    if (json_is_false(others))
        return fault_at(place, t_text("`%s` is not in the schema", key));
    inner.schema = others;
    return check(&inner);
}

static const char *check_members(const struct place *place, json_t *rule)
{
    const char *key;
    json_t *value;

    (void)rule;
    if (!json_is_object(place->value))
        return NULL;
    json_object_foreach(place->value, key, value)
    {
        const char *fault = check_member(place, key, value);
        if (fault)
            return fault;
    }
    return NULL;
}

static const char *check_any(const struct place *place, json_t *rule)
{
    const char *fault = NULL;

    for (size_t i = 0; i < json_array_size(rule); i++) {
        fault = check_same(place, json_array_get(rule, i));
        if (!fault)
            return NULL;
    }
    return fault;
}

static const char *check_reference(const struct place *place, json_t *rule)
{
    static const char start[] = "#/$defs/";
    const char *to = json_string_value(rule);
    json_t *schema = NULL;

    if (to && strncmp(to, start, sizeof(start) - 1) == 0)
        schema = json_object_get(json_object_get(place->root, "$defs"), to + sizeof(start) - 1);
    if (!schema)
        t_fail("the schema refers to %s, which is not there", to);
    return check_same(place, schema);
}

static const char *pass(const struct place *place, json_t *rule)
{
    (void)place;
    (void)rule;
    return NULL;
}

static const struct keyword {
    const char *name;
    const char *(*check)(const struct place *place, json_t *rule);
} keywords[] = {
    {"$schema", pass},
    {"$defs", pass},
    {"title", pass},
    {"description", pass},
    {"$ref", check_reference},
    {"anyOf", check_any},
    {"type", check_type},
    {"enum", check_enum},
    {"minimum", check_minimum},
    {"pattern", check_pattern},
    {"items", check_items},
    {"required", check_required},
    {"properties", check_members},
    {"patternProperties", check_members},
    {"additionalProperties", pass}, /* with the two above; weir's own has one of them beside it */
};

static const struct keyword *find_keyword(const char *name)
{
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (strcmp(keywords[i].name, name) == 0)
            return &keywords[i];
    }
    t_fail("the validator does not know the keyword `%s`", name);
}

static const char *check(const struct place *place)
{
    const char *name;
    json_t *rule;

    json_object_foreach(place->schema, name, rule)
    {
        const char *fault = find_keyword(name)->check(place, rule);
        if (fault)
            return fault;
    }
    return NULL;
}

json_t *(t_schema_load)(const char *path)
{
    json_error_t error;
    json_t *schema = json_load_file(t_text("%s/%s", WEIR_SOURCE_DIR, path), JSON_REJECT_DUPLICATES,
                                    &error);

    if (!schema)
        t_fail("%s: %s at line %d", path, error.text, error.line);
    return t_keep(schema);
}

const char *t_schema_find_fault(json_t *schema, json_t *value)
{
    return check(&(struct place){schema, schema, value, NULL, NULL, 0});
}

void(t_schema_assert)(json_t *schema, json_t *value)
{
    const char *fault = t_schema_find_fault(schema, value);

    if (fault)
        t_fail("not as its schema says: %s", fault);
}
