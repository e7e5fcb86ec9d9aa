/* Any bytes as a request's texts: the line is one, as JSON it reads back to what went in, and in
 * the combined format it has as many quotes as it should.
 *
 * Bytes of 0xfe end one text and begin the next: target, host, Referer, User-Agent, method. */
#include "weir/base/assert.h"
#include "weir/proxy/record.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TEXTS = 5, END = 0xfe };

static char line[WEIR_RECORD_MAX];

static void split(const uint8_t *data, size_t size, struct weir_slice texts[TEXTS])
{
    for (int i = 0; i < TEXTS; i++) {
        const uint8_t *end = i + 1 < TEXTS && size > 0 ? memchr(data, END, size) : NULL;
        size_t len = end ? (size_t)(end - data) : size;
        texts[i] = weir_slice_make((const char *)data, len);
        data += end ? len + 1 : len;
        size -= end ? len + 1 : len;
    }
}

static void check_line(size_t len)
{
    WEIR_ASSERT(len > 0 && len <= WEIR_RECORD_MAX);
    WEIR_ASSERT(memchr(line, '\n', len) == line + len - 1);
    for (size_t i = 0; i + 1 < len; i++)
        WEIR_ASSERT((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
}

/* What is plain ASCII comes back as it was. */
static void check_json(size_t len, struct weir_slice target)
{
    json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    json_t *value = json_object_get(object, "target");
    bool is_plain = target.len > 0 && target.len < 4096;

    WEIR_ASSERT(object && json_is_string(value) && json_object_size(object) <= 25);
    for (size_t i = 0; i < target.len; i++)
        is_plain = is_plain && (unsigned char)target.data[i] < 0x80;
    WEIR_ASSERT(!is_plain || (json_string_length(value) == target.len &&
                              memcmp(json_string_value(value), target.data, target.len) == 0));
    json_decref(object);
}

static void check_combined(size_t len)
{
    unsigned n_quotes = 0;

    for (size_t i = 0; i < len; i++) {
        n_quotes += line[i] == '"';
        WEIR_ASSERT((unsigned char)line[i] < 0x7f);
    }
    WEIR_ASSERT(n_quotes == 6);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_slice texts[TEXTS];
    struct weir_record_clock clock = {.second = 0};
    size_t len;

    split(data, size, texts);
    struct weir_record record = {.client = WEIR_SLICE("::1"),
                                 .listener = "web",
                                 .target = texts[0],
                                 .host = texts[1],
                                 .referer = texts[2],
                                 .user_agent = texts[3],
                                 .method = texts[4],
                                 .minor = 1};
    len = weir_record_print_json(&record, &clock, line);
    check_line(len);
    check_json(len, texts[0]);
    len = weir_record_print_combined(&record, &clock, line);
    check_line(len);
    check_combined(len);
    return 0;
}
