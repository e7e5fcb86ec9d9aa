#include "weir/config/expand.h"

#include "weir/config/utf8.h"

#include <stdlib.h>
#include <string.h>

#define OPEN "${"
#define ESCAPED_OPEN "$${"
#define DEFAULT_MARK ":-"
#define NAME_MAX_LEN 128

/* What is being written. With `to` NULL only the length is counted. */
struct output {
    char *to;
    size_t len;
};

static void put(struct output *output, const char *text, size_t len)
{
    if (output->to != NULL)
        memcpy(output->to + output->len, text, len);
    output->len += len;
}

static size_t name_len(const char *text)
{
    size_t len = 0;

    for (;; len++) {
        char c = text[len];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!is_letter && !(len > 0 && c >= '0' && c <= '9'))
            return len;
    }
}

/* Puts in what the reference at TEXT (behind its `${`) stands for.
 * Returns the reference's end, NULL when it is wrong. */
static const char *put_reference(const char *text, struct output *output, struct weir_why *why)
{
    char name[NAME_MAX_LEN + 1];
    size_t len = name_len(text);
    const char *end = strchr(text, '}');
    bool has_default = strncmp(text + len, DEFAULT_MARK, strlen(DEFAULT_MARK)) == 0;

    if (end == NULL || len == 0 || len > NAME_MAX_LEN || (!has_default && text + len != end)) {
        weir_why_set(why, "has a broken reference; write ${NAME} or ${NAME:-default}, "
                          "or $${ for ${ itself");
        return NULL;
    }
    memcpy(name, text, len);
    name[len] = '\0';
    const char *value = getenv(name);
    if (has_default && (value == NULL || value[0] == '\0')) {
        const char *from = text + len + strlen(DEFAULT_MARK);
        put(output, from, (size_t)(end - from));
        return end + 1;
    }
    if (value == NULL || !weir_utf8_is_valid(value)) {
        weir_why_set(why, "needs the environment variable `%s`, which is %s", name,
                     value == NULL ? "not set; set it or write ${NAME:-default}" : "not UTF-8");
        return NULL;
    }
    put(output, value, strlen(value));
    return end + 1;
}

/* Returns false, with WHY set, as soon as something is wrong. */
static bool put_all(const char *text, struct output *output, struct weir_why *why)
{
    while (text != NULL && *text != '\0') {
        if (strncmp(text, ESCAPED_OPEN, strlen(ESCAPED_OPEN)) == 0) {
            put(output, OPEN, strlen(OPEN));
            text += strlen(ESCAPED_OPEN);
        } else if (strncmp(text, OPEN, strlen(OPEN)) == 0) {
            text = put_reference(text + strlen(OPEN), output, why);
        } else {
            put(output, text++, 1);
        }
        if (output->len > WEIR_EXPAND_BYTES_MAX)
            return weir_why_set(why, "is longer than %u bytes with the environment's values in it",
                                WEIR_EXPAND_BYTES_MAX);
    }
    return text != NULL;
}

bool weir_expand_text(struct weir_arena *arena, const char *text, const char **result,
                      struct weir_why *why)
{
    struct output output = {0};

    why->text[0] = '\0';
    *result = text;
    if (strstr(text, OPEN) == NULL)
        return true;
    if (!put_all(text, &output, why))
        return false;
    char *copy = weir_arena_take(arena, output.len + 1, 1);
    if (copy == NULL)
        return false;
    output = (struct output){.to = copy};
    *result = copy;
    return put_all(text, &output, why);
}
