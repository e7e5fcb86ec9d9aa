#include "weir/config/units.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#define ROWS(rows) cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(*rows))

struct row {
    char text[40];
    uint64_t value; /* where it is good */
    char why[120];  /* else what is said */
};

typedef bool reader(const char *, uint64_t *, struct weir_why *);

static void expect(const struct row *row, reader *read)
{
    uint64_t value = 4711;
    struct weir_why why = {.text = ""};
    bool is_good = read(row->text, &value, &why);

    cr_expect_str_eq(why.text, row->why);
    cr_expect_eq(is_good, row->why[0] == '\0', "%s", row->text);
    if (is_good)
        cr_expect_eq(value, row->value, "%s: %llu", row->text, (unsigned long long)value);
}

#define NO_DURATION "is not a duration; write one like 500ms, 30s, 2m or 1h"
#define UNITS_ARE "the units are ms, s, m and h, as in "

static struct row durations[] = {
    {"0", 0, ""},
    {"0s", 0, ""},
    {"0.0", 0, ""},
    {"1ms", 1, ""},
    {"500ms", 500, ""},
    {"30s", 30000, ""},
    {"2m", 120000, ""},
    {"1h", 3600000, ""},
    {"1.5s", 1500, ""},
    {"0.5m", 30000, ""},
    {"1.0005s", 1000, ""},
    {"0.9999999999999s", 999, ""},
    {"007s", 7000, ""},
    {"18446744073709551615ms", UINT64_MAX, ""},
    {"18446744073709551616ms", 0, "is too large a number"},
    {"18446744073709552s", 0, "is too large a number"},
    {"18446744073709551.999s", 0, "is too large a number"},
    {"99999999999999999999999h", 0, "is too large a number"},
    {"0.4ms", 0, "is less than the smallest step"},
    {"30", 0, "has no unit; write 30s"},
    {"1.5", 0, "has no unit; write 1.5s"},
    {"30sec", 0, "has an unknown unit `sec`; " UNITS_ARE "30s"},
    {"30 s", 0, "has an unknown unit ` s`; " UNITS_ARE "30s"},
    {"30S", 0, "has an unknown unit `S`; " UNITS_ARE "30s"},
    {"1m30s", 0, "has an unknown unit `m30s`; " UNITS_ARE "1s"},
    {"1.s", 0, "has an unknown unit `.s`; " UNITS_ARE "1s"},
    {"2d", 0, "has an unknown unit `d`; " UNITS_ARE "2s"},
    {"", 0, NO_DURATION},
    {"s", 0, NO_DURATION},
    {"-1s", 0, NO_DURATION},
    {"+1s", 0, NO_DURATION},
    {" 1s", 0, NO_DURATION},
    {".5s", 0, NO_DURATION},
    {"off", 0, NO_DURATION},
};

ParameterizedTestParameters(config_units, durations)
{
    return ROWS(durations);
}

ParameterizedTest(struct row *row, config_units, durations)
{
    expect(row, weir_units_read_duration);
}

#define NO_SIZE "is not a size; write one like 512, 64KiB or 10MB"
#define SIZES_ARE "the units are KiB, MiB, GiB, KB, MB and GB"

static struct row sizes[] = {
    {"0", 0, ""},
    {"512", 512, ""},
    {"512B", 512, ""},
    {"64KiB", 65536, ""},
    {"10MB", 10000000, ""},
    {"10KB", 10000, ""},
    {"1MiB", 1048576, ""},
    {"2GB", 2000000000, ""},
    {"1GiB", 1073741824, ""},
    {"1.5KiB", 1536, ""},
    {"0.3KiB", 307, ""},
    {"18446744073709551615", UINT64_MAX, ""},
    {"18446744073709551616", 0, "is too large a number"},
    {"17179869184GiB", 0, "is too large a number"},
    {"0.5", 0, "is less than the smallest step"},
    {"10kb", 0, "has an unknown unit `kb`; " SIZES_ARE},
    {"10K", 0, "has an unknown unit `K`; " SIZES_ARE},
    {"10 MB", 0, "has an unknown unit ` MB`; " SIZES_ARE},
    {"", 0, NO_SIZE},
    {"MB", 0, NO_SIZE},
    {"-1", 0, NO_SIZE},
};

ParameterizedTestParameters(config_units, sizes)
{
    return ROWS(sizes);
}

ParameterizedTest(struct row *row, config_units, sizes)
{
    expect(row, weir_units_read_size);
}

static struct row numbers[] = {
    {"0", 0, ""},
    {"00", 0, ""},
    {"256", 256, ""},
    {"18446744073709551615", UINT64_MAX, ""},
    {"18446744073709551616", 0, "is too large a number"},
    {"1.5", 0, "is not a whole number"},
    {"1.0", 0, "is not a whole number"},
    {"1e3", 0, "is not a whole number"},
    {"0x10", 0, "is not a whole number"},
    {"1_000", 0, "is not a whole number"},
    {"-1", 0, "is not a whole number"},
    {"", 0, "is not a whole number"},
};

ParameterizedTestParameters(config_units, numbers)
{
    return ROWS(numbers);
}

ParameterizedTest(struct row *row, config_units, numbers)
{
    expect(row, weir_units_read_number);
}

#define NO_PERCENTAGE "is not a percentage; write a whole one like 20%"

static struct row percentages[] = {
    {"0", 0, ""},
    {"0%", 0, ""},
    {"20%", 20, ""},
    {"101%", 101, ""},
    {"20", 0, "has no unit; write 20%"},
    {"2.5%", 0, NO_PERCENTAGE},
    {"20 %", 0, NO_PERCENTAGE},
    {"%", 0, NO_PERCENTAGE},
    {"-1%", 0, NO_PERCENTAGE},
    {"99999999999999999999%", 0, "is too large a number"},
};

ParameterizedTestParameters(config_units, percentages)
{
    return ROWS(percentages);
}

ParameterizedTest(struct row *row, config_units, percentages)
{
    expect(row, weir_units_read_percent);
}

static struct row booleans[] = {
    {"true", 1, ""},
    {"on", 1, ""},
    {"yes", 1, ""},
    {"True", 1, ""},
    {"false", 0, ""},
    {"off", 0, ""},
    {"NO", 0, ""},
    {"ture", 0, "is unknown; did you mean `true`?"},
    {"flase", 0, "is unknown; did you mean `false`?"},
    {"1", 0, "is unknown; write true or false"},
    {"", 0, "is unknown; write true or false"},
};

ParameterizedTestParameters(config_units, booleans)
{
    return ROWS(booleans);
}

ParameterizedTest(struct row *row, config_units, booleans)
{
    expect(row, weir_units_read_bool);
}

static struct row formatted_durations[] = {
    {"0", 0, ""},         {"1ms", 1, ""},      {"1500ms", 1500, ""}, {"1s", 1000, ""},
    {"60s", 60000, ""},   {"90s", 90000, ""},  {"2m", 120000, ""},   {"150s", 150000, ""},
    {"59m", 3540000, ""}, {"1h", 3600000, ""}, {"90m", 5400000, ""}, {"24h", 86400000, ""},
};

ParameterizedTestParameters(config_units, formatted_durations)
{
    return ROWS(formatted_durations);
}

ParameterizedTest(struct row *row, config_units, formatted_durations)
{
    char text[WEIR_UNITS_TEXT_MAX];

    cr_expect_str_eq(weir_units_format_duration(row->value, text), row->text);
    expect(row, weir_units_read_duration);
}

static struct row formatted_sizes[] = {
    {"0", 0, ""},
    {"1", 1, ""},
    {"1023", 1023, ""},
    {"1KiB", 1024, ""},
    {"1KB", 1000, ""},
    {"1536", 1536, ""},
    {"10MB", 10000000, ""},
    {"1MiB", 1048576, ""},
    {"1GiB", 1u << 30, ""},
    {"2GB", 2000000000, ""},
    {"1000KiB", 1024000, ""},
    {"18446744073709551615", UINT64_MAX, ""},
};

ParameterizedTestParameters(config_units, formatted_sizes)
{
    return ROWS(formatted_sizes);
}

ParameterizedTest(struct row *row, config_units, formatted_sizes)
{
    char text[WEIR_UNITS_TEXT_MAX];

    cr_expect_str_eq(weir_units_format_size(row->value, text), row->text);
    expect(row, weir_units_read_size);
}
