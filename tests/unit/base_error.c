#include "weir/base/error.h"

#include <criterion/criterion.h>
#include <string.h>

/* What INTERFACE.md says a client gets, word for word the statuses. */
static const struct {
    enum weir_error error;
    unsigned status;
} statuses[] = {
    {WEIR_BAD_REQUEST_LINE, 400}, {WEIR_BAD_TARGET, 400},       {WEIR_BAD_FIELD, 400},
    {WEIR_BAD_HOST, 400},         {WEIR_BAD_FRAMING, 400},      {WEIR_BAD_CHUNK, 400},
    {WEIR_BODY_CUT, 400},         {WEIR_NO_ROUTE, 404},         {WEIR_PLAIN_REQUEST, 400},
    {WEIR_HEAD_TIMEOUT, 408},     {WEIR_BODY_TIMEOUT, 408},     {WEIR_BODY_TOO_LARGE, 413},
    {WEIR_TARGET_TOO_LONG, 414},  {WEIR_HEAD_TOO_LARGE, 431},   {WEIR_TOO_MANY_FIELDS, 431},
    {WEIR_UNKNOWN_CODING, 501},   {WEIR_NO_SERVER, 503},        {WEIR_QUEUE_FULL, 503},
    {WEIR_QUEUE_TIMEOUT, 503},    {WEIR_NO_PORT, 503},          {WEIR_BAD_SOURCE, 503},
    {WEIR_NO_SOCKET, 503},        {WEIR_CONNECT_FAILED, 502},   {WEIR_CONNECT_TIMEOUT, 502},
    {WEIR_SERVER_CLOSED, 502},    {WEIR_SERVER_RESET, 502},     {WEIR_BAD_RESPONSE, 502},
    {WEIR_RESPONSE_CUT, 502},     {WEIR_RESPONSE_TIMEOUT, 504}, {WEIR_STALL, 504},
    {WEIR_CLIENT_GONE, 0},
};

Test(base_error, statuses_are_those_of_the_interface)
{
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
        cr_expect_eq(weir_error_status(statuses[i].error), statuses[i].status, "%s",
                     weir_error_name(statuses[i].error));
}

Test(base_error, each_row_is_complete_and_fits_its_side)
{
    for (int i = 1; i < WEIR_ERROR_COUNT; i++) {
        enum weir_error error = (enum weir_error)i;
        unsigned status = weir_error_status(error);
        const char *text = weir_error_text(error);
        enum weir_side side = weir_error_side(error);

        cr_expect(weir_error_name(error)[0] != '\0');
        cr_expect(strlen(text) > 10 && text[strlen(text) - 1] != '.', "%s", text);
        cr_expect_neq(side, WEIR_SIDE_NONE, "%s", text);
        if (side == WEIR_SIDE_CLIENT)
            cr_expect(status == 0 || status / 100 == 4 || status == 501, "%s", text);
        else
            cr_expect_eq(status / 100, 5, "%s", text);
        for (int k = 1; k < i; k++)
            cr_expect_str_neq(weir_error_name(error), weir_error_name((enum weir_error)k));
    }
    cr_expect_eq(WEIR_OK, 0);
    cr_expect_eq(weir_error_side(WEIR_OK), WEIR_SIDE_NONE);
}
