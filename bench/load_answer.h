/* How far an answer has come in: its status, its length, whether the connection ends behind it. */
#ifndef WEIR_BENCH_LOAD_ANSWER_H
#define WEIR_BENCH_LOAD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOAD_HEAD_MAX = 2048 };

struct load_answer {
    size_t head_len; /* kept so far */
    bool is_head_done, has_length, closes;
    int status;
    uint64_t body_left;
    char head[LOAD_HEAD_MAX];
};

enum load_answer_state { LOAD_ANSWER_MORE, LOAD_ANSWER_DONE, LOAD_ANSWER_BAD };

void load_answer_begin(struct load_answer *answer);

/* Only answers with a Content-Length are understood: what is measured has one. */
enum load_answer_state load_answer_take(struct load_answer *answer, const char *data, size_t len);

#endif
