/* Text from outside, made harmless for a line of a log. Pure. */
#ifndef WEIR_BASE_ESCAPE_H
#define WEIR_BASE_ESCAPE_H

#include "weir/base/slice.h"

/* How many of the LEN (at least one) bytes at C are one character of UTF-8 (RFC 3629) that may
 * stand in a line as it is; 0 for controls, U+2028 and U+2029, and bytes that are no UTF-8. */
size_t weir_escape_plain_bytes(const unsigned char *c, size_t len);

enum weir_escape_style {
    WEIR_ESCAPE_JSON, /* inside a JSON string: \" \\ \uXXXX; a byte that is no UTF-8 is \u00XX */
    WEIR_ESCAPE_HEX,  /* as nginx and Apache write the combined format: \xXX for ", \, controls and
                         every byte above 0x7e */
    WEIR_ESCAPE_C     /* for people: \r \n \t \\ \xXX; quotes as they are */
};

/* Writes TEXT so that it can end neither its line nor, but for WEIR_ESCAPE_C, its string. Returns
 * the bytes written, at most ROOM; *used is how much of TEXT that is: less than all of it where
 * ROOM was too small. */
size_t weir_escape(enum weir_escape_style style, struct weir_slice text, char *out, size_t room,
                   size_t *used);

#endif
