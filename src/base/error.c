#include "weir/base/error.h"

struct row {
    const char *name;
    enum weir_side side;
    unsigned status;
    const char *text;
};

static const struct row rows[WEIR_ERROR_COUNT] = {
#define ROW(name, side, status, text) {#name, WEIR_SIDE_##side, status, text},
    WEIR_ERRORS(ROW)
#undef ROW
};

const char *weir_error_name(enum weir_error error)
{
    return rows[error].name;
}

const char *weir_error_text(enum weir_error error)
{
    return rows[error].text;
}

unsigned weir_error_status(enum weir_error error)
{
    return rows[error].status;
}

enum weir_side weir_error_side(enum weir_error error)
{
    return rows[error].side;
}
