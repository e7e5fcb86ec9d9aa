/* How far a run of bytes of one kind goes, looked for sixteen bytes at a time: heads are read so.
 *
 * Pure. No byte from END on is read. The last sixteen before it are looked at as a whole, so there
 * must be as many, in front of TEXT where it is shorter. */
#ifndef WEIR_BASE_SCAN_H
#define WEIR_BASE_SCAN_H

#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { WEIR_SCAN_BYTES = 16 };

/* As GCC and clang have them, on any machine. */
typedef uint8_t weir_scan_bytes __attribute__((vector_size(WEIR_SCAN_BYTES)));

/* A bit for each byte of WHERE, which are 0 or 0xff; the first is the lowest. */
static inline unsigned weir_scan_bits(weir_scan_bytes where)
{
#ifdef __SSE2__
    return (unsigned)_mm_movemask_epi8((__m128i)where);
#else
    unsigned bits = 0;
    for (int i = 0; i < WEIR_SCAN_BYTES; i++)
        bits |= (unsigned)(where[i] & 1) << i;
    return bits;
#endif
}

/* The sixteen bytes from TEXT on, or the last before END; returns where they begin. */
static inline const char *weir_scan_load(const char *text, const char *end, weir_scan_bytes *bytes)
{
    const char *at = end - text >= WEIR_SCAN_BYTES ? text : end - WEIR_SCAN_BYTES;

    memcpy(bytes, at, sizeof(*bytes));
    return at;
}

/* The first byte from TEXT on that is not between LOW and 0x7e, or END: LOW is ' ' for what can be
 * printed, '!' for the same without the blank. */
static inline const char *weir_scan_plain(const char *text, const char *end, uint8_t low)
{
    while (text < end) {
        weir_scan_bytes bytes;
        const char *at = weir_scan_load(text, end, &bytes);
        unsigned odd = weir_scan_bits((weir_scan_bytes)((bytes < low) | (bytes > 0x7e)));
        odd >>= text - at;
        if (odd != 0)
            return text + __builtin_ctz(odd);
        text = at + WEIR_SCAN_BYTES;
    }
    return end;
}

/* The same for letters and '-', of which nearly all names of fields are made. */
static inline const char *weir_scan_name(const char *text, const char *end)
{
    while (text < end) {
        weir_scan_bytes bytes;
        const char *at = weir_scan_load(text, end, &bytes);
        unsigned odd = weir_scan_bits(
            (weir_scan_bytes)((((bytes | 0x20) - 'a') > 'z' - 'a') & (bytes != '-')));
        odd >>= text - at;
        if (odd != 0)
            return text + __builtin_ctz(odd);
        text = at + WEIR_SCAN_BYTES;
    }
    return end;
}

#endif
