/* A stream that carries TLS tells of all bytes that are here, and of none that are not. */
#include "weir/net/stream.h"
#include "weir/net/tls_front.h"

#include "support/certificate.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUNDS = 1000, PIPE_BYTES = 8192, BIG = 300000 };

struct ends {
    struct weir_loop loop;
    struct weir_stream stream; /* accepted */
    unsigned ready;            /* times that it was */
    bool is_closed;
    struct weir_tls_front *front;
    SSL *peer;
    int fd; /* the peer's */
    char directory[64];
};

static struct ends *ends_of(struct weir_stream *stream)
{
    return (struct ends *)(void *)((char *)stream - offsetof(struct ends, stream));
}

static void on_ready(struct weir_stream *stream, unsigned ready)
{
    ends_of(stream)->ready += (ready & WEIR_WANT_READ) != 0;
}

static void on_closed(struct weir_stream *stream)
{
    ends_of(stream)->is_closed = true;
}

static void make_front(struct ends *ends, const char *client_ca)
{
    struct weir_tls_terms terms = {.owner = "web", .client_ca = client_ca, .client_depth = 1};
    struct weir_tls_certificate *certificate;
    struct weir_tls_fault fault;
    char path[128];

    certificate_write(ends->directory, "site", &(struct certificate_wish){.names = "DNS:a.test"});
    snprintf(path, sizeof(path), "%s/site.both", ends->directory);
    certificate = weir_tls_certificate_load(path, path, &fault);
    cr_assert_not_null(certificate, "%s", fault.text);
    ends->front = weir_tls_front_create(&terms, &certificate, 1, &fault);
    cr_assert_not_null(ends->front, "%s", fault.text);
}

static void shake_hands(struct ends *ends)
{
    int done = 0;
    unsigned wants;

    for (int i = 0; i < ROUNDS && done != 3; i++) {
        int result = done & 1 ? 0 : weir_stream_handshake(&ends->stream, &wants);
        cr_assert(result == 0 || result == WEIR_STREAM_PAUSED, "%s",
                  weir_stream_fault(&ends->stream));
        done |= result == 0;
        done |= SSL_do_handshake(ends->peer) == 1 ? 2 : 0;
    }
    cr_assert_eq(done, 3);
}

static void open_pair(int pair[2])
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
}

/* The same over TCP, which has segments. */
static void open_tcp_pair(int pair[2])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t len = sizeof(address);

    cr_assert_eq(bind(listener, (struct sockaddr *)&address, len), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &len), 0);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(pair[1], (struct sockaddr *)&address, len), 0);
    pair[0] = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    cr_assert_geq(pair[0], 0);
    cr_assert_eq(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
    close(listener);
}

static void open_ends(struct ends *ends, void (*open)(int pair[2]))
{
    int pair[2], bytes = PIPE_BYTES;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    cr_assert_eq(weir_loop_init(&ends->loop), 0);
    open(pair);
    setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    ends->stream.on_ready = on_ready;
    ends->stream.on_closed = on_closed;
    weir_stream_init(&ends->stream, &ends->loop, pair[0]);
    cr_assert_eq(weir_stream_accept_tls(&ends->stream, weir_tls_front_context(ends->front)), 0);
    ends->fd = pair[1];
    ends->peer = SSL_new(context);
    SSL_CTX_free(context);
    SSL_set_fd(ends->peer, ends->fd);
    SSL_set_connect_state(ends->peer);
}

static struct ends *init_over(void (*open)(int pair[2]))
{
    struct ends *ends = calloc(1, sizeof(*ends));

    strcpy(ends->directory, "/tmp/weir-net-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(ends->directory));
    make_front(ends, NULL);
    open_ends(ends, open);
    shake_hands(ends);
    return ends;
}

static struct ends *init(void)
{
    return init_over(open_pair);
}

static void turn(struct ends *ends)
{
    weir_loop_turn(&ends->loop, 0);
}

static void fini(struct ends *ends)
{
    weir_stream_close(&ends->stream);
    turn(ends);
    weir_tls_front_unref(ends->front);
    weir_loop_fini(&ends->loop);
    cr_expect(ends->is_closed);
    SSL_free(ends->peer);
    close(ends->fd);
    free(ends);
}

Test(net_tls, buffered_bytes_wake_though_the_kernel_has_none)
{
    struct ends *ends = init();
    char data[8];

    cr_assert_eq(SSL_write(ends->peer, "hello, ", 7), 7);
    cr_assert_eq(SSL_write(ends->peer, "world", 5), 5);
    cr_assert_eq(weir_stream_read(&ends->stream, data, 3), 3);
    cr_expect(weir_stream_has_pending(&ends->stream));
    cr_assert_eq(weir_stream_want(&ends->stream, WEIR_WANT_READ), 0);
    turn(ends);
    cr_expect_gt(ends->ready, 0);
    cr_assert_eq(weir_stream_read(&ends->stream, data, 4), 4);
    ends->ready = 0;
    /* The second record was read ahead, or lies with the kernel: either way it is told of. */
    cr_assert_eq(weir_stream_want(&ends->stream, WEIR_WANT_READ), 0);
    turn(ends);
    cr_expect_gt(ends->ready, 0);
    cr_assert_eq(weir_stream_read(&ends->stream, data, 8), 5);
    cr_assert_eq(weir_stream_read(&ends->stream, data, 8), WEIR_STREAM_PAUSED);
    fini(ends);
}

/* What the peer would send, kept. */
static size_t seal(struct ends *ends, const char *text, char *sealed, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    int n;

    SSL_set0_wbio(ends->peer, memory);
    SSL_write(ends->peer, text, (int)strlen(text));
    n = BIO_read(memory, sealed, (int)size);
    SSL_set_fd(ends->peer, ends->fd);
    return (size_t)n;
}

Test(net_tls, part_of_a_record_wakes_nobody)
{
    struct ends *ends = init();
    char sealed[256], data[64];
    size_t len = seal(ends, "hello", sealed, sizeof(sealed));

    for (size_t i = 0; i + 1 < len; i++) {
        cr_assert_eq(send(ends->fd, sealed + i, 1, 0), 1);
        cr_assert_eq(weir_stream_read(&ends->stream, data, sizeof(data)), WEIR_STREAM_PAUSED);
        cr_assert_eq(weir_stream_want(&ends->stream, WEIR_WANT_READ), 0);
        cr_assert_not(weir_stream_has_pending(&ends->stream));
    }
    ends->ready = 0;
    for (int i = 0; i < 10; i++)
        turn(ends);
    cr_expect_eq(ends->ready, 0);
    cr_assert_eq(send(ends->fd, sealed + len - 1, 1, 0), 1);
    turn(ends);
    cr_expect_gt(ends->ready, 0);
    cr_assert_eq(weir_stream_peek(&ends->stream), 1);
    cr_assert_eq(weir_stream_read(&ends->stream, data, 1), 1);
    cr_assert_eq(weir_stream_read(&ends->stream, data, sizeof(data)), 4);
    fini(ends);
}

Test(net_tls, an_end_that_was_not_announced_is_a_cut)
{
    struct ends *ends = init();
    char data[8];

    shutdown(ends->fd, SHUT_WR);
    cr_expect_eq(weir_stream_read(&ends->stream, data, 8), WEIR_STREAM_CUT);
    fini(ends);
    ends = init();
    SSL_shutdown(ends->peer);
    cr_expect_eq(weir_stream_read(&ends->stream, data, 8), WEIR_STREAM_END);
    fini(ends);
}

/* Reads what is there. */
static size_t read_peer(struct ends *ends, char *data, size_t size)
{
    size_t got = 0;
    int n;

    while ((n = SSL_read(ends->peer, data + got, (int)(size - got))) > 0)
        got += (size_t)n;
    return got;
}

Test(net_tls, what_is_written_in_parts_arrives_whole)
{
    static const size_t sizes[] = {1, 7, 100, 16383, 16384, 16385, 70000, 3};
    struct ends *ends = init();
    char *sent = malloc(BIG), *got = malloc(BIG);
    size_t at = 0, arrived = 0;
    struct weir_gather out;

    for (size_t i = 0; i < BIG; i++)
        sent[i] = (char)(i * 31 + i / 251);
    weir_gather_init(&out);
    for (size_t i = 0; at < BIG; i++) {
        size_t size = sizes[i % 8] < BIG - at ? sizes[i % 8] : BIG - at;
        weir_gather_add(&out, weir_slice_make(sent + at, size));
        at += size;
        for (int round = 0; round < ROUNDS && !weir_gather_is_empty(&out); round++) {
            ssize_t n = weir_stream_write(&ends->stream, &out);
            cr_assert(n > 0 || n == WEIR_STREAM_PAUSED);
            if (n == WEIR_STREAM_PAUSED && round % 3 > 0)
                arrived += read_peer(ends, got + arrived, BIG - arrived);
        }
        cr_assert(weir_gather_is_empty(&out));
        weir_gather_clear(&out);
    }
    arrived += read_peer(ends, got + arrived, BIG - arrived);
    cr_expect_eq(arrived, BIG);
    cr_expect_eq(memcmp(sent, got, BIG), 0);
    free(sent);
    free(got);
    fini(ends);
}

Test(net_tls, new_keys_hide_no_bytes_behind_them)
{
    struct ends *ends = init();
    char data[8];
    int reads = 0;
    ssize_t n = WEIR_STREAM_PAUSED;

    for (int i = 0; i < 60; i++) {
        cr_assert_eq(SSL_key_update(ends->peer, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        cr_assert_eq(SSL_do_handshake(ends->peer), 1);
    }
    cr_assert_eq(SSL_write(ends->peer, "x", 1), 1);
    cr_assert_eq(weir_stream_want(&ends->stream, WEIR_WANT_READ), 0);
    for (; reads < ROUNDS && n == WEIR_STREAM_PAUSED; reads++) {
        ends->ready = 0;
        turn(ends);
        cr_assert_gt(ends->ready, 0);
        n = weir_stream_read(&ends->stream, data, sizeof(data));
        cr_assert_eq(weir_stream_want(&ends->stream, WEIR_WANT_READ), 0);
    }
    cr_expect_eq(n, 1);
    fini(ends);
}

Test(net_tls, goodbye_waits_for_room)
{
    struct ends *ends = init();
    char *data = calloc(1, BIG);
    struct weir_gather out;
    ssize_t n = 1;

    weir_gather_init(&out);
    while (n == 1) {
        weir_gather_init(&out);
        weir_gather_add(&out, weir_slice_from("x"));
        n = weir_stream_write(&ends->stream, &out);
    }
    cr_assert_eq(n, WEIR_STREAM_PAUSED);
    /* Room for one record, which takes it: none is left for goodbye. */
    cr_assert_eq(SSL_read(ends->peer, data, 1), 1);
    cr_assert_eq(weir_stream_write(&ends->stream, &out), 1);
    cr_expect_eq(weir_stream_conclude(&ends->stream), WEIR_STREAM_PAUSED);
    cr_expect_eq(weir_stream_conclude(&ends->stream), WEIR_STREAM_PAUSED);
    read_peer(ends, data, BIG);
    cr_expect_not(SSL_get_shutdown(ends->peer) & SSL_RECEIVED_SHUTDOWN);
    cr_expect_eq(weir_stream_conclude(&ends->stream), 0);
    cr_expect_eq(weir_stream_conclude(&ends->stream), 0);
    read_peer(ends, data, BIG);
    cr_expect(SSL_get_shutdown(ends->peer) & SSL_RECEIVED_SHUTDOWN);
    free(data);
    fini(ends);
}

/* Should the test be held up for so long that the kernel sends what it has, it tries again. */
Test(net_tls, what_is_written_last_waits_for_the_goodbye_and_the_end)
{
    int waiting = 1;

    for (int i = 0; i < ROUNDS && waiting > 0; i++) {
        struct ends *ends = init_over(open_tcp_pair);
        struct weir_gather out;
        char data[16];
        read_peer(ends, data, sizeof(data));
        weir_gather_init(&out);
        weir_gather_add(&out, weir_slice_from("answer"));
        cr_assert_eq(weir_stream_write_last(&ends->stream, &out), 6);
        cr_assert_eq(ioctl(ends->fd, FIONREAD, &waiting), 0);
        cr_assert_eq(weir_stream_shut(&ends->stream), 0);
        cr_assert_eq(read_peer(ends, data, sizeof(data)), 6);
        cr_expect(SSL_get_shutdown(ends->peer) & SSL_RECEIVED_SHUTDOWN);
        cr_expect_eq(recv(ends->fd, data, sizeof(data), 0), 0, "and the FIN");
        fini(ends);
    }
    cr_expect_eq(waiting, 0, "%d bytes have not waited", waiting);
}

Test(net_tls, it_can_be_stripped_to_drop_what_comes)
{
    struct ends *ends = init();
    char data[256];

    cr_expect_eq(weir_stream_shut(&ends->stream), 0);
    weir_stream_strip(&ends->stream);
    cr_assert_eq(SSL_write(ends->peer, "hello", 5), 5);
    cr_expect_gt(weir_stream_read(&ends->stream, data, sizeof(data)), 5);
    close(ends->fd);
    cr_expect_leq(weir_stream_read(&ends->stream, data, sizeof(data)), 0);
    ends->fd = -1;
    fini(ends);
}

Test(net_tls, what_is_no_tls_is_told_apart)
{
    static const struct {
        const char *text;
        int error;
    } rows[] = {{"GET / HTTP/1.1\r\n\r\n", -EPROTOTYPE}, {"SSH-2.0-x\r\n", -EPROTO}};
    unsigned wants;

    for (size_t i = 0; i < 2; i++) {
        struct ends *ends = calloc(1, sizeof(*ends));
        strcpy(ends->directory, "/tmp/weir-net-tls-XXXXXX");
        cr_assert_not_null(mkdtemp(ends->directory));
        make_front(ends, NULL);
        open_ends(ends, open_pair);
        cr_assert_gt(send(ends->fd, rows[i].text, strlen(rows[i].text), 0), 0);
        cr_expect_eq(weir_stream_handshake(&ends->stream, &wants), rows[i].error);
        cr_expect_not_null(weir_stream_fault(&ends->stream));
        fini(ends);
    }
}

/* Shows a certificate with this common name. Returns what the stream makes of its subject. */
static const char *show(const char *common_name, char *text, size_t size)
{
    struct ends *ends = calloc(1, sizeof(*ends));
    char path[128];

    strcpy(ends->directory, "/tmp/weir-net-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(ends->directory));
    certificate_write(ends->directory, "ca", &(struct certificate_wish){.is_ca = true});
    certificate_write(
        ends->directory, "client",
        &(struct certificate_wish){.common_name = common_name, .country = "DE", .signer = "ca"});
    snprintf(path, sizeof(path), "%s/ca.pem", ends->directory);
    make_front(ends, path);
    open_ends(ends, open_pair);
    snprintf(path, sizeof(path), "%s/client.pem", ends->directory);
    cr_assert_eq(SSL_use_certificate_file(ends->peer, path, SSL_FILETYPE_PEM), 1);
    snprintf(path, sizeof(path), "%s/client.key", ends->directory);
    cr_assert_eq(SSL_use_PrivateKey_file(ends->peer, path, SSL_FILETYPE_PEM), 1);
    shake_hands(ends);
    cr_expect_str_eq(weir_stream_tls_version(&ends->stream), "TLSv1.3");
    bool is_whole = weir_stream_tls_subject(&ends->stream, text, size);
    cr_expect_eq(is_whole, text[0] != '\0');
    fini(ends);
    return text;
}

Test(net_tls, the_subject_can_not_break_a_line)
{
    char text[256], small[8];

    cr_expect_str_eq(show("alice", text, sizeof(text)), "CN=alice,C=DE");
    cr_expect_str_eq(show("a,b+c\"\\<>;", text, sizeof(text)),
                     "CN=a\\,b\\+c\\\"\\\\\\<\\>\\;,C=DE");
    cr_expect_str_eq(show("a\r\nX-Admin: 1", text, sizeof(text)), "CN=a\\0D\\0AX-Admin: 1,C=DE");
    cr_expect_str_eq(show("J\xc3\xbcrgen\x7f", text, sizeof(text)), "CN=J\\C3\\BCrgen\\7F,C=DE");
    cr_expect_str_eq(show("alice", small, sizeof(small)), "");
}
