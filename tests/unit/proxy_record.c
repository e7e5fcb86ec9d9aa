#include "weir/proxy/record.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <jansson.h>
#include <string.h>

static char line[WEIR_RECORD_MAX + 1];

static const char *json(const struct weir_record *record)
{
    struct weir_record_clock clock = {.second = 0};
    size_t len = weir_record_print_json(record, &clock, line);

    cr_assert_leq(len, WEIR_RECORD_MAX);
    line[len] = '\0';
    cr_assert_eq(strlen(line), len);
    cr_assert_eq(strchr(line, '\n'), line + len - 1);
    return line;
}

static const char *combined(const struct weir_record *record)
{
    struct weir_record_clock clock = {.second = 0};
    size_t len = weir_record_print_combined(record, &clock, line);

    cr_assert_leq(len, WEIR_RECORD_MAX);
    line[len] = '\0';
    cr_assert_eq(strlen(line), len);
    cr_assert_eq(strchr(line, '\n'), line + len - 1);
    return line;
}

static struct weir_record full(void)
{
    return (struct weir_record){
        .begun_us = 1792524623045678, /* 2026-10-20T19:30:23.045678Z */
        .client = WEIR_SLICE("192.0.2.1"),
        .client_port = 40078,
        .listener = "web",
        .pool = "legacy",
        .server = "127.0.0.1:9001",
        .method = WEIR_SLICE("GET"),
        .target = WEIR_SLICE("/a?b=c"),
        .host = WEIR_SLICE("www.example.com"),
        .referer = WEIR_SLICE("http://r/"),
        .user_agent = WEIR_SLICE("curl/7"),
        .minor = 1,
        .status = 200,
        .bytes_in = 106,
        .bytes_out = 9223372036854775807,
        .content_out = 5,
        .queue_us = 0,
        .connect_us = 1001,
        .first_byte_us = 12345,
        .total_us = 60000000,
        .is_reused = true,
        .connection_requests = 17,
        .connection_age_ms = 2500,
        .retries = 1,
    };
}

Test(proxy_record, json)
{
    struct weir_record record = full();

    cr_expect_str_eq(
        json(&record),
        "{\"time\":\"2026-10-20T19:30:23.045Z\",\"client\":\"192.0.2.1\",\"client_port\":40078,"
        "\"listener\":\"web\",\"method\":\"GET\",\"target\":\"/a?b=c\",\"protocol\":\"HTTP/1.1\","
        "\"host\":\"www.example.com\",\"referer\":\"http://r/\",\"user_agent\":\"curl/7\","
        "\"status\":200,\"bytes_in\":106,"
        "\"bytes_out\":9223372036854775807,\"queue_ms\":0.000,\"connect_ms\":1.001,"
        "\"first_byte_ms\":12.345,\"total_ms\":60000.000,\"pool\":\"legacy\","
        "\"server\":\"127.0.0.1:9001\",\"connection\":\"reused\",\"connection_age_ms\":2500,"
        "\"connection_requests\":17,\"retries\":1,\"reason\":null}\n");
}

static struct weir_record bare(void)
{
    return (struct weir_record){
        .begun_us = 0,
        .client = WEIR_SLICE("::1"),
        .client_port = 1,
        .listener = "web",
        .minor = WEIR_RECORD_NONE,
        .queue_us = WEIR_RECORD_NONE,
        .connect_us = WEIR_RECORD_NONE,
        .first_byte_us = WEIR_RECORD_NONE,
        .reason = WEIR_CLIENT_GONE,
    };
}

Test(proxy_record, json_of_nearly_nothing)
{
    struct weir_record record = bare();

    cr_expect_str_eq(
        json(&record),
        "{\"time\":\"1970-01-01T00:00:00.000Z\",\"client\":\"::1\",\"client_port\":1,"
        "\"listener\":\"web\",\"method\":\"-\",\"target\":\"-\",\"protocol\":\"-\",\"host\":null,"
        "\"referer\":null,\"user_agent\":null,\"status\":null,\"bytes_in\":0,\"bytes_out\":0,"
        "\"queue_ms\":null,\"connect_ms\":null,"
        "\"first_byte_ms\":null,\"total_ms\":0.000,\"pool\":null,\"server\":null,"
        "\"connection\":null,\"connection_age_ms\":null,\"connection_requests\":null,"
        "\"retries\":0,\"reason\":\"CLIENT_GONE\"}\n");
}

Test(proxy_record, combined)
{
    struct weir_record record = full();

    cr_expect_str_eq(combined(&record),
                     "192.0.2.1 - - [20/Oct/2026:19:30:23 +0000] \"GET /a?b=c HTTP/1.1\" 200 5 "
                     "\"http://r/\" \"curl/7\"\n");
    record = bare();
    cr_expect_str_eq(combined(&record),
                     "::1 - - [01/Jan/1970:00:00:00 +0000] \"-\" 000 0 \"-\" \"-\"\n");
}

Test(proxy_record, nothing_in_it_can_forge_a_line)
{
    struct weir_record record = full();

    record.target = weir_slice_from("/\" 200 0\n{\"time\":\"\\");
    record.host = weir_slice_from("\r\nx\"");
    record.user_agent = weir_slice_from("\" \"\n127.0.0.1 - -");
    record.referer = weir_slice_from("\xff\"\\");
    cr_expect_not_null(strstr(combined(&record),
                              "\"GET /\\x22 200 0\\x0a{\\x22time\\x22:\\x22\\x5c HTTP/1.1\" 200 5 "
                              "\"\\xff\\x22\\x5c\" \"\\x22 \\x22\\x0a127.0.0.1 - -\"\n"));
    json_t *object = json_loads(json(&record), JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(object);
    cr_expect_str_eq(json_string_value(json_object_get(object, "target")),
                     "/\" 200 0\n{\"time\":\"\\");
    cr_expect_str_eq(json_string_value(json_object_get(object, "host")), "\r\nx\"");
    json_decref(object);
}

/* The worst that every text can be. */
Test(proxy_record, what_is_too_long_is_cut_with_a_mark)
{
    enum { HUGE = 1048576 };
    char *bytes = malloc(HUGE);
    cr_assert_not_null(bytes);
    static const char worst[] = {'a', '\n', '\xff', '"'};

    for (size_t i = 0; i < sizeof(worst); i++) {
        struct weir_record record = full();
        memset(bytes, worst[i], HUGE);
        record.method = record.target = record.host = weir_slice_make(bytes, HUGE);
        record.referer = record.user_agent = record.client = record.method;
        json_t *object = json_loads(json(&record), JSON_REJECT_DUPLICATES, NULL);
        cr_assert_not_null(object);
        const char *target = json_string_value(json_object_get(object, "target"));
        cr_expect_str_eq(target + strlen(target) - 3, "...");
        cr_expect(json_is_true(json_object_get(object, "cut")));
        json_decref(object);
        cr_expect_not_null(strstr(combined(&record), "... HTTP/1.1\" 200 5 \""));
    }
    free(bytes);
}

/* A second is printed once; what stands there is always the right one. */
Test(proxy_record, the_clock_goes_both_ways)
{
    struct weir_record_clock clock = {.second = 0};
    struct weir_record record = bare();
    static const uint64_t seconds[] = {1, 1, 59, 1, 0};

    for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
        char want[64];
        record.begun_us = seconds[i] * 1000000 + 999999;
        line[weir_record_print_json(&record, &clock, line)] = '\0';
        snprintf(want, sizeof(want), "{\"time\":\"1970-01-01T00:00:%02u.999Z\"",
                 (unsigned)seconds[i]);
        cr_expect_eq(strncmp(line, want, strlen(want)), 0, "%s", line);
    }
}
