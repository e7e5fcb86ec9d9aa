#include "weir/base/deadline.h"

#include "weir/base/assert.h"

#include <stdlib.h>
#include <utlist.h>

void weir_deadlines_init(struct weir_deadlines *deadlines)
{
    deadlines->lists = NULL;
    deadlines->look_ms = UINT64_MAX;
}

void weir_deadlines_fini(struct weir_deadlines *deadlines)
{
    struct weir_deadline_list *list, *following;

    LL_FOREACH_SAFE(deadlines->lists, list, following) {
        WEIR_ASSERT(!list->head);
        LL_DELETE(deadlines->lists, list);
        free(list);
    }
}

/* The list of this duration, made where there is none yet. */
static struct weir_deadline_list *find_list(struct weir_deadlines *deadlines, uint64_t after_ms)
{
    struct weir_deadline_list *list;

    LL_FOREACH(deadlines->lists, list) {
        if (list->after_ms == after_ms)
            return list;
    }
    list = calloc(1, sizeof(*list));
    if (list) {
        list->after_ms = after_ms;
        LL_PREPEND(deadlines->lists, list);
    }
    return list;
}

bool weir_deadline_set(struct weir_deadlines *deadlines, struct weir_deadline *deadline,
                       uint64_t now_ms, uint64_t after_ms)
{
    struct weir_deadline_list *list;

    weir_deadline_cancel(deadline);
    if (after_ms == 0)
        return true;
    list = find_list(deadlines, after_ms);
    if (!list)
        return false;
    deadline->list = list;
    deadline->at_ms = now_ms + after_ms;
    if (deadline->at_ms < deadlines->look_ms)
        deadlines->look_ms = deadline->at_ms;
    DL_APPEND(list->head, deadline);
    return true;
}

void weir_deadline_cancel(struct weir_deadline *deadline)
{
    if (!deadline->list)
        return;
    DL_DELETE(deadline->list->head, deadline);
    deadline->list = NULL;
}

uint64_t weir_deadlines_next_ms(const struct weir_deadlines *deadlines)
{
    const struct weir_deadline_list *list;
    uint64_t next_ms = UINT64_MAX;

    LL_FOREACH(deadlines->lists, list) {
        if (list->head && list->head->at_ms < next_ms)
            next_ms = list->head->at_ms;
    }
    return next_ms;
}

void weir_deadlines_run(struct weir_deadlines *deadlines, uint64_t now_ms)
{
    struct weir_deadline_list *list;

    LL_FOREACH(deadlines->lists, list) {
        /* What a callback sets is due later than now, so this ends. */
        while (list->head && list->head->at_ms <= now_ms) {
            struct weir_deadline *deadline = list->head;
            weir_deadline_cancel(deadline);
            deadline->on_expire(deadline);
        }
    }
    deadlines->look_ms = weir_deadlines_next_ms(deadlines);
}
