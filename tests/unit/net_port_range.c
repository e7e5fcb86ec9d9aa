#include "weir/net/port_range.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

struct row {
    char range[32], reserved[64];
    int ports; /* -1: refused */
};

static struct row rows[] = {
    {"32768\t60999\n", "\n", 28232},
    {"32768 60999", "", 28232},
    {"1024\t65535\n", "8080,9148\n", 64510},
    {"1000\t1009\n", "1003-1005\n", 7},
    {"1000\t1009\n", "1003-1005,1009\n", 6},
    {"1000\t1009\n", "1-999,1010-65535\n", 10},
    {"1000\t1009\n", "990-1000,1009-1020\n", 8},
    {"1000\t1009\n", "0-65535\n", 0},
    {"1000\t1000\n", "\n", 1},
    {"1009\t1000\n", "\n", -1},
    {"1000\n", "\n", -1},
    {"", "", -1},
    {"a\tb\n", "\n", -1},
    {"1000\t1009 7\n", "\n", -1},
    {"1000\t99999\n", "\n", -1},
    {"-5\t1009\n", "\n", -1},
    {"1000\t1009\n", "x\n", -1},
    {"1000\t1009\n", "1003-\n", -1},
    {"1000\t1009\n", "99999999999999999999\n", -1},
};

ParameterizedTestParameters(net_port_range, count)
{
    return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows));
}

ParameterizedTest(const struct row *row, net_port_range, count)
{
    unsigned ports = 0;
    bool is_read = weir_port_range_count(row->range, row->reserved, &ports);

    cr_assert_eq(is_read ? (int)ports : -1, row->ports, "%s, %s: %d, %u", row->range, row->reserved,
                 is_read, ports);
}

Test(net_port_range, of_this_host)
{
    unsigned ports = 0;

    cr_assert(weir_port_range_read(&ports));
    cr_assert(ports > 0 && ports <= 65536);
}
