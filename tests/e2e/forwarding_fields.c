/* A server learns whom weir forwards for, and believes nobody whom weir was not told to trust. */
#include "support/t_scene.h"

#include <string.h>

#define VIA "Via: 1.1 weir\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
#define GET "GET / HTTP/1.1\r\nHost: h:80\r\n"

/* What a client claims that has been through proxies, or lies. */
#define CLAIMS                                                                                     \
    "X-Forwarded-For: 1.1.1.1\r\nA: b\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n"                    \
    "X-Forwarded-Proto: https\r\nX-Forwarded-Host: x\r\nX-Forwarded-Port: 443\r\n"                 \
    "Forwarded: for=4.4.4.4\r\nforwarded: for=5.5.5.5;proto=https\r\nVia: 1.0 p\r\n"

struct mode {
    const char *name;
    const char *plain;   /* what is added to a request without claims */
    const char *doubted; /* what becomes of one with claims, if the peer is not trusted */
    const char *trusted; /* and if it is */
};

#define X_PLAIN "X-Forwarded-For: @ip@\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: h:80\r\n"
#define RFC_PLAIN "Forwarded: for=@node@;host=\"h:80\";proto=http\r\n"
#define REST "A: b\r\nVia: 1.0 p\r\n"

static const struct mode modes[] = {
    {"x_forwarded", X_PLAIN, REST X_PLAIN,
     "A: b\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: x\r\nX-Forwarded-Port: 443\r\n"
     "Forwarded: for=4.4.4.4\r\nforwarded: for=5.5.5.5;proto=https\r\nVia: 1.0 p\r\n"
     "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, @ip@\r\n"},
    {"rfc7239", RFC_PLAIN, REST RFC_PLAIN,
     "X-Forwarded-For: 1.1.1.1\r\nA: b\r\nx-forwarded-for: 2.2.2.2, 3.3.3.3\r\n"
     "X-Forwarded-Proto: https\r\nX-Forwarded-Host: x\r\nX-Forwarded-Port: 443\r\nVia: 1.0 p\r\n"
     "Forwarded: for=4.4.4.4, for=5.5.5.5;proto=https, for=@node@;host=\"h:80\";proto=http\r\n"},
    {"both", X_PLAIN RFC_PLAIN, REST X_PLAIN RFC_PLAIN,
     "A: b\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: x\r\nX-Forwarded-Port: 443\r\n"
     "Via: 1.0 p\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, @ip@\r\n"
     "Forwarded: for=4.4.4.4, for=5.5.5.5;proto=https, for=@node@;host=\"h:80\";proto=http\r\n"},
    {"off", "", CLAIMS, CLAIMS},
};

struct peer {
    const char *listen, *host;
    const char *plain, *rfc; /* how it is told */
    const char *trust, *doubt;
};

static const struct peer peers[] = {
    {"127.0.0.1:@port@", "127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.0/8", "10.0.0.0/8"},
    {"[::1]:@port@", "::1", "::1", "\"[::1]\"", "::1", "::2"},
};

static void start(struct t_scene *scene, const char *listen, const char *mode, const char *trusted)
{
    *scene = (struct t_scene){0};
    t_origin_open(&scene->origin);
    t_weir_start(&scene->weir,
                 T_WEIR_HEAD "listeners:\n"
                             "  web:\n"
                             "    listen: [\"%s\"]\n"
                             "    pool: legacy\n"
                             "    forwarded: %s\n"
                             "    trusted_peers: [\"%s\"]\n"
                             "pools:\n"
                             "  legacy: {servers: [{address: \"127.0.0.1:%d\"}]}\n",
                 listen, mode, trusted, scene->origin.port);
}

static void check(struct t_scene *scene, const struct peer *peer, const char *claims,
                  const char *becomes)
{
    char *want = t_replace(t_replace(becomes, "@ip@", peer->plain), "@node@", peer->rfc);
    t_scene_request(scene, t_text(GET "%s\r\n", claims), t_text(GET "%s" VIA "\r\n", want));
    t_scene_answer(scene, OK "\r\n", OK VIA "\r\n");
}

static void check_modes(const struct peer *peer)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        for (int trusts = 0; trusts < 2; trusts++) {
            struct t_scene scene;
            start(&scene, peer->listen, modes[i].name, trusts ? peer->trust : peer->doubt);
            scene.client = t_connect_to(peer->host, scene.weir.port);
            check(&scene, peer, "", modes[i].plain);
            check(&scene, peer, CLAIMS, trusts ? modes[i].trusted : modes[i].doubted);
            t_weir_end(&scene.weir);
        }
    }
}

Test(forwarding_fields, of_ipv4_clients)
{
    check_modes(&peers[0]);
}

Test(forwarding_fields, of_ipv6_clients)
{
    check_modes(&peers[1]);
}

/* Via tells the version of the message that came, on both sides. */
Test(forwarding_fields, via_tells_the_version)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    t_scene_request(&scene, "GET / HTTP/1.0\r\nHost: h\r\nVia: 1.1 a\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 a\r\nVia: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, "HTTP/1.0 200 OK\r\nVia: 1.0 a\r\nContent-Length: 0\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nVia: 1.0 a\r\nContent-Length: 0\r\nVia: 1.0 weir\r\n"
                   "Connection: close\r\n\r\n");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_drop_upstream(&scene);
    t_scene_request(&scene, "GET / HTTP/1.7\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.7 weir\r\n\r\n");
    t_scene_answer(&scene, "HTTP/1.9 200 OK\r\nContent-Length: 0\r\n\r\n",
                   "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nVia: 1.9 weir\r\n\r\n");
    t_weir_end(&scene.weir);
}

struct target {
    const char *request, *forwarded;
};

/* An absolute target's authority is the host, whatever Host says. */
static const struct target targets[] = {
    {"GET http://a.example/x?y=%20&z HTTP/1.1\r\nA: 1\r\nHost: b.example\r\nB: 2\r\n\r\n",
     "GET /x?y=%20&z HTTP/1.1\r\nHost: a.example\r\nA: 1\r\nB: 2\r\n" VIA "\r\n"},
    {"GET HTTP://A.example:81 HTTP/1.1\r\nHost: A.example:81\r\n\r\n",
     "GET / HTTP/1.1\r\nHost: A.example:81\r\n" VIA "\r\n"},
    {"GET https://[::1]:8/x HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET /x HTTP/1.1\r\nHost: [::1]:8\r\n" VIA "\r\n"},
    {"OPTIONS http://a HTTP/1.1\r\nHost: h\r\n\r\n",
     "OPTIONS * HTTP/1.1\r\nHost: a\r\n" VIA "\r\n"},
    {"OPTIONS http://a/ HTTP/1.1\r\nHost: h\r\n\r\n",
     "OPTIONS / HTTP/1.1\r\nHost: a\r\n" VIA "\r\n"},
    {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n" VIA "\r\n"},
    {"GET //a//../%2e%2E/;x?? HTTP/1.1\r\nhOST:\t h \r\n\r\n",
     "GET //a//../%2e%2E/;x?? HTTP/1.1\r\nhOST:\t h \r\n" VIA "\r\n"},
    {"GET /http://a/ HTTP/1.1\r\nHost: h\r\n\r\n",
     "GET /http://a/ HTTP/1.1\r\nHost: h\r\n" VIA "\r\n"},
};

Test(forwarding_fields, absolute_targets)
{
    struct t_scene scene;
    t_scene_open(&scene, NULL, NULL);
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        t_scene_request(&scene, targets[i].request, targets[i].forwarded);
        t_scene_answer(&scene, OK "\r\n", OK VIA "\r\n");
    }
    t_weir_end(&scene.weir);
}

/* Without a Host of the client's, the server's own address stands in. */
Test(forwarding_fields, http10_without_host)
{
    struct t_scene scene;
    start(&scene, "127.0.0.1:@port@", "both", "10.0.0.1");
    t_scene_request(&scene, "GET / HTTP/1.0\r\n\r\n",
                    t_text("GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                           "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
                           "Forwarded: for=127.0.0.1;proto=http\r\nVia: 1.0 weir\r\n\r\n",
                           scene.origin.port));
    t_scene_answer(&scene, OK "\r\n", OK VIA "Connection: close\r\n\r\n");
    t_expect_end(scene.client);
    t_scene_drop_client(&scene);
    t_scene_request(&scene, "GET http://a/ HTTP/1.0\r\n\r\n",
                    "GET / HTTP/1.1\r\nHost: a\r\n"
                    "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
                    "X-Forwarded-Host: a\r\nForwarded: for=127.0.0.1;host=\"a\";proto=http\r\n"
                    "Via: 1.0 weir\r\n\r\n");
    t_scene_answer(&scene, OK "\r\n", OK VIA "Connection: close\r\n\r\n");
    t_weir_end(&scene.weir);
}
