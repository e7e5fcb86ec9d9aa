#include "weir/config/suggest.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

/* One letter of three may be wrong, three at most. */
#define LETTERS_PER_FAULT 3
#define DISTANCE_MAX 3
#define BEGINNING_MIN 3

struct rows {
    size_t before_last[WEIR_SUGGEST_WORD_MAX + 1];
    size_t last[WEIR_SUGGEST_WORD_MAX + 1];
    size_t now[WEIR_SUGGEST_WORD_MAX + 1];
};

static char to_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool is_swapped(const char *a, const char *b, size_t i, size_t j)
{
    return i > 1 && j > 1 && to_lower(a[i - 1]) == to_lower(b[j - 2]) &&
           to_lower(a[i - 2]) == to_lower(b[j - 1]);
}

/* The row of the edit matrix for A's letter I. Returns its least distance. */
static size_t fill_row(struct rows *rows, const char *a, size_t i, const char *b, size_t b_len)
{
    size_t row_least = rows->now[0] = i;

    for (size_t j = 1; j <= b_len; j++) {
        size_t cost = to_lower(a[i - 1]) == to_lower(b[j - 1]) ? 0 : 1;
        size_t best = least(rows->last[j - 1] + cost, least(rows->last[j], rows->now[j - 1]) + 1);
        if (is_swapped(a, b, i, j))
            best = least(best, rows->before_last[j - 2] + 1);
        rows->now[j] = best;
        row_least = least(row_least, best);
    }
    return row_least;
}

size_t weir_suggest_distance(const char *a, const char *b, size_t limit)
{
    struct rows rows;
    size_t a_len = strnlen(a, WEIR_SUGGEST_WORD_MAX + 1);
    size_t b_len = strnlen(b, WEIR_SUGGEST_WORD_MAX + 1);
    size_t last_least = 0;

    if (a_len > WEIR_SUGGEST_WORD_MAX || b_len > WEIR_SUGGEST_WORD_MAX ||
        (a_len > b_len ? a_len - b_len : b_len - a_len) > limit)
        return limit + 1;
    for (size_t j = 0; j <= b_len; j++)
        rows.last[j] = j;
    memset(rows.before_last, 0, sizeof(rows.before_last));
    for (size_t i = 1; i <= a_len; i++) {
        size_t row_least = fill_row(&rows, a, i, b, b_len);
        /* A swap looks two rows back, so one row above the limit proves nothing. */
        if (row_least > limit && last_least > limit)
            return limit + 1;
        last_least = row_least;
        memcpy(rows.before_last, rows.last, (b_len + 1) * sizeof(size_t));
        memcpy(rows.last, rows.now, (b_len + 1) * sizeof(size_t));
    }
    return least(rows.last[b_len], limit + 1);
}

/* Does one word begin with the other, a part that is long enough to be meant? */
static bool is_beginning(const char *a, const char *b)
{
    size_t len = least(strlen(a), strlen(b));
    return len >= BEGINNING_MIN && strncasecmp(a, b, len) == 0;
}

void weir_suggest_init(struct weir_suggest *suggest, const char *wrong)
{
    size_t len = strnlen(wrong, WEIR_SUGGEST_WORD_MAX + 1);
    size_t limit = least((len + 1) / LETTERS_PER_FAULT, DISTANCE_MAX);

    *suggest = (struct weir_suggest){.wrong = wrong, .distance = limit + 1};
}

void weir_suggest_try(struct weir_suggest *suggest, const char *word)
{
    if (suggest->nearest == NULL && is_beginning(suggest->wrong, word))
        suggest->nearest = word;
    if (suggest->distance == 0)
        return;
    size_t distance = weir_suggest_distance(suggest->wrong, word, suggest->distance - 1);
    if (distance >= suggest->distance)
        return;
    suggest->distance = distance;
    suggest->nearest = word;
}
