/* Edits of header fields: what a file may ask for, and what it is told when it may not. */
#include "weir/config/edits.h"

#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST "t:2:34: listeners.w.headers.request."
#define SET_A(value) "headers: {request: {set: {A: \"" value "\"}}}"
#define AT_SET_A "t:2:50: listeners.w.headers.request.set.A: "

static struct config_row refused[] = {
    {CONFIG_LISTENER, "headers: {request: {remove: [Content-Length]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `Content-Length` can't be edited: it frames "
     "the body, which is for weir alone to say; remove the line\n"},
    {CONFIG_LISTENER, "headers: {response: {remove: [connection]}}",
     "t:2:54: listeners.w.headers.response.remove[0]: `connection` can't be edited: it is about "
     "one connection, not about the message (RFC 9110 section 7.6.1); remove the line\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [Host]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `Host` can't be removed: every request has "
     "one; use `set`\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [\"H*\"]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `H*` can't be edited: it is about one "
     "connection, not about the message (RFC 9110 section 7.6.1); remove the line\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [\"Ho*\"]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `Ho*` can't be removed: every request has "
     "one; use `set`\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [Content_Length]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `Content_Length` can't be edited: it frames "
     "the body, which is for weir alone to say; remove the line\n"},
    {CONFIG_LISTENER, "headers: {request: {add: {\"X-*\": a}}}",
     "t:2:50: listeners.w.headers.request.add.X-*: `X-*: a` has a `*` in its name, which only "
     "stands under `remove`\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [idempotency-key]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `idempotency-key` can't be edited: it lets a "
     "request be sent again, which a server must be able to tell; remove the line\n"},
    {CONFIG_LISTENER, "headers: {request: {remove: [\"a b\"]}}",
     "t:2:53: listeners.w.headers.request.remove[0]: `a b` is no field name; write letters, digits "
     "and `-`, up to 256 of them\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {\"A:\": b}}}",
     "t:2:50: listeners.w.headers.request.set.A:: `A:: b` is no field name; write letters, digits "
     "and `-`, up to 256 of them\n"},
    {CONFIG_LISTENER, "headers: {request: {add: {Host: b}}}",
     "t:2:50: listeners.w.headers.request.add.Host: `Host: b` can't be added: a request has one "
     "Host; use `set`\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {Host: \"${client_ip}\"}}}",
     "t:2:50: listeners.w.headers.request.set.Host: `Host: ${client_ip}` is no host; write one "
     "like "
     "www.example.com or www.example.com:8080, without variables\n"},
    {CONFIG_LISTENER, SET_A("b\\r\\nC: d"),
     AT_SET_A "`A: b\\x0d\\x0aC: d` holds a control character, which could end the line; remove "
              "it\n"},
    {CONFIG_LISTENER, SET_A(" b"),
     AT_SET_A "`A:  b` begins or ends with a blank, which no field value does; remove it\n"},
    {CONFIG_LISTENER, SET_A("${client_ipp}"),
     AT_SET_A "`A: ${client_ipp}` has an unknown variable; did you mean `${client_ip}`?\n"},
    {CONFIG_LISTENER, SET_A("${WEIR_TEST_NEVER_SET}"),
     AT_SET_A "`A: ${WEIR_TEST_NEVER_SET}` needs the environment variable `WEIR_TEST_NEVER_SET`, "
              "which is not set; set it or write ${NAME:-default}\n"},
    {CONFIG_LISTENER, SET_A("${x"),
     AT_SET_A "`A: ${x` has a broken reference; write ${NAME} or ${NAME:-default}, or $${ for ${ "
              "itself\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {A: b, a: c}}}",
     "t:2:56: listeners.w.headers.request.set.a: is `A` again: names are the same in any case; "
     "keep "
     "one of them\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {A: }}}",
     "t:2:53: listeners.w.headers.request.set.A: nothing stands where a value is expected; write "
     "it in quotes, like `\"1\"`\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {A: [b]}}}",
     "t:2:53: listeners.w.headers.request.set.A: a list stands where a value is expected; write it "
     "in quotes, like `\"1\"`\n"},
    {CONFIG_LISTENER, "headers: {request: {set: [A]}}",
     "t:2:49: listeners.w.headers.request.set: a list stands where a mapping of names to values is "
     "expected; write it like {X-Name: value}\n"},
    {CONFIG_LISTENER, "request_id: yes",
     "t:2:36: listeners.w.request_id: `yes` is unknown; write one of `off`, `make`, `pass`\n"},
};

static struct config_row accepted[] = {
    {CONFIG_LISTENER, "headers: {request: {remove: Cookie, set: {A: b}}}",
     "        remove: [\"Cookie\"]\n        set: {\"A\": \"b\"}\n        add: {}\n"},
    {CONFIG_LISTENER, SET_A("${client_ip}:${client_port} at $${x}"),
     "        set: {\"A\": \"${client_ip}:${client_port} at $${x}\"}\n"},
    {CONFIG_LISTENER, SET_A(""), "        set: {\"A\": \"\"}\n"},
    {CONFIG_LISTENER, SET_A("${WEIR_TEST_NEVER_SET:-d}"), "        set: {\"A\": \"d\"}\n"},
    {CONFIG_LISTENER, "headers: {request: {set: {host: \"b:80\"}}}", "set: {\"host\": \"b:80\"}\n"},
    {CONFIG_LISTENER, "headers: {response: {set: {Host: x}, remove: [HOST]}}",
     "        remove: [\"HOST\"]\n        set: {\"Host\": \"x\"}\n"},
    {CONFIG_LISTENER, "request_id: pass", "    request_id: pass\n"},
    {CONFIG_LISTENER, "headers: ~", "    request_id: off\n"},
};

ParameterizedTestParameters(config_edits, refused)
{
    return CONFIG_ROWS(refused);
}

ParameterizedTest(struct config_row *row, config_edits, refused)
{
    config_expect_refused(row);
}

ParameterizedTestParameters(config_edits, accepted)
{
    return CONFIG_ROWS(accepted);
}

ParameterizedTest(struct config_row *row, config_edits, accepted)
{
    config_expect_accepted(row);
}

/* One line as weir sends it, each variable by its name. */
static void expect_line(const char *value, const char *line)
{
    struct weir_arena arena;
    struct weir_edit edit;
    struct weir_why why;
    char got[256] = "";

    weir_arena_init(&arena, 65536);
    cr_assert(weir_edits_read_line(&arena, "A", value, WEIR_EDIT_RESPONSE, true, &edit, &why), "%s",
              why.text);
    for (size_t i = 0; i < edit.n_parts; i++) {
        struct weir_slice text = edit.parts[i].text;
        size_t len = strlen(got);
        if (text.data)
            snprintf(got + len, sizeof(got) - len, "%.*s", (int)text.len, text.data);
        else
            snprintf(got + len, sizeof(got) - len, "<%d>", (int)edit.parts[i].variable);
    }
    cr_assert_str_eq(got, line);
    weir_arena_fini(&arena);
}

Test(config_edits, lines)
{
    expect_line("b", "A: b\r\n");
    expect_line("", "A: \r\n");
    expect_line("${client_ip}", "A: <0>\r\n");
    expect_line("x${request_id}${client_port}y", "A: x<3><1>y\r\n");
    expect_line("$${client_ip}", "A: ${client_ip}\r\n");
    expect_line("$ {} $$", "A: $ {} $$\r\n");
}

Test(config_edits, names)
{
    static const struct {
        const char *pattern, *name;
        bool has;
    } rows[] = {
        {"X-User", "x-user", true},   {"X-User", "X_USER", true},  {"x_user", "X-User", true},
        {"X-User", "X-Users", false}, {"X-User", "X-Use", false},  {"X-Int-*", "x_int_a", true},
        {"X-Int-*", "X-Int-", true},  {"X-Int-*", "X-Int", false}, {"*", "anything", true},
        {"X-User", "X.User", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_expect_eq(weir_edit_name_has(rows[i].pattern, weir_slice_from(rows[i].name)),
                     rows[i].has, "%s %s", rows[i].pattern, rows[i].name);
}

/* What the environment says is text, and no more. */
Test(config_edits, environment_is_text)
{
    setenv("WEIR_TEST_EDIT", "${client_ip}", 1);
    expect_line("${WEIR_TEST_EDIT}", "A: ${client_ip}\r\n");
}

Test(config_edits, environment_ends_no_line)
{
    struct weir_arena arena;
    struct weir_edit edit;
    struct weir_why why;

    weir_arena_init(&arena, 65536);
    setenv("WEIR_TEST_EDIT", "b\r\nC: d", 1);
    cr_assert(!weir_edits_read_line(&arena, "A", "${WEIR_TEST_EDIT}", WEIR_EDIT_REQUEST, false,
                                    &edit, &why));
    cr_assert(strstr(why.text, "control character"), "%s", why.text);
    weir_arena_fini(&arena);
}

Test(config_edits, bounds)
{
    struct weir_arena arena;
    struct weir_edit edit;
    struct weir_why why;
    char value[6000];

    weir_arena_init(&arena, 65536);
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    cr_assert(!weir_edits_read_line(&arena, "A", value, WEIR_EDIT_REQUEST, false, &edit, &why));
    cr_assert(strstr(why.text, "longer than"), "%s", why.text);
    value[0] = '\0';
    for (int i = 0; i < 100; i++)
        strcat(value, "x${client_ip}");
    cr_assert(!weir_edits_read_line(&arena, "A", value, WEIR_EDIT_REQUEST, false, &edit, &why));
    cr_assert(strstr(why.text, "variables"), "%s", why.text);
    weir_arena_fini(&arena);
}
