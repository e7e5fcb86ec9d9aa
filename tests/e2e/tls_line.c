/* Handshakes stand in line: a flood of them holds other clients of the worker up by as many as
 * limits.handshakes says, and all of them come to their end. */
#include "support/t.h"
#include "support/t_ask.h"
#include "support/t_tls.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

enum { FLOOD = 60 };

#define CONFIG                                                                                     \
    "workers: 1\nshutdown_timeout: 5s\nlog: {level: info}\n"                                       \
    "admin: {listen: \"127.0.0.1:@admin@\"}\n"                                                     \
    "listeners:\n"                                                                                 \
    "  web:\n"                                                                                     \
    "    listen: [\"127.0.0.1:@port@\"]\n"                                                         \
    "    tls: {certificates: [{certificate: @dir@/site.both}]}\n"                                  \
    "    limits: {handshakes: %d}\n"                                                               \
    "  plain: {listen: [\"127.0.0.1:@port2@\"]}\n"

/* A client that has said hello; its bytes are carried by hand. */
struct greeter {
    struct t_conn *raw;
    SSL *ssl;
    BIO *in, *out;
};

static void note_arrivals(struct t_conn *conn)
{
    int on = 1;

    cr_assert_eq(setsockopt(conn->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
}

static void say_hello(struct greeter *greeter, SSL_CTX *context, int port)
{
    char *data;

    greeter->raw = t_connect(port);
    note_arrivals(greeter->raw);
    greeter->ssl = SSL_new(context);
    greeter->in = BIO_new(BIO_s_mem());
    greeter->out = BIO_new(BIO_s_mem());
    SSL_set_bio(greeter->ssl, greeter->in, greeter->out);
    SSL_set_connect_state(greeter->ssl);
    SSL_do_handshake(greeter->ssl);
    long len = BIO_get_mem_data(greeter->out, &data);
    t_send_bytes(greeter->raw, data, (size_t)len);
    (void)BIO_reset(greeter->out);
}

/* When the first bytes arrived, by the kernel's clock, however late the test looks. */
static double read_first(struct t_conn *conn, BIO *into)
{
    char data[16384], control[256];
    struct iovec part = {data, sizeof(data)};
    int64_t deadline_ms = t_deadline_ms();
    struct timespec at = {.tv_sec = 0};

    for (;;) {
        struct msghdr message = {.msg_iov = &part,
                                 .msg_iovlen = 1,
                                 .msg_control = control,
                                 .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(conn->fd, &message, 0);
        if (n > 0) {
            for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
                if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
                    memcpy(&at, CMSG_DATA(c), sizeof(at));
            }
            if (into)
                BIO_write(into, data, (int)n);
            break;
        }
        cr_assert(n < 0 && errno == EAGAIN && t_left_ms(deadline_ms) > 0);
        t_nap();
    }
    cr_assert_neq(at.tv_sec, 0, "the kernel told no time");
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* How many of a flood were answered before a plain client that came after all of them. */
static int count_before(int limit)
{
    struct t_weir weir;
    struct greeter greeters[FLOOD];
    double times[FLOOD], plain_time;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int before = 0;

    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test", .is_rsa = true});
    t_weir_start(&weir, CONFIG, limit);
    t_weir_freeze(&weir);
    for (int i = 0; i < FLOOD; i++)
        say_hello(&greeters[i], context, weir.port);
    struct t_conn *plain = t_connect(weir.port2);
    note_arrivals(plain);
    t_send(plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_weir_thaw(&weir);
    plain_time = read_first(plain, NULL);
    for (int i = 0; i < FLOOD; i++) {
        times[i] = read_first(greeters[i].raw, greeters[i].in);
        before += times[i] < plain_time;
    }
    for (int i = 0; i < FLOOD; i++) {
        char *data;
        for (int64_t end_ms = t_deadline_ms(); SSL_do_handshake(greeters[i].ssl) != 1;) {
            cr_assert_gt(t_left_ms(end_ms), 0);
            BIO_write(greeters[i].in, t_read_exactly(greeters[i].raw, 1), 1);
        }
        long len = BIO_get_mem_data(greeters[i].out, &data);
        t_send_bytes(greeters[i].raw, data, (size_t)len);
    }
    t_stats_await(&weir, "listeners/web/tls/handshakes", FLOOD);
    for (int i = 0; i < FLOOD; i++) {
        t_close(greeters[i].raw);
        SSL_free(greeters[i].ssl);
    }
    t_close(plain);
    SSL_CTX_free(context);
    t_weir_end(&weir);
    return before;
}

Test(tls_line, others_wait_for_no_more_than_the_limit)
{
    int before = count_before(1);

    cr_expect_leq(before, 4, "%d handshakes came first", before);
}

Test(tls_line, without_a_limit_they_wait_for_more)
{
    int before = count_before(0);

    cr_expect_geq(before, 10, "%d handshakes came first", before);
}

Test(tls_line, who_stands_in_line_may_leave)
{
    struct t_weir weir;
    struct greeter greeters[FLOOD];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());

    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test"});
    t_weir_start(&weir, CONFIG, 1);
    t_weir_freeze(&weir);
    for (int i = 0; i < FLOOD; i++)
        say_hello(&greeters[i], context, weir.port);
    for (int i = 0; i < FLOOD; i += 2)
        t_reset(greeters[i].raw);
    t_weir_thaw(&weir);
    for (int i = 1; i < FLOOD; i += 2)
        read_first(greeters[i].raw, NULL);
    for (int i = 0; i < FLOOD; i++) {
        t_close(greeters[i].raw);
        SSL_free(greeters[i].ssl);
    }
    t_stats_await(&weir, "listeners/web/connections/active", 0);
    SSL_CTX_free(context);
    t_weir_end(&weir);
}
