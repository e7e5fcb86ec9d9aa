#include "load_answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void load_answer_begin(struct load_answer *answer)
{
    answer->head_len = 0;
    answer->is_head_done = answer->has_length = answer->closes = false;
    answer->status = 0;
    answer->body_left = 0;
}

static void read_field(struct load_answer *answer, const char *line)
{
    static const char length[] = "Content-Length:", connection[] = "Connection:";

    if (strncasecmp(line, length, sizeof(length) - 1) == 0) {
        answer->body_left = strtoull(line + sizeof(length) - 1, NULL, 10);
        answer->has_length = true;
    } else if (strncasecmp(line, connection, sizeof(connection) - 1) == 0) {
        const char *value = line + sizeof(connection) - 1;
        value += strspn(value, " ");
        answer->closes = strncasecmp(value, "close", strlen("close")) == 0;
    }
}

/* The head is whole and ends in a zero byte. */
static bool read_head(struct load_answer *answer)
{
    const char *line = answer->head;

    if (strncmp(line, "HTTP/1.", strlen("HTTP/1.")) != 0 || strlen(line) < strlen("HTTP/1.1 200"))
        return false;
    answer->status = (int)strtol(line + strlen("HTTP/1.1 "), NULL, 10);
    while ((line = strstr(line, "\r\n"))) {
        line += 2;
        read_field(answer, line);
    }
    return answer->has_length;
}

enum load_answer_state load_answer_take(struct load_answer *answer, const char *data, size_t len)
{
    if (!answer->is_head_done) {
        size_t room = sizeof(answer->head) - 1 - answer->head_len, kept = len < room ? len : room,
               before = answer->head_len;
        memcpy(answer->head + before, data, kept);
        answer->head[before + kept] = '\0';
        answer->head_len += kept;
        const char *end = strstr(answer->head, "\r\n\r\n");
        if (!end)
            return kept < len ? LOAD_ANSWER_BAD : LOAD_ANSWER_MORE;
        answer->is_head_done = true;
        answer->head[end - answer->head + 2] = '\0';
        if (!read_head(answer))
            return LOAD_ANSWER_BAD;
        len -= (size_t)(end - answer->head) + strlen("\r\n\r\n") - before;
    }
    if (len > answer->body_left)
        return LOAD_ANSWER_BAD;
    answer->body_left -= len;
    return answer->body_left == 0 ? LOAD_ANSWER_DONE : LOAD_ANSWER_MORE;
}
