/* curl, openssl s_client and node speak TLS with weir; one that this host lacks is skipped. */
#include "support/t.h"
#include "support/t_tls.h"

static struct t_real_origin origin;
static struct t_weir weir;

static void need(const char *program)
{
    const char *const argv[] = {"/bin/sh", "-c", t_text("command -v %s", program), NULL};

    if (t_run(argv).status != 0)
        cr_skip_test("there is no %s", program);
}

static void start(const char *tls)
{
    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test,DNS:*.site.test"});
    t_real_origin_start(&origin, NULL);
    t_weir_start(&weir, T_TLS_CONFIG, tls, "", origin.port);
}

static void stop(void)
{
    t_weir_end(&weir);
    t_real_origin_stop(&origin);
}

/* @port@ and @dir@ stand for what they do in configurations. */
static struct t_run shell(const char *command)
{
    command = t_replace(command, "@port@", t_text("%d", weir.port));
    command = t_replace(command, "@dir@", t_dir());
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    return t_run(argv);
}

#define CURL                                                                                       \
    "curl -sS --max-time 8 --cacert @dir@/site.pem --resolve '*:@port@:127.0.0.1' "                \
    "-w '%{http_code} %{size_download} %{http_version} %{num_connects}\\n' "

Test(tls_real_clients, curl_verifies_the_name_and_gets_its_answers)
{
    need("curl");
    start("");
    struct t_run run = shell(CURL "-o @dir@/a -o @dir@/b 'https://site.test:@port@/?size=3MiB' "
                                  "'https://site.test:@port@/?size=100'");
    t_assert_text(run.out, "200 3145728 1.1 1\n200 100 1.1 0\n");
    run = shell(CURL "--tls-max 1.2 -o /dev/null https://a.site.test:@port@/?size=1");
    t_assert_text(run.out, "200 1 1.1 1\n");
    run = shell(CURL "-o /dev/null https://other.test:@port@/");
    t_assert_number("curl's status", run.status, 60);
    stop();
}

Test(tls_real_clients, curl_sends_a_big_body_and_gets_it_back)
{
    need("curl");
    start("");
    struct t_run run = shell("head -c 5000000 /dev/urandom >@dir@/body && " CURL
                             "-H Expect: --data-binary @@dir@/body -o @dir@/back "
                             "'https://site.test:@port@/?echo=1' && cmp @dir@/body @dir@/back");
    t_assert_text(run.out, "200 5000000 1.1 1\n");
    t_assert_number("status", run.status, 0);
    stop();
}

#define S_CLIENT                                                                                   \
    "timeout 8 openssl s_client -connect 127.0.0.1:@port@ -servername site.test -CAfile "          \
    "@dir@/site.pem -verify_return_error "

Test(tls_real_clients, openssl_resumes_its_session)
{
    static const char *const versions[] = {"-tls1_2", "-tls1_3"};

    need("openssl");
    start("");
    for (size_t i = 0; i < 2; i++) {
        struct t_run run = shell(
            t_text("ask() { (printf 'GET / HTTP/1.1\\r\\nHost: h\\r\\nConnection: "
                   "close\\r\\n\\r\\n'; sleep "
                   "1) | " S_CLIENT "-ign_eof %s \"$@\" 2>&1; }; "
                   "ask -sess_out @dir@/session >/dev/null; ask -sess_in @dir@/session",
                   versions[i]));
        t_assert_contains(run.out, "\nReused, ");
        t_assert_contains(run.out, "HTTP/1.1 200 OK");
    }
    stop();
}

Test(tls_real_clients, openssl_is_offered_no_more_than_the_defaults)
{
    need("openssl");
    start("");
    struct t_run run = shell(S_CLIENT "-alpn h2,http/1.1 </dev/null 2>&1");
    t_assert_contains(run.out, "ALPN protocol: http/1.1");
    t_assert_contains(run.out, "Compression: NONE");
    t_assert_contains(run.out, "X25519");
    run = shell(S_CLIENT "-alpn h2 </dev/null 2>&1");
    t_assert_contains(run.out, "no application protocol");
    run = shell(S_CLIENT "-tls1_2 -cipher AES128-SHA:AES128-GCM-SHA256 </dev/null 2>&1");
    t_assert_contains(run.out, "handshake failure");
    stop();
}

static const char script[] =
    "const https = require('https'), fs = require('fs');\n"
    "const agent = new https.Agent({keepAlive: true, maxSockets: 1, ca: "
    "fs.readFileSync(process.argv[3])});\n"
    "let sockets = new Set(), sent = Buffer.alloc(20000, 'x');\n"
    "function ask(n) {\n"
    "  const request = https.request({host: '127.0.0.1', port: process.argv[2], servername: "
    "'site.test', agent, method: 'POST', path: '/?echo=1'}, answer => {\n"
    "    const parts = [];\n"
    "    sockets.add(answer.socket); const version = answer.socket.getProtocol();\n"
    "    answer.on('data', part => parts.push(part));\n"
    "    answer.on('end', () => {\n"
    "      if (!Buffer.concat(parts).equals(sent)) throw new Error('not what was sent');\n"
    "      if (n > 1) return setImmediate(ask, n - 1);\n"
    "      console.log(answer.statusCode, sockets.size, version);\n"
    "      agent.destroy();\n"
    "    });\n"
    "  });\n"
    "  request.end(sent);\n"
    "}\n"
    "ask(4);\n";

Test(tls_real_clients, node_keeps_its_connection)
{
    need("node");
    start("");
    t_write_file("ask.js", script);
    struct t_run run = shell("timeout 20 node @dir@/ask.js @port@ @dir@/site.pem");
    if (run.status != 0)
        t_fail("node: %s", run.err);
    t_assert_text(run.out, "200 1 TLSv1.3\n");
    stop();
}
