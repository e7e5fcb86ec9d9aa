/* weir probe asks over TLS when it is given an https URL, and prints a pool section with `tls`. */
#include "support/t_tls_scene.h"

#include <stdlib.h>

struct asked {
    struct t_origin origin;
    struct t_tls tls;
    struct t_tls_server server;
};

static void open_asked(struct asked *asked)
{
    t_ca_write();
    t_origin_open(&asked->origin);
    t_tls_open(&asked->tls, "origin", NULL);
    t_tls_serve(&asked->server, &asked->origin, &asked->tls, NULL, NULL);
}

static struct t_run probe(struct asked *asked, const char *option)
{
    struct t_run run = t_weir_run(
        "probe", "-p", "5s", t_text("https://127.0.0.1:%d/a", asked->origin.port), option, NULL);
    t_tls_serve_stop(&asked->server);
    return run;
}

Test(tls_server_probe, with_the_certificate_checked)
{
    struct asked asked;
    open_asked(&asked);
    setenv("SSL_CERT_FILE", t_path("ca.pem"), 1);
    struct t_run run = probe(&asked, NULL);
    t_assert_text(run.err, "");
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, "status 200");
    t_assert_contains(run.out, "keep-alive          yes");
    t_assert_contains(run.out, "\n    tls: {}\n");
    cr_assert_geq(asked.tls.handshakes, 4);
}

Test(tls_server_probe, not_with_one_that_is_not_accepted)
{
    struct asked asked;
    open_asked(&asked);
    struct t_run run = probe(&asked, NULL);
    t_assert_number("exit status", run.status, 1);
    t_assert_contains(run.err,
                      "the certificate is not accepted: unable to get local issuer certificate");
    t_assert_number("requests", asked.server.requests, 0);
}

Test(tls_server_probe, with_any_when_told_so)
{
    struct asked asked;
    open_asked(&asked);
    struct t_run run = probe(&asked, "--insecure");
    t_assert_number("exit status", run.status, 0);
    t_assert_contains(run.out, "\n    tls: {verify: false}\n");
}
