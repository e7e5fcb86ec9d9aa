#include "weir/config/config.h"
#include "weir/config/schema.h"

#include <assert.h>

/* A row's macros, behind its depth, name, type and default. */
#define TOP(field) .has_field = true, .offset = offsetof(struct weir_config, field)
#define IN(name, field) .has_field = true, .offset = offsetof(struct weir_config_##name, field)
#define ARRAY(of, field, element)                                                                  \
    .has_field = true, .offset = offsetof(struct of, field),                                       \
    .count_offset = offsetof(struct of, n_##field),                                                \
    .element_bytes = sizeof(struct weir_config_##element)
#define PARSED(of, field) .parsed_offset = offsetof(struct of, field)
#define COUNT(of, field) .count_offset = offsetof(struct of, field)
#define RANGE(least, most) .min = (least), .max = (most)
#define EDITS(of, edits, field)                                                                    \
    .has_field = true, .offset = offsetof(struct weir_config_listener, edits##_edits.field),       \
    .count_offset = offsetof(struct weir_config_listener, edits##_edits.n_##field),                \
    .side = WEIR_EDIT_##of
#define OFF .zero = "off"
#define REQUIRED(text) .is_required = true, .example = (text)
#define EXAMPLE(text) .example = (text)
#define PENDING(subject) .pending = (subject)
#define WORDS(list) .words = (list)

static_assert(offsetof(struct weir_config_listener, name) == 0, "a NAMED struct begins with it");
static_assert(offsetof(struct weir_config_pool, name) == 0, "a NAMED struct begins with it");

static const struct weir_schema_word log_targets[] = {
    {.name = "stderr"}, {.name = "syslog"}, {.name = "journal"}, {0}};
static const struct weir_schema_word log_levels[] = {{"debug", WEIR_LOG_DEBUG},
                                                     {"info", WEIR_LOG_INFO},
                                                     {"warn", WEIR_LOG_WARN},
                                                     {"error", WEIR_LOG_ERROR},
                                                     {0}};
static const struct weir_schema_word log_formats[] = {
    {"text", WEIR_LOG_TEXT}, {"json", WEIR_LOG_JSON}, {0}};
static const struct weir_schema_word access_formats[] = {
    {"json", WEIR_ACCESS_JSON}, {"combined", WEIR_ACCESS_COMBINED}, {0}};
static const struct weir_schema_word switches[] = {
    {"off", WEIR_SWITCH_OFF}, {"on", WEIR_SWITCH_ON}, {0}};
static const struct weir_schema_word proxy_versions[] = {
    {"off", WEIR_PROXY_OFF}, {"v1", WEIR_PROXY_V1}, {"v2", WEIR_PROXY_V2}, {0}};
static const struct weir_schema_word forwardings[] = {{"x_forwarded", WEIR_FORWARDED_X},
                                                      {"rfc7239", WEIR_FORWARDED_RFC7239},
                                                      {"both", WEIR_FORWARDED_BOTH},
                                                      {"off", WEIR_FORWARDED_OFF},
                                                      {0}};
static const struct weir_schema_word request_ids[] = {{"off", WEIR_REQUEST_ID_OFF},
                                                      {"make", WEIR_REQUEST_ID_MAKE},
                                                      {"pass", WEIR_REQUEST_ID_PASS},
                                                      {0}};
static const struct weir_schema_word oldest_versions[] = {
    {"1.2", WEIR_TLS_OLDEST_12}, {"1.3", WEIR_TLS_OLDEST_13}, {0}};
static const struct weir_schema_word unknown_names[] = {
    {"fallback", WEIR_UNKNOWN_NAME_FALLBACK}, {"refuse", WEIR_UNKNOWN_NAME_REFUSE}, {0}};
static const struct weir_schema_word families[] = {
    {"any", WEIR_FAMILY_ANY}, {"ipv4", WEIR_FAMILY_IPV4}, {"ipv6", WEIR_FAMILY_IPV6}, {0}};
static const struct weir_schema_word balances[] = {
    {"round_robin", WEIR_BALANCE_ROUND_ROBIN},
    {"least_connections", WEIR_BALANCE_LEAST_CONNECTIONS},
    {"random_two", WEIR_BALANCE_RANDOM_TWO},
    {"hash_source", WEIR_BALANCE_HASH_SOURCE},
    {"hash_host", WEIR_BALANCE_HASH_HOST},
    {"hash_path", WEIR_BALANCE_HASH_PATH},
    {0}};
static const struct weir_schema_word close_modes[] = {
    {"reset", WEIR_CLOSE_RESET}, {"fin", WEIR_CLOSE_FIN}, {0}};
static const struct weir_schema_word evidences[] = {
    {"evidence", WEIR_EVIDENCE_ON}, {"off", WEIR_EVIDENCE_OFF}, {0}};

/* A table, indented as the file it describes. */
/* clang-format off */
const struct weir_schema_row weir_schema[] = {
    {0, "workers", WEIR_SCHEMA_NUMBER, "auto", TOP(workers), RANGE(1, 256), .zero = "auto",
        .help = "Threads that carry traffic; `auto` is one per usable core."},
    {0, "user", WEIR_SCHEMA_TEXT, "null", TOP(user), PENDING("dropping privileges has"),
        .help = "Drop to this user, and its group, once the ports are bound."},
    {0, "shutdown_timeout", WEIR_SCHEMA_DURATION, "30s", TOP(shutdown_timeout_ms), OFF,
        .help = "How long a drain waits for requests in flight."},
    {0, "log", WEIR_SCHEMA_SECTION, .help = "weir's own messages."},
    {1,     "to", WEIR_SCHEMA_TARGET, "stderr", TOP(log_to), WORDS(log_targets),
            .help = "Where they go. A path has a `/` in it; the file is appended to."},
    {1,     "level", WEIR_SCHEMA_WORD, "info", TOP(log_level), WORDS(log_levels),
            .help = "The least grave that are written."},
    {1,     "format", WEIR_SCHEMA_WORD, "text", TOP(log_format), WORDS(log_formats),
            .help = "One line each, or one JSON object a line."},
    {0, "access_log", WEIR_SCHEMA_SECTION, TOP(has_access_log),
        .help = "One line a request; `{}` for all defaults. Off when absent."},
    {1,     "to", WEIR_SCHEMA_FILE, "/var/log/weir/access.log", TOP(access_log_to),
            .help = "The file, which is appended to; it may be a pipe with a name, or "
            "`/dev/stdout`."},
    {1,     "format", WEIR_SCHEMA_WORD, "json", TOP(access_log_format), WORDS(access_formats),
            .help = "A JSON object a line, or the combined format of other servers."},
    {0, "admin", WEIR_SCHEMA_SECTION,
        .help = "The admin endpoint: figures and commands over HTTP."},
    {1,     "listen", WEIR_SCHEMA_ADDRESS, "127.0.0.1:8900", TOP(admin_listen),
            PARSED(weir_config, admin_endpoint), OFF,
            .help = "The address it is reached at, or `unix:/path`; `off` for none."},
    {1,     "socket_mode", WEIR_SCHEMA_MODE, "0600", TOP(admin_socket_mode), RANGE(0, 0777),
            .help = "The mode of the socket's file, where it is a Unix socket; never writable to "
            "everybody."},
    {1,     "token_file", WEIR_SCHEMA_TEXT, "null", TOP(admin_token_file),
            .help = "POSTs need `Authorization: Bearer` and the token in this file; `null` refuses "
            "them, but over a Unix socket."},
    {0, "resolver", WEIR_SCHEMA_SECTION,
        .help = "How the names of servers are looked up. `/etc/hosts` comes first."},
    {1,     "servers", WEIR_SCHEMA_ADDRESSES, "[]", .has_field = true,
            .offset = offsetof(struct weir_config, resolver_servers),
            PARSED(weir_config, resolver_endpoints), COUNT(weir_config, n_resolver_servers),
            .needs_host = true, EXAMPLE("[\"127.0.0.1:53\"]"),
            .help = "Name servers, as `IP:PORT`; none are those of `/etc/resolv.conf`."},
    {1,     "timeout", WEIR_SCHEMA_DURATION, "2s", TOP(resolver_timeout_ms), RANGE(10, 60000),
            .help = "For a name to be found, all retries included."},
    {1,     "family", WEIR_SCHEMA_WORD, "any", TOP(resolver_family), WORDS(families),
            .help = "Which addresses of a name become servers: all of them, or those of IPv4 or "
            "IPv6 alone. A family that this host has no route for is left out."},

    {0, "listeners", WEIR_SCHEMA_NAMED, ARRAY(weir_config, listeners, listener),
        REQUIRED("{web: {listen: [\":8080\"], pool: NAME}}"),
        .help =
        "Where clients connect. The names are yours, of 1 to 64 letters, digits, `_`, `.`, `-`."},
    {1,     "listen", WEIR_SCHEMA_ADDRESSES, .has_field = true,
            .offset = offsetof(struct weir_config_listener, listen),
            PARSED(weir_config_listener, endpoints), COUNT(weir_config_listener, n_listen),
            REQUIRED("[\":8080\"]"),
            .help = "Addresses: `HOST:PORT`, `[IPv6]:PORT`, `:PORT` for every IPv4 address of the "
            "host, or `unix:/path`. One alone needs no list."},
    {1,     "socket_mode", WEIR_SCHEMA_MODE, "0660", IN(listener, socket_mode), RANGE(0, 0777),
            .help = "The mode of the files of Unix sockets: whoever may write may connect."},
    {1,     "pool", WEIR_SCHEMA_POOL, "null", IN(listener, pool),
            .help = "Where requests go that no route takes; `null` answers them with 404."},
    {1,     "routes", WEIR_SCHEMA_SECTIONS, "[]", ARRAY(weir_config_listener, routes, route),
            EXAMPLE("[{host: www.example.com, path: /, pool: NAME}]"),
            .help = "The first that matches takes the request."},
    {2,         "host", WEIR_SCHEMA_HOST, "null", IN(route, host),
                .help = "The request's host, without a port, or `*.example.com` for every name "
                "below; `null` is any."},
    {2,         "path", WEIR_SCHEMA_PREFIX, "null", IN(route, path),
                .help = "What the request's path begins with; `null` is any."},
    {2,         "pool", WEIR_SCHEMA_POOL, IN(route, pool), REQUIRED("NAME"),
                .help = "Where such requests go."},
    {1,     "tls", WEIR_SCHEMA_SECTION, IN(listener, has_tls),
            .help = "Clients speak TLS. Plaintext when absent."},
    {2,         "certificates", WEIR_SCHEMA_SECTIONS, "[]",
                ARRAY(weir_config_listener, certificates, certificate),
                EXAMPLE("[{certificate: site.pem, key: site.key}]"),
                .help = "At least one. Chosen by SNI from their own names, exact ones before "
                "wildcards; the first is the fallback. Those of the same name with another kind of "
                "key (ECDSA, RSA) stand side by side."},
    {3,             "certificate", WEIR_SCHEMA_TEXT, IN(certificate, certificate),
                    REQUIRED("site.pem"),
                    .help = "A PEM file: the certificate, and behind it its issuers'. A relative "
                    "path begins at this file's directory."},
    {3,             "key", WEIR_SCHEMA_TEXT, "null", IN(certificate, key),
                    .help = "A PEM file, not encrypted; `null`: it is in the certificate's."},
    {2,         "min_version", WEIR_SCHEMA_WORD, "1.2", IN(listener, tls_oldest),
                WORDS(oldest_versions), .help = "The oldest version spoken; the newest is 1.3."},
    {2,         "ciphers", WEIR_SCHEMA_TEXT, "null", IN(listener, tls_ciphers),
                .help = "An OpenSSL cipher list for TLS 1.2, in the order in which weir prefers "
                "them; `null` is Mozilla's \"intermediate\"."},
    {2,         "unknown_name", WEIR_SCHEMA_WORD, "fallback", IN(listener, tls_unknown_name),
                WORDS(unknown_names),
                .help = "What a client gets that asks for a name which no certificate has: the "
                "first certificate, or a refusal. Addresses are no names, and always refused."},
    {2,         "sessions", WEIR_SCHEMA_DURATION, "4h", IN(listener, tls_session_ms), OFF,
                RANGE(1000, 604800000),
                .help = "How long a session may be resumed, by tickets whose keys change as "
                "often."},
    {2,         "client_ca", WEIR_SCHEMA_TEXT, "null", IN(listener, client_ca),
                .help = "A file of CAs: clients must present a certificate that one of them "
                "signed."},
    {2,         "client_depth", WEIR_SCHEMA_NUMBER, "3", IN(listener, client_depth), RANGE(0, 20),
                .help = "So many issuers may stand between a client's certificate and that CA."},
    {1,     "proxy_protocol", WEIR_SCHEMA_WORD, "off", IN(listener, proxy_protocol),
            WORDS(switches),
            .help = "Whether trusted peers tell in a PROXY header, version 1 or 2, whose "
            "connection it is. From them it is required; others speak HTTP at once."},
    {1,     "trusted_peers", WEIR_SCHEMA_NETWORKS, "[]", .has_field = true,
            .offset = offsetof(struct weir_config_listener, trusted_peers),
            PARSED(weir_config_listener, trusted), COUNT(weir_config_listener, n_trusted),
            .help = "Addresses and blocks (`10.0.0.0/8`, `::1`), or `unix` for all who come by a "
            "Unix socket, whose `Forwarded` and `X-Forwarded-*`, and PROXY header, are believed. "
            "Behind such a header what counts for the fields is the client that it names."},
    {1,     "forwarded", WEIR_SCHEMA_WORD, "x_forwarded", IN(listener, forwarded),
            WORDS(forwardings),
            .help = "How servers are told of the client: `X-Forwarded-*`, `Forwarded` (RFC 7239), "
            "both or neither."},
    {1,     "headers", WEIR_SCHEMA_SECTION,
            .help = "Edits of header fields, applied in this order, behind all that weir itself "
            "does. Values may hold `${client_ip}`, `${client_port}`, `${listener}`, "
            "`${request_id}`, `${tls_version}` and `${tls_client_subject}`."},
    {2,         "request", WEIR_SCHEMA_SECTION, .help = "On the way to the server."},
    {3,             "remove", WEIR_SCHEMA_REMOVALS, "[]", EDITS(REQUEST, request, remove),
                    .help = "Names."},
    {3,             "set", WEIR_SCHEMA_LINES, "{}", EDITS(REQUEST, request, set),
                    EXAMPLE("{X-Name: value}"),
                    .help = "Names and values, in place of what was there."},
    {3,             "add", WEIR_SCHEMA_LINES, "{}", EDITS(REQUEST, request, add),
                    .is_added = true, EXAMPLE("{X-Name: value}"),
                    .help = "Names and values, beside what is there."},
    {2,         "response", WEIR_SCHEMA_SECTION,
                .help = "On the way to the client; weir's own answers, too."},
    {3,             "remove", WEIR_SCHEMA_REMOVALS, "[]", EDITS(RESPONSE, response, remove),
                    .help = "Names."},
    {3,             "set", WEIR_SCHEMA_LINES, "{}", EDITS(RESPONSE, response, set),
                    EXAMPLE("{X-Name: value}"),
                    .help = "Names and values, in place of what was there."},
    {3,             "add", WEIR_SCHEMA_LINES, "{}", EDITS(RESPONSE, response, add),
                    .is_added = true, EXAMPLE("{X-Name: value}"),
                    .help = "Names and values, beside what is there."},
    {1,     "request_id", WEIR_SCHEMA_WORD, "off", IN(listener, request_id), WORDS(request_ids),
            .help = "`X-Request-Id` for the server and the access log: `make` gives each request "
            "one of its own, `pass` lets a client's stand where it is a token of at most 128 "
            "letters; `off` leaves the field alone."},
    {1,     "timeouts", WEIR_SCHEMA_SECTION, .help = "How long weir waits for clients."},
    {2,         "header", WEIR_SCHEMA_DURATION, "10s", IN(listener, header_ms), OFF,
                .help = "For the whole head of a request, from its first byte; for the first one "
                "from the connection's beginning on, PROXY header and handshake included."},
    {2,         "body", WEIR_SCHEMA_DURATION, "30s", IN(listener, body_ms), OFF,
                .help = "For the next bytes of a request's body."},
    {2,         "write", WEIR_SCHEMA_DURATION, "30s", IN(listener, write_ms), OFF,
                .help = "For the client to take the next bytes of an answer."},
    {2,         "idle", WEIR_SCHEMA_DURATION, "60s", IN(listener, idle_ms), OFF,
                .help = "For the next request on a kept connection."},
    {2,         "tunnel", WEIR_SCHEMA_DURATION, "1h", IN(listener, tunnel_ms), OFF,
                .help = "For the next byte either way, once a request was answered with 101."},
    {1,     "close_grace", WEIR_SCHEMA_DURATION, "0ms", IN(listener, close_grace_ms), OFF,
            .help = "After an answer with `Connection: close`, how long the client may close "
            "first, so that TIME_WAIT stays with it; `0` closes at once."},
    {1,     "limits", WEIR_SCHEMA_SECTION, .help = "What clients may ask for."},
    {2,         "connections", WEIR_SCHEMA_NUMBER, "0", IN(listener, connections_max), OFF,
                .help = "At once, over all workers."},
    {2,         "connections_per_ip", WEIR_SCHEMA_NUMBER, "0", IN(listener, connections_per_ip_max),
                OFF,
                .help = "At once from one client address, over all workers."},
    {2,         "requests_per_connection", WEIR_SCHEMA_NUMBER, "0",
                IN(listener, requests_per_connection_max), OFF,
                .help = "The connection is closed after so many."},
    {2,         "handshakes", WEIR_SCHEMA_NUMBER, "1", IN(listener, handshakes_max), OFF,
                .help = "Steps of TLS handshakes that a worker takes before it looks after its "
                "other clients; the rest wait in line."},
    {2,         "header_bytes", WEIR_SCHEMA_SIZE, "32KiB", IN(listener, header_bytes_max),
                RANGE(1024, 1048576), .help = "Of a request's head, request line included."},
    {2,         "headers", WEIR_SCHEMA_NUMBER, "100", IN(listener, headers_max), RANGE(1, 10000),
                .help = "Field lines of a request."},
    {2,         "body_bytes", WEIR_SCHEMA_SIZE, "0", IN(listener, body_bytes_max), OFF,
                .help = "Of a request's body."},

    {0, "pools", WEIR_SCHEMA_NAMED, "{}", ARRAY(weir_config, pools, pool),
        EXAMPLE("{NAME: {servers: [{address: \"127.0.0.1:9001\"}]}}"),
        .help = "Where requests go. The names are yours, as for listeners."},
    {1,     "servers", WEIR_SCHEMA_SECTIONS, ARRAY(weir_config_pool, servers, server),
            REQUIRED("[{address: \"127.0.0.1:9001\"}]"), .help = "Who answers them."},
    {2,         "address", WEIR_SCHEMA_ADDRESS, IN(server, address), PARSED(weir_config_server,
                endpoint),
                .needs_host = true, .is_portless = true, REQUIRED("127.0.0.1:9001"),
                .help = "`HOST:PORT`, `[IPv6]:PORT` or `unix:/path`. Every address of a name is a "
                "server; the name is looked up again whenever its TTL has run out."},
    {2,         "weight", WEIR_SCHEMA_NUMBER, "1", IN(server, weight), RANGE(1, WEIR_WEIGHT_MAX),
                .help = "Its share, relative to the others."},
    {2,         "backup", WEIR_SCHEMA_BOOL, "false", IN(server, backup),
                .help = "Used only for requests that have failed at every other."},
    {2,         "srv", WEIR_SCHEMA_BOOL, "false", IN(server, srv),
                .help = "The address is a name, which needs no port, whose SRV records are "
                "followed: ports and weights are theirs, and all but the first priority are "
                "backups."},
    {1,     "balance", WEIR_SCHEMA_WORD, "least_connections", IN(pool, balance), WORDS(balances),
            .help = "How a server is chosen: in turn; the least loaded; the less loaded of two "
            "drawn at random; by a hash of the client's address, the host or the path."},
    {1,     "connections", WEIR_SCHEMA_SECTION, .help = "The connections kept to each server."},
    {2,         "max", WEIR_SCHEMA_NUMBER, "256", IN(pool, connections_max), OFF,
                .help = "Per server, over all workers, whatever their state."},
    {2,         "max_idle", WEIR_SCHEMA_NUMBER, "null", IN(pool, idle_max), OFF,
                .help = "Kept idle per server, over all workers; `null` is `max`, so that only "
                "`idle_timeout` shrinks a pool."},
    {2,         "min_idle", WEIR_SCHEMA_NUMBER, "0", IN(pool, idle_min), OFF,
                .help = "So many idle ones are opened ahead of need and kept, per server, over all "
                "workers; at most `max_idle`."},
    {2,         "idle_timeout", WEIR_SCHEMA_DURATION, "55s", IN(pool, idle_timeout_ms), OFF,
                .help = "An idle connection is closed after that; an upper bound, which what a "
                "server is seen or says to allow shortens."},
    {2,         "max_requests", WEIR_SCHEMA_NUMBER, "0", IN(pool, requests_max), OFF,
                .help = "A connection is closed after so many."},
    {2,         "max_age", WEIR_SCHEMA_DURATION, "0", IN(pool, age_ms_max), OFF,
                .help = "A connection is closed after that, with 10 % jitter, so that a fleet "
                "does not reconnect in step."},
    {2,         "share", WEIR_SCHEMA_BOOL, "true", IN(pool, share),
                .help = "A worker without an idle connection takes one from another worker."},
    {2,         "close", WEIR_SCHEMA_WORD, "reset", IN(pool, close), WORDS(close_modes),
                .help = "How weir ends a connection whose exchange is complete; `fin` for "
                "servers that log resets."},
    {2,         "source", WEIR_SCHEMA_SOURCES, "[]", .has_field = true,
                .offset = offsetof(struct weir_config_pool, source),
                PARSED(weir_config_pool, sources), COUNT(weir_config_pool, n_sources),
                .help = "Addresses of this host to connect from, in turn, without a port: each has "
                "local ports of its own. Without any the kernel chooses."},
    {2,         "send_proxy", WEIR_SCHEMA_WORD, "off", IN(pool, send_proxy),
                WORDS(proxy_versions),
                .help = "Tells the server of the client in a PROXY header of this version. A "
                "connection then serves that one client connection alone, and ends with it."},
    {1,     "queue", WEIR_SCHEMA_SECTION,
            .help = "Requests that wait for a connection once `connections.max` is reached."},
    {2,         "max", WEIR_SCHEMA_NUMBER, "1024", IN(pool, queue_max), OFF,
                .help = "So many wait at once; others are answered with 503."},
    {2,         "timeout", WEIR_SCHEMA_DURATION, "5s", IN(pool, queue_timeout_ms), OFF,
                .help = "So long each waits; then it is answered with 503."},
    {1,     "timeouts", WEIR_SCHEMA_SECTION, .help = "How long weir waits for servers."},
    {2,         "connect", WEIR_SCHEMA_DURATION, "2s", IN(pool, connect_ms), OFF,
                .help = "For a connection to be made, the TLS handshake included."},
    {2,         "response", WEIR_SCHEMA_DURATION, "60s", IN(pool, response_ms), OFF,
                .help = "For the head of an answer."},
    {2,         "stall", WEIR_SCHEMA_DURATION, "30s", IN(pool, stall_ms), OFF,
                .help = "Without a byte either way inside a body."},
    {1,     "retry", WEIR_SCHEMA_SECTION, .help = "Requests that are sent again."},
    {2,         "attempts", WEIR_SCHEMA_NUMBER, "2", IN(pool, retry_attempts), RANGE(0, 10), OFF,
                .help = "How often one request is sent again at most; `0` is never."},
    {2,         "budget", WEIR_SCHEMA_PERCENT, "20%", IN(pool, retry_budget_percent), RANGE(0, 100),
                OFF,
                .help = "Retries as a share of the pool's requests; free where the server had "
                        "closed a reused connection before it saw the request."},
    {2,         "non_idempotent", WEIR_SCHEMA_WORD, "evidence", IN(pool, retry_evidence),
                WORDS(evidences),
                .help = "Whether a POST and its like are sent again when the kernel shows that "
                "the server had closed the reused connection before they reached it."},
    {1,     "health", WEIR_SCHEMA_SECTION, IN(pool, is_probed),
            .help = "Each server is asked whether it is well, on a connection of its own; `{}` for "
            "all defaults. Absent: weir goes by what becomes of requests alone."},
    {2,         "path", WEIR_SCHEMA_ORIGIN, "/healthz", IN(pool, health_path),
                .help = "What is asked for."},
    {2,         "host", WEIR_SCHEMA_AUTHORITY, "null", IN(pool, health_host),
                .help = "The `Host` sent; `null` is the server's address."},
    {2,         "interval", WEIR_SCHEMA_DURATION, "2s", IN(pool, health_interval_ms),
                RANGE(10, 86400000), .help = "Between the beginnings of two checks."},
    {2,         "timeout", WEIR_SCHEMA_DURATION, "1s", IN(pool, health_timeout_ms),
                RANGE(1, 3600000), .help = "For the connection and the head of the answer."},
    {2,         "rise", WEIR_SCHEMA_NUMBER, "2", IN(pool, health_rise), RANGE(1, 1000),
                .help = "So many good answers in a row make a server up."},
    {2,         "fall", WEIR_SCHEMA_NUMBER, "3", IN(pool, health_fall), RANGE(1, 1000),
                .help = "So many bad ones, or none, in a row make it down."},
    {2,         "expect", WEIR_SCHEMA_STATUSES, "200-399", IN(pool, health_expect),
                .help = "The statuses that are good: `200`, `200-399`, `200,204,300-399`."},
    {1,     "outlier", WEIR_SCHEMA_SECTION,
            .help = "Servers at which requests fail are left alone for a while."},
    {2,         "failures", WEIR_SCHEMA_NUMBER, "5", IN(pool, outlier_failures), OFF,
                .help = "So many in a row eject a server: connections that could not be made, "
                "answers of 502 or 504 that weir had to give for it."},
    {2,         "eject", WEIR_SCHEMA_DURATION, "10s", IN(pool, eject_ms), RANGE(100, 3600000),
                .help = "For how long, twice as long each time again, up to 32 times."},
    {1,     "tls", WEIR_SCHEMA_SECTION, IN(pool, has_tls),
            .help = "TLS 1.2 or 1.3 to the servers; `{}` for all defaults. Plaintext when absent. "
            "Files are those beside the configuration, unless their paths begin with `/`; they are "
            "read at start and at each reload."},
    {2,         "verify", WEIR_SCHEMA_BOOL, "true", IN(pool, tls_verify),
                .help = "Check the server's certificate, and that it is for the server's name."},
    {2,         "ca_file", WEIR_SCHEMA_TEXT, "null", IN(pool, tls_ca_file),
                .help = "The certificates to trust, a PEM file; `null` is the system's."},
    {2,         "server_name", WEIR_SCHEMA_SERVER_NAME, "null", IN(pool, tls_server_name),
                .help = "For SNI and the check; `null` is the host of the server's `address` as "
                "written, of an SRV record's what follows `_SERVICE._PROTOCOL`, of a Unix "
                "socket's `localhost`. An IP address is checked as such, and sent to nobody."},
    {2,         "certificate", WEIR_SCHEMA_TEXT, "null", IN(pool, tls_certificate),
                .help = "weir's own, for servers that ask for one: a PEM file, the issuers' behind "
                "it."},
    {2,         "key", WEIR_SCHEMA_TEXT, "null", IN(pool, tls_key),
                .help = "Its key, a PEM file, not encrypted; `null`: it is in the certificate's."},
    {0},
};
/* clang-format on */
