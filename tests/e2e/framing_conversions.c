/* Every framing reaches every client in a form it can read, and its connection lives if it may. */
#include "support/t_scene.h"

#include <string.h>

enum framing { LENGTH, CHUNKED, UNTIL_END };

struct source {
    const char *name;
    const char *head; /* with "HTTP/1.x 200 OK" before it */
    const char *body;
    int minor;
    enum framing framing;
    bool server_closes;
};

static const struct source sources[] = {
    {"length", "Content-Length: 5\r\n\r\n", "hello", 1, LENGTH, false},
    {"length, close", "Content-Length: 5\r\nConnection: close\r\n\r\n", "hello", 1, LENGTH, true},
    {"length of 0", "Content-Length: 0\r\n\r\n", "", 1, LENGTH, false},
    {"chunked", "Transfer-Encoding: chunked\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", 1, CHUNKED, false},
    {"chunked, oddly", "Transfer-Encoding:ChunKed\t\r\n\r\n",
     "1\r\nh\r\n0003;a=b;c=\"d\"\r\nell\r\n1;\r\no\r\n000\r\n\r\n", 1, CHUNKED, false},
    {"chunked, close", "connection: Close\r\nTransfer-Encoding: chunked\r\n\r\n",
     "5\r\nhello\r\n0\r\n\r\n", 1, CHUNKED, true},
    {"chunked, empty", "Transfer-Encoding: chunked\r\n\r\n", "0\r\n\r\n", 1, CHUNKED, false},
    {"until the end", "\r\n", "hello", 1, UNTIL_END, true},
    {"until the end, keep-alive", "Connection: keep-alive\r\n\r\n", "hello", 1, UNTIL_END, true},
    {"until the end, empty", "\r\n", "", 1, UNTIL_END, true},
    {"1.0, length", "Content-Length: 5\r\n\r\n", "hello", 0, LENGTH, true},
    {"1.0, length, keep-alive", "Connection: Keep-Alive\r\nContent-Length: 5\r\n\r\n", "hello", 0,
     LENGTH, false},
    {"1.0, until the end", "\r\n", "hello", 0, UNTIL_END, true},
    {"1.0, until the end, keep-alive", "Connection: keep-alive\r\n\r\n", "hello", 0, UNTIL_END,
     true},
};

struct reader {
    const char *name;
    const char *fields;
    int minor;
    bool asks_to_keep;
};

static const struct reader readers[] = {
    {"1.1", "", 1, true},
    {"1.1 close", "Connection: close\r\n", 1, false},
    {"1.1 keep-alive", "Connection: keep-alive\r\n", 1, true},
    {"1.0", "", 0, false},
    {"1.0 keep-alive", "Connection: keep-alive\r\n", 0, true},
    {"1.0 close", "Connection: close\r\n", 0, false},
};

/* What the client must get, byte by byte. */
static char *expected(const struct source *source, const struct reader *reader, bool keeps)
{
    const char *content = strchr(source->body, 'h') ? "hello" : "";
    bool is_chunked = source->framing != LENGTH && reader->minor == 1;
    char *framing = is_chunked                  ? "Transfer-Encoding: chunked\r\n"
                    : source->framing == LENGTH ? t_text("Content-Length: %zu\r\n", strlen(content))
                                                : "";
    const char *connection = !keeps               ? "Connection: close\r\n"
                             : reader->minor == 0 ? "Connection: keep-alive\r\n"
                                                  : "";

    if (is_chunked)
        content = *content ? "5\r\nhello\r\n0\r\n\r\n" : "0\r\n\r\n";
    return t_text("HTTP/1.1 200 OK\r\n%sVia: 1.%d weir\r\n%s\r\n%s", framing, source->minor,
                  connection, content);
}

static void check(struct t_scene *scene, const struct source *source, const struct reader *reader)
{
    bool keeps = reader->asks_to_keep && (reader->minor == 1 || source->framing == LENGTH);
    char *want = expected(source, reader, keeps);

    t_scene_request(scene,
                    t_text("GET / HTTP/1.%d\r\nHost: h\r\n%s\r\n", reader->minor, reader->fields),
                    t_text("GET / HTTP/1.1\r\nHost: h\r\nVia: 1.%d weir\r\n\r\n", reader->minor));
    t_sendf(scene->upstream, "HTTP/1.%d 200 OK\r\n%s%s", source->minor, source->head, source->body);
    if (source->server_closes)
        t_scene_drop_upstream(scene);
    char *got = t_read_exactly(scene->client, strlen(want));
    if (strcmp(got, want) != 0)
        t_fail("%s to a client of %s:\n  got  \"%s\"\n  want \"%s\"", source->name, reader->name,
               t_escape(got, strlen(got)), t_escape(want, strlen(want)));
    if (!keeps) {
        t_expect_end(scene->client);
        t_scene_drop_client(scene);
    }
}

/* Each pair twice in a row, so that what lives on is used. */
Test(framing_conversions, every_source_to_every_client)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        for (size_t k = 0; k < sizeof(readers) / sizeof(readers[0]); k++) {
            check(&scene, &sources[i], &readers[k]);
            check(&scene, &sources[i], &readers[k]);
            t_scene_works(&scene);
        }
    }
    t_weir_end(&scene.weir);
}

/* Those that live on must be few: what had a length or chunks was kept. */
Test(framing_conversions, kept_connections_are_reused)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        if (!sources[i].server_closes)
            check(&scene, &sources[i], &readers[0]);
    }
    t_assert_number("connections to the origin", t_origin_connections(&scene.origin), 1);
    t_weir_end(&scene.weir);
}

static void ask(struct t_scene *scene, int minor)
{
    t_scene_request(scene, t_text("GET / HTTP/1.%d\r\nHost: h\r\n\r\n", minor),
                    t_text("GET / HTTP/1.1\r\nHost: h\r\nVia: 1.%d weir\r\n\r\n", minor));
}

/* As slowly as it comes, each piece reaches the client without waiting for the next. */
Test(framing_conversions, pieces_pass_as_they_come)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    ask(&scene, 1);
    t_scene_answer(&scene, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0",
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nVia: 1.1 weir\r\n\r\n"
                   "1\r\n0\r\n");
    for (int i = 1; i < 10; i++)
        t_scene_answer(&scene, t_text("%d", i), t_text("1\r\n%d\r\n", i));
    t_scene_answer(&scene, "\r\n3\r\nabc\r\n", "3\r\nabc\r\n");
    t_scene_answer(&scene, "0\r\n\r\n", "0\r\n\r\n");

    ask(&scene, 0);
    t_scene_answer(&scene, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                   "HTTP/1.1 200 OK\r\nVia: 1.1 weir\r\nConnection: close\r\n\r\nab");
    t_scene_answer(&scene, "c", "c");
    t_scene_answer(&scene, "de", "de");
    t_send(scene.upstream, "\r\n0\r\n\r\n");
    t_expect_end(scene.client);
    t_weir_end(&scene.weir);
}

/* Very many tiny chunks at once become few larger ones. */
Test(framing_conversions, very_many_chunks_in_one_packet)
{
    enum { CHUNKS = 2000 };
    struct t_scene scene;
    char *answer = t_alloc(CHUNKS * 8), *at = answer;
    t_scene_open(&scene, NULL, NULL);
    for (int i = 0; i < CHUNKS; i++)
        at = stpcpy(at, t_text("1\r\n%c\r\n", 'a' + i % 26));
    strcpy(at, "0\r\n\r\n");
    for (int minor = 1; minor >= 0; minor--) {
        ask(&scene, minor);
        t_sendf(scene.upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%s", answer);
        struct t_message *got = t_read_response(scene.client, "GET");
        t_assert_number("length", (int64_t)got->body_len, CHUNKS);
        for (size_t i = 0; i < CHUNKS; i++)
            t_assert_number("byte", got->body[i], 'a' + (int)(i % 26));
        cr_assert_lt(got->chunk_count, CHUNKS / 10);
    }
    t_weir_end(&scene.weir);
}

/* Bodies whose pieces end right at, before and behind the end of weir's blocks. */
Test(framing_conversions, sizes_around_a_block)
{
    enum { BLOCK = 16 << 10 };
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t size = BLOCK - 45; size <= BLOCK + 2; size++) {
        char *body = t_alloc(size + 1);
        t_pattern_fill(body, size, size);
        ask(&scene, 1);
        t_sendf(scene.upstream, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", size, body);
        t_expectf(scene.client, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nVia: 1.1 weir\r\n\r\n",
                  size);
        t_expect_pattern(scene.client, size, size);
        ask(&scene, 1);
        t_sendf(scene.upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n%s",
                size, body);
        t_send(scene.upstream, "\r\n0\r\n\r\n");
        struct t_message *got = t_read_response(scene.client, "GET");
        t_assert_bytes(got->body, got->body_len, body, size);
    }
    t_weir_end(&scene.weir);
}
