/* The table of malformed answers. */
#include "origin_bad.h"

#include <string.h>

enum { HUGE_FIELD_BYTES = 1 << 20, MANY_FIELDS = 10000 };

struct bad {
    const char *name;
    const char *help;
    const char *bytes; /* null: made by `origin_bad_write` */
    size_t len;
    bool closes;
};

#define BYTES(literal) (literal), sizeof(literal) - 1

static const struct bad bads[] = {
    {"none", "", BYTES(""), false},
    {"garbage", "bytes that are not HTTP", BYTES("\x16\x03\x01 this is not HTTP\r\n\r\n"), false},
    {"http09", "a body without a head, then the end", BYTES("<p>hello from 1991</p>\n"), true},
    {"two_lengths", "Content-Length twice, different",
     BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), false},
    {"length_and_chunked", "Content-Length and Transfer-Encoding",
     BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
           "5\r\nhello\r\n0\r\n\r\n"),
     false},
    {"bad_length", "Content-Length: 5x",
     BYTES("HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello"), false},
    {"negative_length", "Content-Length: -5",
     BYTES("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"), false},
    {"bad_chunk_size", "a chunk size that is no number",
     BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n"),
     false},
    {"chunk_no_crlf", "a chunk longer than its size",
     BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello!!0\r\n\r\n"), false},
    {"bare_lf", "lines that end with LF", BYTES("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"),
     false},
    {"bare_cr", "a CR alone in a field",
     BYTES("HTTP/1.1 200 OK\r\nX-Bad: one\rContent-Length: 50\r\nContent-Length: 5\r\n\r\nhello"),
     false},
    {"nul_in_header", "a NUL in a field",
     BYTES("HTTP/1.1 200 OK\r\nX-Bad: one\0two\r\nContent-Length: 5\r\n\r\nhello"), false},
    {"obs_fold", "a folded field line",
     BYTES("HTTP/1.1 200 OK\r\nX-Bad: one\r\n two\r\nContent-Length: 5\r\n\r\nhello"), false},
    {"space_before_colon", "Content-Length : 5",
     BYTES("HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello"), false},
    {"no_colon", "a field line without a colon",
     BYTES("HTTP/1.1 200 OK\r\nX-Bad\r\nContent-Length: 5\r\n\r\nhello"), false},
    {"huge_head", "well-formed, with a field of 1 MiB", NULL, 0, false},
    {"many_headers", "well-formed, with 10000 fields", NULL, 0, false},
    {"bad_status", "HTTP/1.1 2OO OK", BYTES("HTTP/1.1 2OO OK\r\nContent-Length: 5\r\n\r\nhello"),
     false},
    {"status_99", "HTTP/1.1 99", BYTES("HTTP/1.1 99 Low\r\nContent-Length: 5\r\n\r\nhello"), false},
    {"http2_version", "HTTP/2.0 in HTTP/1 clothes",
     BYTES("HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"), false},
    {"te_gzip", "a transfer coding other than chunked",
     BYTES("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello"), false},
    {"unasked_101", "switches to a protocol nobody asked for",
     BYTES("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: unknown\r\n\r\n"),
     false},
};

enum { BADS = sizeof(bads) / sizeof(bads[0]) };

int origin_bad_find(const char *name)
{
    for (int i = 0; i < BADS; i++)
        if (strcmp(bads[i].name, name) == 0)
            return i;
    return -1;
}

static void write_huge_head(struct origin_out *out)
{
    char piece[1024];
    memset(piece, 'a', sizeof(piece));
    origin_out_text(out, "HTTP/1.1 200 OK\r\nX-Huge: ");
    for (size_t done = 0; done < HUGE_FIELD_BYTES; done += sizeof(piece))
        origin_out_bytes(out, piece, sizeof(piece));
    origin_out_text(out, "\r\nContent-Length: 5\r\n\r\nhello");
}

static void write_many_headers(struct origin_out *out)
{
    origin_out_text(out, "HTTP/1.1 200 OK\r\n");
    for (uint64_t i = 0; i < MANY_FIELDS; i++) {
        origin_out_text(out, "X-Field-");
        origin_out_number(out, i);
        origin_out_text(out, ": 1\r\n");
    }
    origin_out_text(out, "Content-Length: 5\r\n\r\nhello");
}

bool origin_bad_write(int bad, struct origin_out *out)
{
    const struct bad *row = &bads[bad];
    if (row->bytes)
        origin_out_bytes(out, row->bytes, row->len);
    else if (strcmp(row->name, "huge_head") == 0)
        write_huge_head(out);
    else
        write_many_headers(out);
    return row->closes;
}

void origin_bad_help(FILE *file)
{
    for (int i = 1; i < BADS; i++)
        fprintf(file, "  %-32s%s\n", bads[i].name, bads[i].help);
}
