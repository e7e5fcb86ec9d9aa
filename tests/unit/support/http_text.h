/* Bytes of HTTP, for the tests of the http and proxy layers. */
#ifndef TESTS_UNIT_SUPPORT_HTTP_TEXT_H
#define TESTS_UNIT_SUPPORT_HTTP_TEXT_H

#include "weir/base/gather.h"
#include "weir/http/head.h"
#include "weir/http/message.h"

#define HTTP_COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

/* A head as it was read, and its bytes: a copy of just their size, so that AddressSanitizer sees
 * whoever reads beyond them. */
struct http_text {
    char *base;
    size_t len;
    enum weir_error error;
    struct weir_head head;
};

extern const struct weir_head_limits http_limits;

/* Reads the bytes with http_limits. Owns: http_text_free. */
struct http_text *http_text_read(enum weir_head_kind kind, struct weir_slice bytes);
/* The same within these limits, in pieces: the first FIRST bytes, then STEP more at a time, each
 * time at another place. Stops at an error or when the head is complete. */
struct http_text *http_text_drip(enum weir_head_kind kind, struct weir_slice bytes, size_t first,
                                 size_t step, const struct weir_head_limits *limits);
void http_text_free(struct http_text *text);

/* Whatever can be compared of what was read is the same. */
bool http_text_is_same(const struct http_text *a, const struct http_text *b);

/* The bytes with everything that is not printable escaped, for messages; one of a few buffers that
 * are used in turn. */
const char *http_show(struct weir_slice bytes);

/* All that is to be written, as one text. Owns: the caller frees it. */
char *http_gathered(const struct weir_gather *gather, size_t *len);

/* The same numbers on every run. */
uint32_t http_random(uint64_t *state);

#endif
