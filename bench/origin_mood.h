/* A mood: how weir-origin treats one request. The table in origin_mood.c reads moods from query
 * strings and from the command line, and prints the help: one row is one parameter. */
#ifndef WEIR_BENCH_ORIGIN_MOOD_H
#define WEIR_BENCH_ORIGIN_MOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    ORIGIN_BODY_MAX = 8192,
    ORIGIN_HEADERS_MAX = 8192,
    ORIGIN_TRAILERS_MAX = 2048,
    ORIGIN_REASON_MAX = 256,
    ORIGIN_INTERIMS_MAX = 8,
};

enum origin_framing { ORIGIN_LENGTH, ORIGIN_CHUNKED, ORIGIN_CLOSE };

enum origin_version { ORIGIN_HTTP11, ORIGIN_HTTP10 };

enum origin_connection { ORIGIN_AS_USUAL, ORIGIN_KEEP, ORIGIN_CLOSES };

enum origin_announce { ORIGIN_ANNOUNCE_NEEDED, ORIGIN_ANNOUNCE_NOTHING, ORIGIN_ANNOUNCE_ALWAYS };

enum origin_fail {
    ORIGIN_FAIL_NONE,
    ORIGIN_CLOSE_BEFORE_ANSWER,
    ORIGIN_RESET_BEFORE_ANSWER,
    ORIGIN_CLOSE_IN_HEAD,
    ORIGIN_CLOSE_IN_BODY,
    ORIGIN_RESET_IN_BODY,
    ORIGIN_CLOSE_AFTER_ANSWER_UNANNOUNCED,
    ORIGIN_RESET_AFTER_ANSWER,
    ORIGIN_CLOSE_ON_NEXT_REQUEST,
    ORIGIN_TALK_WHEN_IDLE,
    ORIGIN_EXTRA_BYTES,
};

/* Text that came percent-encoded. */
struct origin_text {
    size_t len;
    bool is_set;
};

struct origin_mood {
    uint64_t size;
    bool has_size;
    uint64_t seed;
    bool echo;
    bool dump;
    int framing; /* enum origin_framing, and so on */
    uint64_t chunk_bytes;
    int version;
    int connection;
    int announce;
    uint64_t delay_ms;
    uint64_t head_delay_ms;
    uint64_t body_delay_ms;
    uint64_t drip_ms;
    uint64_t talk_delay_ms;
    uint64_t status;
    uint64_t keepalive_timeout_ms; /* 0: none */
    uint64_t keepalive_requests;   /* 0: any number */
    int early;
    int lingers;
    int continues;  /* answers Expect: 100-continue with a 100 */
    int half_close; /* goes on for a peer that has shut down its sending side */
    int fail;
    int bad; /* row of the table in origin_bad.c, 0: none */
    size_t interim_count;
    int interims[ORIGIN_INTERIMS_MAX];
    struct origin_text body, reason, headers, trailers;
    char body_text[ORIGIN_BODY_MAX];
    char reason_text[ORIGIN_REASON_MAX];
    char headers_text[ORIGIN_HEADERS_MAX];   /* ready field lines */
    char trailers_text[ORIGIN_TRAILERS_MAX]; /* the same */
};

/* The mood of an origin that was told nothing. */
void origin_mood_init(struct origin_mood *mood);

/* Applies the parameters of QUERY (the part of a target behind '?') on top of MOOD.
 * Fails: -1, with what is wrong written to WRONG. */
int origin_mood_apply(struct origin_mood *mood, const char *query, size_t len, char *wrong,
                      size_t wrong_size);

/* Prints the parameters, one a line, for --help. */
void origin_mood_help(FILE *file);

#endif
