/* Bytes to be sent: a buffer that grows. Each loop has one, reused for every write. */
#ifndef WEIR_BENCH_ORIGIN_OUT_H
#define WEIR_BENCH_ORIGIN_OUT_H

#include <stddef.h>
#include <stdint.h>

struct origin_out {
    char *data;
    size_t len;
    size_t size;
};

/* Appends. Out of memory ends the program. */
void origin_out_bytes(struct origin_out *out, const void *data, size_t len);
void origin_out_text(struct origin_out *out, const char *text);
void origin_out_number(struct origin_out *out, uint64_t number);
void origin_out_hex(struct origin_out *out, uint64_t number);

/* Appends LEN bytes of the pattern from byte OFFSET on: "weir origin 000\n…weir origin ffe\n",
 * 65520 bytes, over and over. Thread: any, once `origin_pattern_init` has run. */
void origin_out_pattern(struct origin_out *out, size_t len, uint64_t offset);
void origin_pattern_init(void);

#endif
