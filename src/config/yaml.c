#include "weir/config/yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MERGE_KEY "<<"

/* An open list or map. */
struct level {
    struct weir_yaml_node *node;
    struct weir_yaml_node *key; /* read, its value has yet to come */
};

struct reader {
    struct weir_arena *arena;
    struct weir_faults *faults;
    struct weir_slice text;
    yaml_parser_t parser;
    struct level levels[WEIR_YAML_DEPTH_MAX];
    size_t depth;
    size_t n_nodes;
    struct weir_yaml_node *root;
    bool is_complete;
};

static struct weir_place place_of(yaml_mark_t mark)
{
    return (struct weir_place){.line = mark.line + 1, .column = mark.column + 1};
}

/* A byte's place; for what libyaml reports by offset alone. */
static struct weir_place place_of_offset(struct weir_slice text, size_t offset)
{
    struct weir_place place = {.line = 1, .column = 1};

    for (size_t i = 0; i < text.len && i < offset; i++) {
        bool is_continuation = ((unsigned char)text.data[i] & 0xc0) == 0x80;
        place.column += is_continuation ? 0 : 1;
        if (text.data[i] == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

/* libyaml counts characters, not bytes. */
static bool is_tab_at(struct weir_slice text, size_t index)
{
    for (size_t i = 0; i < text.len; i++)
        if (((unsigned char)text.data[i] & 0xc0) != 0x80 && index-- == 0)
            return text.data[i] == '\t';
    return false;
}

static void add_syntax_fault(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem == NULL ? "the text cannot be read" : parser->problem;

    if (parser->error == YAML_MEMORY_ERROR)
        reader->arena->is_exhausted = true;
    else if (parser->error == YAML_READER_ERROR)
        weir_faults_add(reader->faults, place_of_offset(reader->text, parser->problem_offset),
                        "not valid YAML: %s (0x%02x); save the file as UTF-8 text", problem,
                        (unsigned)parser->problem_value);
    else if (is_tab_at(reader->text, parser->problem_mark.index))
        weir_faults_add(reader->faults, place_of(parser->problem_mark),
                        "not valid YAML: a tab; indent with spaces");
    else if (parser->context != NULL)
        weir_faults_add(reader->faults, place_of(parser->problem_mark),
                        "not valid YAML: %s (%s that began at line %zu)", problem, parser->context,
                        parser->context_mark.line + 1);
    else
        weir_faults_add(reader->faults, place_of(parser->problem_mark), "not valid YAML: %s",
                        problem);
}

struct weir_yaml_node *weir_yaml_make(struct weir_arena *arena, enum weir_yaml_kind kind,
                                      const char *text, struct weir_place place)
{
    struct weir_yaml_node *node = weir_arena_take(arena, 1, sizeof(*node));
    if (node == NULL)
        return NULL;
    *node = (struct weir_yaml_node){.kind = kind, .place = place, .is_literal = true};
    if (text != NULL)
        node->text = weir_arena_copy(arena, weir_slice_from(text));
    return text != NULL && node->text == NULL ? NULL : node;
}

void weir_yaml_append(struct weir_yaml_node *parent, struct weir_yaml_node *member)
{
    if (parent->last == NULL)
        parent->first = member;
    else
        parent->last->next = member;
    parent->last = member;
    parent->n_members++;
}

static int compare_keys(const void *a, const void *b)
{
    const struct weir_yaml_node *left = *(struct weir_yaml_node *const *)a;
    const struct weir_yaml_node *right = *(struct weir_yaml_node *const *)b;
    int by_text = strcmp(left->key->text, right->key->text);

    if (by_text != 0)
        return by_text;
    if (left->place.line != right->place.line)
        return left->place.line < right->place.line ? -1 : 1;
    return (left->place.column > right->place.column) - (left->place.column < right->place.column);
}

/* Leaves out the members that were found to be there twice. */
static void unlink_duplicates(struct weir_yaml_node *map)
{
    struct weir_yaml_node *member = map->first;

    map->first = map->last = NULL;
    map->n_members = 0;
    while (member != NULL) {
        struct weir_yaml_node *next = member->next;
        member->next = NULL;
        if (!member->is_duplicate)
            weir_yaml_append(map, member);
        member = next;
    }
}

/* Members of the same name: the first counts, the others are faults. Sorted, because a file may
 * hold half a million of them. */
static void check_duplicates(struct reader *reader, struct weir_yaml_node *map)
{
    struct weir_yaml_node **sorted;
    size_t n = 0;

    sorted = weir_arena_take(reader->arena, map->n_members, sizeof(struct weir_yaml_node *));
    if (sorted == NULL)
        return;
    for (struct weir_yaml_node *member = map->first; member != NULL; member = member->next)
        sorted[n++] = member;
    qsort(sorted, n, sizeof(struct weir_yaml_node *), compare_keys);
    for (size_t i = 1, first = 0; i < n; i++) {
        const struct weir_yaml_node *key = sorted[i]->key;
        if (strcmp(key->text, sorted[first]->key->text) != 0) {
            first = i;
            continue;
        }
        weir_faults_add(reader->faults, key->place,
                        "the key `%s` is given twice; it stands at line %zu already, "
                        "keep one of them",
                        weir_faults_quote(key->text).text, sorted[first]->key->place.line);
        sorted[i]->is_duplicate = true;
    }
    unlink_duplicates(map);
}

/* Puts a node where the document is: the root, a key, or the next member.
 * Fails: false when reading cannot go on. */
static bool attach(struct reader *reader, struct weir_yaml_node *node)
{
    if (reader->depth == 0) {
        reader->root = node;
        return true;
    }
    struct level *level = &reader->levels[reader->depth - 1];
    if (level->node->kind == WEIR_YAML_MAP && level->key == NULL) {
        level->key = node;
        if (node->kind == WEIR_YAML_SCALAR)
            return true;
        if (node->kind != WEIR_YAML_BROKEN)
            weir_faults_add(reader->faults, node->place, "a key must be a word; found %s",
                            weir_yaml_describe(node));
        return false;
    }
    node->key = level->key;
    level->key = NULL;
    if (node->key != NULL && node->key->is_plain && strcmp(node->key->text, MERGE_KEY) == 0)
        weir_faults_add(reader->faults, node->key->place,
                        "merge keys (`<<`) are not supported; write the keys out");
    else
        weir_yaml_append(level->node, node);
    return true;
}

static struct weir_yaml_node *make_node(struct reader *reader, enum weir_yaml_kind kind,
                                        struct weir_slice text, yaml_mark_t mark)
{
    struct weir_place place = place_of(mark);

    if (++reader->n_nodes > WEIR_YAML_NODES_MAX) {
        weir_faults_add(reader->faults, place, "more than %u keys and values in one file",
                        WEIR_YAML_NODES_MAX);
        return NULL;
    }
    struct weir_yaml_node *node = weir_arena_take(reader->arena, 1, sizeof(*node));
    if (node == NULL)
        return NULL;
    *node = (struct weir_yaml_node){.kind = kind, .place = place};
    if (kind != WEIR_YAML_SCALAR)
        return node;
    node->text = weir_arena_copy(reader->arena, text);
    return node->text == NULL ? NULL : node;
}

static void check_properties(struct reader *reader, const yaml_char_t *anchor,
                             const yaml_char_t *tag, yaml_mark_t mark)
{
    if (anchor != NULL)
        weir_faults_add(reader->faults, place_of(mark),
                        "the anchor `&%s`: anchors and aliases are not supported; "
                        "write the value out wherever it is needed",
                        weir_faults_quote((const char *)anchor).text);
    if (tag != NULL)
        weir_faults_add(reader->faults, place_of(mark),
                        "the tag `%s`: tags are not supported; remove it",
                        weir_faults_quote((const char *)tag).text);
}

static bool on_scalar(struct reader *reader, const yaml_event_t *event)
{
    struct weir_slice text = {(const char *)event->data.scalar.value, event->data.scalar.length};
    struct weir_yaml_node *node;

    check_properties(reader, event->data.scalar.anchor, event->data.scalar.tag, event->start_mark);
    node = make_node(reader, WEIR_YAML_SCALAR, text, event->start_mark);
    if (node == NULL)
        return false;
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (memchr(text.data, '\0', text.len) != NULL) {
        weir_faults_add(reader->faults, node->place, "a NUL byte; remove it");
        node->kind = WEIR_YAML_BROKEN;
    }
    return attach(reader, node);
}

static bool on_alias(struct reader *reader, const yaml_event_t *event)
{
    struct weir_yaml_node *node = make_node(reader, WEIR_YAML_BROKEN, weir_slice_make("", 0),
                                            event->start_mark);
    if (node == NULL)
        return false;
    weir_faults_add(reader->faults, node->place,
                    "the alias `*%s`: anchors and aliases are not supported; "
                    "write the value out wherever it is needed",
                    weir_faults_quote((const char *)event->data.alias.anchor).text);
    return attach(reader, node);
}

static bool on_start(struct reader *reader, enum weir_yaml_kind kind, yaml_mark_t mark)
{
    struct weir_yaml_node *node = make_node(reader, kind, weir_slice_make("", 0), mark);

    if (node == NULL || !attach(reader, node))
        return false;
    if (reader->depth == WEIR_YAML_DEPTH_MAX) {
        weir_faults_add(reader->faults, node->place,
                        "nested more than %u levels deep; no key needs that", WEIR_YAML_DEPTH_MAX);
        return false;
    }
    reader->levels[reader->depth++] = (struct level){.node = node};
    return true;
}

static bool on_end(struct reader *reader)
{
    struct weir_yaml_node *node = reader->levels[--reader->depth].node;
    if (node->kind == WEIR_YAML_MAP)
        check_duplicates(reader, node);
    return !reader->arena->is_exhausted;
}

static bool on_document(struct reader *reader, const yaml_event_t *event)
{
    if (reader->root == NULL)
        return true;
    weir_faults_add(reader->faults, place_of(event->start_mark),
                    "a second document begins here; one file holds one configuration");
    return false;
}

/* Fails: false when reading is over, is_complete tells why. */
static bool on_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(reader, event);
    case YAML_ALIAS_EVENT:
        return on_alias(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        check_properties(reader, event->data.sequence_start.anchor, event->data.sequence_start.tag,
                         event->start_mark);
        return on_start(reader, WEIR_YAML_LIST, event->start_mark);
    case YAML_MAPPING_START_EVENT:
        check_properties(reader, event->data.mapping_start.anchor, event->data.mapping_start.tag,
                         event->start_mark);
        return on_start(reader, WEIR_YAML_MAP, event->start_mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(reader);
    case YAML_DOCUMENT_START_EVENT:
        return on_document(reader, event);
    case YAML_STREAM_END_EVENT:
        reader->is_complete = true;
        return false;
    default:
        return true;
    }
}

static void read_events(struct reader *reader)
{
    bool has_more = true;

    while (has_more) {
        yaml_event_t event;
        if (yaml_parser_parse(&reader->parser, &event) == 0) {
            add_syntax_fault(reader);
            return;
        }
        has_more = on_event(reader, &event);
        yaml_event_delete(&event);
    }
}

struct weir_yaml_node *weir_yaml_read(struct weir_arena *arena, struct weir_slice text,
                                      struct weir_faults *faults)
{
    struct reader reader = {.arena = arena, .faults = faults, .text = text};

    if (yaml_parser_initialize(&reader.parser) == 0) {
        arena->is_exhausted = true;
        return NULL;
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.data, text.len);
    read_events(&reader);
    yaml_parser_delete(&reader.parser);
    if (!reader.is_complete)
        return NULL;
    if (reader.root == NULL || weir_yaml_is_null(reader.root)) {
        weir_faults_add(faults, (struct weir_place){.line = 1, .column = 1},
                        "the file is empty; a configuration needs at least `listeners`");
        return NULL;
    }
    return reader.root;
}

struct weir_yaml_node *weir_yaml_first(const struct weir_yaml_node *node)
{
    return node == NULL ? NULL : node->first;
}

struct weir_yaml_node *weir_yaml_find(const struct weir_yaml_node *node, const char *name)
{
    if (node == NULL || node->kind != WEIR_YAML_MAP)
        return NULL;
    for (struct weir_yaml_node *member = node->first; member != NULL; member = member->next)
        if (strcmp(member->key->text, name) == 0)
            return member;
    return NULL;
}

bool weir_yaml_is_null_text(const char *text)
{
    return text[0] == '\0' || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0;
}

bool weir_yaml_is_null(const struct weir_yaml_node *node)
{
    return node->kind == WEIR_YAML_SCALAR && node->is_plain && weir_yaml_is_null_text(node->text);
}

const char *weir_yaml_describe(const struct weir_yaml_node *node)
{
    static const char *const words[] = {
        [WEIR_YAML_SCALAR] = "a single value",
        [WEIR_YAML_LIST] = "a list",
        [WEIR_YAML_MAP] = "a mapping",
        [WEIR_YAML_BROKEN] = "nothing usable",
    };
    return words[node->kind];
}
