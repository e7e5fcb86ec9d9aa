/* Asserts that show bytes, and the pattern of weir-origin's bodies. */
#define T_HARNESS
#include "t_base.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ESCAPE_MAX = 2000, DIFF_BEFORE = 24, DIFF_AFTER = 60, PATTERN_LINE = 16 };

/* Writes one byte in at most four characters. */
static char *escape_byte(char *to, unsigned char byte)
{
    switch (byte) {
    case '\r':
        return stpcpy(to, "\\r");
    case '\n':
        return stpcpy(to, "\\n");
    case '\t':
        return stpcpy(to, "\\t");
    case '\\':
        return stpcpy(to, "\\\\");
    case '"':
        return stpcpy(to, "\\\"");
    default:
        break;
    }
    if (byte >= 0x20 && byte < 0x7f) {
        *to++ = (char)byte;
        *to = '\0';
        return to;
    }
    return to + sprintf(to, "\\x%02x", byte);
}

static char *escape_all(const unsigned char *data, size_t len)
{
    char *text = t_alloc(len * 4 + 1);
    char *end = text;
    for (size_t i = 0; i < len; i++)
        end = escape_byte(end, data[i]);
    return text;
}

char *t_escape(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    if (len <= ESCAPE_MAX)
        return escape_all(bytes, len);
    size_t half = ESCAPE_MAX / 2;
    return t_text("%s … %zu bytes … %s", escape_all(bytes, half), len - 2 * half,
                  escape_all(bytes + len - half, half));
}

/* The bytes around AT, for the message. */
static char *excerpt(const unsigned char *data, size_t len, size_t at)
{
    size_t from = at > DIFF_BEFORE ? at - DIFF_BEFORE : 0;
    size_t to = len - at > DIFF_AFTER ? at + DIFF_AFTER : len;
    return t_text("%s\"%s\"%s%s", from ? "…" : "", escape_all(data + from, to - from),
                  to < len ? "…" : "", to == at ? " (ends here)" : "");
}

void t_assert_bytes(const void *got, size_t got_len, const void *want, size_t want_len)
{
    const unsigned char *a = got, *b = want;
    size_t shorter = got_len < want_len ? got_len : want_len;
    size_t at = 0;
    while (at < shorter && a[at] == b[at])
        at++;
    if (at == got_len && at == want_len)
        return;
    t_fail("bytes differ from byte %zu on\n  got  %6zu bytes: %s\n  want %6zu bytes: %s", at,
           got_len, excerpt(a, got_len, at), want_len, excerpt(b, want_len, at));
}

void t_assert_text(const char *got, const char *want)
{
    if (!got)
        t_fail("got nothing\n  want: \"%s\"", t_escape(want, strlen(want)));
    t_assert_bytes(got, strlen(got), want, strlen(want));
}

void t_assert_contains(const char *got, const char *want)
{
    if (!got || !strstr(got, want))
        t_fail("not found\n  want: \"%s\"\n  in:   \"%s\"", t_escape(want, strlen(want)),
               got ? t_escape(got, strlen(got)) : "(nothing)");
}

void t_assert_lacks(const char *got, const char *unwanted)
{
    if (got && strstr(got, unwanted))
        t_fail("found\n  unwanted: \"%s\"\n  in:       \"%s\"",
               t_escape(unwanted, strlen(unwanted)), t_escape(got, strlen(got)));
}

void t_assert_number(const char *what, int64_t got, int64_t want)
{
    if (got != want)
        t_fail("%s is %" PRId64 ", not %" PRId64, what, got, want);
}

/* Two periods, so that a whole period can be taken from any place in the first. */
static char pattern[2 * T_PATTERN_PERIOD + 1];
static pthread_once_t pattern_once = PTHREAD_ONCE_INIT;

static void pattern_make(void)
{
    for (int line = 0; line < 2 * T_PATTERN_PERIOD / PATTERN_LINE; line++)
        snprintf(pattern + line * PATTERN_LINE, PATTERN_LINE + 1, "weir origin %03x\n",
                 (unsigned)line % (T_PATTERN_PERIOD / PATTERN_LINE));
}

void t_pattern_fill(void *data, size_t len, uint64_t offset)
{
    pthread_once(&pattern_once, pattern_make);
    char *to = data;
    while (len) {
        size_t piece = len < T_PATTERN_PERIOD ? len : T_PATTERN_PERIOD;
        memcpy(to, pattern + offset % T_PATTERN_PERIOD, piece);
        to += piece;
        offset += piece;
        len -= piece;
    }
}

size_t t_pattern_match(const void *data, size_t len, uint64_t offset)
{
    pthread_once(&pattern_once, pattern_make);
    const char *bytes = data;
    size_t done = 0;
    while (done < len) {
        size_t piece = len - done < T_PATTERN_PERIOD ? len - done : T_PATTERN_PERIOD;
        const char *want = pattern + (offset + done) % T_PATTERN_PERIOD;
        if (memcmp(bytes + done, want, piece) != 0) {
            size_t i = 0;
            while (bytes[done + i] == want[i])
                i++;
            return done + i;
        }
        done += piece;
    }
    return len;
}
