#include "weir/control/round.h"

#include "weir/base/assert.h"

#include <stdlib.h>

struct weir_letter {
    struct weir_errand errand;
    struct weir_round *round;
};

bool weir_round_init(struct weir_round *round, const struct weir_control *control)
{
    round->n_out = 0;
    round->letters = calloc(control->n_workers, sizeof(*round->letters));
    return round->letters;
}

void weir_round_fini(struct weir_round *round)
{
    WEIR_ASSERT(round->n_out == 0);
    free(round->letters);
    round->letters = NULL;
}

struct weir_round *weir_round_of(const struct weir_errand *errand, unsigned *worker)
{
    const struct weir_letter *letter =
        (const struct weir_letter *)(const void *)((const char *)errand -
                                                   offsetof(struct weir_letter, errand));

    *worker = (unsigned)(letter - letter->round->letters);
    return letter->round;
}

static void on_errand_done(struct weir_errand *errand)
{
    unsigned worker;
    struct weir_round *round = weir_round_of(errand, &worker);

    round->n_out--;
    if (round->on_back)
        round->on_back(round, worker);
    if (round->n_out == 0)
        round->on_all_back(round);
}

void weir_round_send(struct weir_round *round, struct weir_control *control,
                     const struct weir_errand *errand)
{
    WEIR_ASSERT(control->n_workers > 0);
    round->n_out = control->n_workers;
    for (unsigned i = 0; i < control->n_workers; i++) {
        struct weir_letter *letter = &round->letters[i];
        *letter = (struct weir_letter){.errand = *errand, .round = round};
        letter->errand.home = &control->loop;
        letter->errand.on_done = on_errand_done;
        weir_worker_sweep(control->hands[i].worker, &letter->errand);
    }
}
