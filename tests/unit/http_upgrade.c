#include "weir/http/upgrade.h"

#include "unit/support/http_text.h"

#include <criterion/criterion.h>

#define GET "GET / HTTP/1.1\r\nHost: h\r\n"
#define ASKS "Connection: upgrade\r\nUpgrade: "
#define SWITCH "HTTP/1.1 101 Switching Protocols\r\n"

static struct http_text *read_head(enum weir_head_kind kind, const char *text)
{
    struct http_text *read = http_text_read(kind, weir_slice_from(text));

    cr_assert(read->error == WEIR_OK && read->head.complete, "%s", text);
    return read;
}

/* What the request may ask a server for, each followed by a blank. */
static const struct {
    const char *head, *protocols;
} asked[] = {
    {GET ASKS "websocket\r\n\r\n", "websocket "},
    {GET "upgrade: WebSocket\r\nCONNECTION: keep-alive, UPGRADE\r\n\r\n", "WebSocket "},
    {GET "Connection: close\r\nConnection: Upgrade\r\nUpgrade: a/1.0\r\n\r\n", "a/1.0 "},
    {GET ASKS " a ,,b/2 , \t\r\nUpgrade:\r\nUpgrade: c\r\n\r\n", "a b/2 c "},
    {GET ASKS "h2c, websocket, H2C\r\nUpgrade: h2c\r\n\r\n", "websocket "},
    {GET ASKS "HTTP/2.0, http/3, SHTTP/1.3, h2, TLS/1.0, h2cx, x/h2c\r\n\r\n",
     "SHTTP/1.3 h2cx x/h2c "},
    {GET ASKS "a b, \"c\", d/, /e, f/g/h, i;q=1, j\r\n\r\n", "j "},
    /* Not one that may be asked for. */
    {GET ASKS "h2c\r\n\r\n", ""},
    {GET ASKS "h2c/1, HTTP/2.0\r\n\r\n", ""},
    {GET ASKS "\r\n\r\n", ""},
    {GET ASKS ",, ,\r\n\r\n", ""},
    {GET ASKS "a b\r\n\r\n", ""},
    {GET "Connection: upgrade\r\n\r\n", ""},
    /* Not asked. */
    {GET "Upgrade: websocket\r\n\r\n", ""},
    {GET "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n", ""},
    {GET "Connection: upgrades, \"upgrade\", upgrade;q=1\r\nUpgrade: websocket\r\n\r\n", ""},
    {"GET / HTTP/1.0\r\nHost: h\r\n" ASKS "websocket\r\n\r\n", ""},
};

Test(http_upgrade, what_is_asked_for)
{
    for (size_t i = 0; i < HTTP_COUNT(asked); i++) {
        struct http_text *text = read_head(WEIR_HEAD_REQUEST, asked[i].head);
        struct weir_protocols protocols = weir_protocols_of(&text->head, text->base);
        bool is_asked = weir_upgrade_is_asked(&text->head, text->base);
        struct weir_slice protocol;
        char got[256] = "";

        while (is_asked && weir_protocols_next(&protocols, &protocol)) {
            strncat(got, protocol.data, protocol.len);
            strcat(got, " ");
        }
        cr_expect_str_eq(got, asked[i].protocols, "%s", asked[i].head);
        cr_expect_eq(is_asked, asked[i].protocols[0] != '\0', "%s", asked[i].head);
        http_text_free(text);
    }
}

/* Answers to a request for `websocket, Chat/2`. */
static const struct {
    const char *head;
    bool is_right;
} answers[] = {
    {SWITCH ASKS "websocket\r\n\r\n", true},
    {SWITCH "Upgrade: WEBSOCKET\r\nConnection: Keep-Alive, UPGRADE\r\n\r\n", true},
    {SWITCH ASKS "chat/2\r\n\r\n", true},
    {SWITCH ASKS "websocket\r\nUpgrade: chat/2\r\n\r\n", true},
    {SWITCH ASKS "websocket\r\nContent-Length: 0\r\n\r\n", true},
    {"HTTP/1.1 101\r\n" ASKS "websocket\r\n\r\n", true},
    {SWITCH "\r\n", false},
    {SWITCH "Connection: upgrade\r\n\r\n", false},
    {SWITCH "Upgrade: websocket\r\n\r\n", false},
    {SWITCH "Connection: keep-alive\r\nUpgrade: websocket\r\n\r\n", false},
    {SWITCH ASKS "\r\n\r\n", false},
    {SWITCH ASKS "chat\r\n\r\n", false},
    {SWITCH ASKS "h2c\r\n\r\n", false},
    {SWITCH ASKS "websocket, other\r\n\r\n", false},
    {SWITCH ASKS "websocket\r\nUpgrade: h2c\r\n\r\n", false},
    {SWITCH ASKS "websocket\r\nContent-Length: 5\r\n\r\n", false},
    {SWITCH ASKS "websocket\r\nTransfer-Encoding: chunked\r\n\r\n", false},
    {"HTTP/1.0 101 Switching Protocols\r\n" ASKS "websocket\r\n\r\n", false},
};

Test(http_upgrade, what_answers_it)
{
    struct http_text *request = read_head(WEIR_HEAD_REQUEST,
                                          GET ASKS "websocket, h2c, Chat/2\r\n\r\n");

    for (size_t i = 0; i < HTTP_COUNT(answers); i++) {
        struct http_text *text = read_head(WEIR_HEAD_RESPONSE, answers[i].head);

        cr_expect_eq(
            weir_upgrade_is_answered(&text->head, text->base, &request->head, request->base),
            answers[i].is_right, "%s", answers[i].head);
        http_text_free(text);
    }
    http_text_free(request);
}
