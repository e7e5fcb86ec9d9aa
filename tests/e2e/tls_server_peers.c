/* Real servers that speak TLS are spoken to: openssl s_server, whose answers end with the
 * connection, and node, which keeps it. */
#include "support/t_tls_scene.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where PROGRAM is; without it the test is skipped. */
static const char *find(const char *program)
{
    const char *path = t_text("/usr/bin/%s", program);
    if (access(path, X_OK) != 0)
        cr_skip_test("%s is not installed", program);
    return path;
}

/* A weir before PORT. */
static void start(struct t_weir *weir, int port, const char *tls)
{
    t_weir_start_shape(weir, &(struct t_shape){.workers = 2, .port = port, .pool = tls});
}

static void serve_page(const char *version)
{
    struct t_process server;
    struct t_weir weir;
    int port = t_free_port();
    t_ca_write();
    t_certificate_write("origin", NULL);
    const char *const argv[] = {find("openssl"),
                                "s_server",
                                "-accept",
                                t_text("127.0.0.1:%d", port),
                                "-cert",
                                t_path("origin.pem"),
                                "-key",
                                t_path("origin.key"),
                                version,
                                "-www",
                                NULL};
    t_process_start(&server, "openssl s_server", argv, false, false);
    t_process_await(&server, "ACCEPT");
    start(&weir, port, T_TLS_TRUST);
    for (int i = 0; i < 5; i++)
        t_assert_contains(t_one_shot(&weir, "/")->body, "Ciphers supported in s_server binary");
    t_stats_assert(&weir, t_text("pools/legacy/servers/127.0.0.1:%d/tls/handshakes", port), 5);
    cr_assert_geq(
        t_stats_number(&weir, t_text("pools/legacy/servers/127.0.0.1:%d/tls/resumed", port)), 3);
    t_weir_end(&weir);
    t_process_kill(&server);
}

Test(tls_server_peers, openssl_s_server_over_tls_1_2)
{
    serve_page("-tls1_2");
}

Test(tls_server_peers, openssl_s_server_over_tls_1_3)
{
    serve_page("-tls1_3");
}

static const char script[] =
    "const https = require('https'), fs = require('fs'), dir = process.argv[2];\n"
    "let connections = 0;\n"
    "const server = https.createServer({\n"
    "  cert: fs.readFileSync(dir + '/origin.pem'), key: fs.readFileSync(dir + '/origin.key'),\n"
    "  ca: fs.readFileSync(dir + '/ca.pem'), requestCert: true, rejectUnauthorized: true,\n"
    "}, (request, response) => {\n"
    "  let n = 0;\n"
    "  request.on('data', (part) => { n += part.length; });\n"
    "  request.on('end', () => response.end(`${connections} ${request.method} ${n}`));\n"
    "});\n"
    "server.on('secureConnection', () => { connections++; });\n"
    "server.listen(Number(process.argv[3]), '127.0.0.1', () => console.log('ready'));\n";

/* It demands a certificate, too. */
Test(tls_server_peers, node_https)
{
    struct t_process server;
    struct t_weir weir;
    int port = t_free_port();
    t_ca_write();
    t_certificate_write("origin", NULL);
    t_certificate_write("own", NULL);
    const char *const argv[] = {find("node"), t_write_file("origin.js", script), t_dir(),
                                t_text("%d", port), NULL};
    t_process_start(&server, "node", argv, false, false);
    t_process_await(&server, "ready");
    start(&weir, port, "    tls: {ca_file: ca.pem, certificate: own.pem, key: own.key}\n");
    for (int i = 0; i < 20; i++)
        t_assert_text(t_one_shot(&weir, "/")->body, "1 GET 0");
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
    t_send_pattern(client, 1000000, 0);
    t_assert_text(t_read_response(client, "POST")->body, "1 POST 1000000");
    t_pool_assert(&weir, "connections/opened", 1);
    t_close(client);
    t_weir_end(&weir);
    t_process_kill(&server);
}
