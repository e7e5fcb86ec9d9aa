#include "weir/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void weir_assert_failed(const char *file, int line, const char *expression, const char *detail)
{
    fprintf(stderr, "weir: %s:%d: this must hold and does not: %s%s%s\n", file, line, expression,
            *detail ? ": " : "", detail);
    abort();
}
