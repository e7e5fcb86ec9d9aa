/* A WebSocket between node's own client and server passes through weir. */
#include "support/t_ask.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct t_weir weir;

/* Sends back what comes, once it has switched. */
static const char server_script[] =
    "const http = require('http');\n"
    "const crypto = require('crypto');\n"
    "const server = http.createServer((q, s) => s.end('plain'));\n"
    "server.on('upgrade', (q, socket, head) => {\n"
    "  const key = q.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';\n"
    "  const accept = crypto.createHash('sha1').update(key).digest('base64');\n"
    "  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\n' +\n"
    "    'Connection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');\n"
    "  socket.write(head);\n"
    "  socket.pipe(socket);\n"
    "});\n"
    "server.listen(0, '127.0.0.1', () => console.error('port ' + server.address().port + ' "
    "ready'));\n";

/* Expects the same bytes back, then the other's end. */
static const char client_script[] =
    "const http = require('http');\n"
    "const crypto = require('crypto');\n"
    "const key = crypto.randomBytes(16).toString('base64');\n"
    "const want = crypto.createHash('sha1')\n"
    "  .update(key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');\n"
    "const sent = crypto.randomBytes(3 << 20);\n"
    "const fail = (why) => { console.error(why); process.exit(1); };\n"
    "const request = http.get({port: process.argv[2], path: '/chat', headers: {\n"
    "  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Key': key,\n"
    "  'Sec-WebSocket-Version': 13}});\n"
    "request.on('response', (answer) => fail('no upgrade: ' + answer.statusCode));\n"
    "request.on('error', (error) => fail(error));\n"
    "request.on('upgrade', (answer, socket, head) => {\n"
    "  if (answer.headers['sec-websocket-accept'] !== want) fail('another accept');\n"
    "  const parts = [head];\n"
    "  socket.on('data', (part) => parts.push(part));\n"
    "  socket.on('end', () => {\n"
    "    if (!Buffer.concat(parts).equals(sent)) fail('other bytes');\n"
    "    console.log('the same');\n"
    "  });\n"
    "  socket.end(sent);\n"
    "});\n";

static void need_node(void)
{
    const char *const argv[] = {"/bin/sh", "-c", "command -v node", NULL};

    if (t_run(argv).status != 0) {
        static const char missing[] = "node, of Debian's package nodejs, is not there";
        fprintf(stderr, "the whole suite is skipped: %s\n", missing); /* ctest reads this */
        cr_skip_test("%s", missing);
    }
}

Test(websocket, of_node)
{
    struct t_process server;
    int port;

    need_node();
    const char *const start[] = {"/usr/bin/env", "node", t_write_file("server.js", server_script),
                                 NULL};
    t_process_start(&server, "node", start, false, false);
    t_process_await(&server, " ready");
    cr_assert_eq(sscanf(strstr(t_process_err(&server), "port "), "port %d", &port), 1);
    t_weir_start_shape(&weir, &(struct t_shape){.port = port});
    t_assert_text(t_one_shot(&weir, "/")->body, "plain");
    for (int i = 0; i < 3; i++) {
        const char *const argv[] = {"/usr/bin/env", "node",
                                    t_write_file("client.js", client_script),
                                    t_text("%d", weir.port), NULL};
        struct t_run run = t_run(argv);
        t_assert_text(run.err, "");
        t_assert_text(run.out, "the same\n");
    }
    t_pool_await(&weir, "tunnels/active", 0);
    t_pool_assert(&weir, "tunnels/total", 3);
    t_assert_text(t_one_shot(&weir, "/")->body, "plain");
    t_weir_end(&weir);
    t_process_kill(&server);
}
