/* The configuration: what a file says, typed, with its defaults filled in and cross-checked. Made
 * by one schema table (src/config/schema_table.c), which also prints it and writes the manual's
 * reference.
 *
 * Immutable once loaded; counted, because a reload builds the next one while exchanges still use
 * the one they began with. Durations are in milliseconds, sizes in bytes, 0 is "no limit". */
#ifndef WEIR_CONFIG_CONFIG_H
#define WEIR_CONFIG_CONFIG_H

#include "weir/base/log.h"
#include "weir/config/arena.h"
#include "weir/config/edits.h"
#include "weir/net/proxy_protocol.h"
#include "weir/net/resolver.h"
#include "weir/net/tls_front.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct weir_tls_dialer;

enum weir_forwarded {
    WEIR_FORWARDED_X,
    WEIR_FORWARDED_RFC7239,
    WEIR_FORWARDED_BOTH,
    WEIR_FORWARDED_OFF
};
enum weir_balance {
    WEIR_BALANCE_ROUND_ROBIN,
    WEIR_BALANCE_LEAST_CONNECTIONS,
    WEIR_BALANCE_RANDOM_TWO,
    WEIR_BALANCE_HASH_SOURCE,
    WEIR_BALANCE_HASH_HOST,
    WEIR_BALANCE_HASH_PATH
};
enum weir_request_id_mode { WEIR_REQUEST_ID_OFF, WEIR_REQUEST_ID_MAKE, WEIR_REQUEST_ID_PASS };
enum weir_access_format { WEIR_ACCESS_JSON, WEIR_ACCESS_COMBINED };
enum weir_close_mode { WEIR_CLOSE_RESET, WEIR_CLOSE_FIN };
enum weir_tls_oldest { WEIR_TLS_OLDEST_12, WEIR_TLS_OLDEST_13 };
enum weir_unknown_name { WEIR_UNKNOWN_NAME_FALLBACK, WEIR_UNKNOWN_NAME_REFUSE };
enum weir_evidence { WEIR_EVIDENCE_ON, WEIR_EVIDENCE_OFF };
enum weir_switch { WEIR_SWITCH_OFF, WEIR_SWITCH_ON };

/* host: null = any; `*.example.com` = any name below; lower case. path: null = any prefix. */
struct weir_config_route {
    char *host;
    char *path;
    char *pool;
    size_t pool_index; /* in config.pools; set by the cross-check */
};

/* Paths as written: relative ones begin at the file's directory. key: NULL = in the same file. */
struct weir_config_certificate {
    char *certificate;
    char *key;
};

struct weir_config_listener {
    char *name;
    char **listen; /* as written; parsed beside it */
    struct weir_endpoint *endpoints;
    size_t n_listen;
    uint64_t socket_mode; /* of Unix sockets */
    char *pool;           /* NULL = 404 where no route matches */
    size_t pool_index;    /* meaningful when pool is not NULL */
    struct weir_config_route *routes;
    size_t n_routes;
    enum weir_switch proxy_protocol;
    bool has_tls; /* there is a `tls` section */
    struct weir_config_certificate *certificates;
    size_t n_certificates;
    enum weir_tls_oldest tls_oldest;
    char *tls_ciphers; /* NULL = Mozilla's "intermediate" */
    enum weir_unknown_name tls_unknown_name;
    uint64_t tls_session_ms;
    char *client_ca; /* NULL: clients need no certificate */
    uint64_t client_depth;
    struct weir_tls_front *front; /* made of the above by the cross-check; NULL: plaintext */
    char **trusted_peers;         /* as written; parsed beside it */
    struct weir_network *trusted;
    size_t n_trusted;
    enum weir_forwarded forwarded;
    struct weir_edits request_edits, response_edits;
    enum weir_request_id_mode request_id;
    bool needs_request_id; /* by that, or by a variable of the edits */
    uint64_t header_ms, body_ms, write_ms, idle_ms, tunnel_ms;
    uint64_t close_grace_ms;
    uint64_t connections_max, connections_per_ip_max, requests_per_connection_max;
    uint64_t handshakes_max; /* that a worker goes on with before it looks after other clients */
    uint64_t header_bytes_max, headers_max, body_bytes_max;
};

enum { WEIR_WEIGHT_MAX = 256 };

struct weir_config_server {
    char *address;                 /* as written */
    struct weir_endpoint endpoint; /* port 0 where none was written, with `srv` */
    uint64_t weight;
    bool backup;
    bool srv; /* what its SRV records lead to, in place of the address */
};

struct weir_config_pool {
    char *name;
    struct weir_config_server *servers;
    size_t n_servers;
    enum weir_balance balance;
    uint64_t connections_max, idle_max; /* idle_max is filled in from connections_max for null */
    uint64_t idle_min;
    uint64_t idle_timeout_ms, requests_max, age_ms_max;
    bool share;
    enum weir_close_mode close;
    char **source; /* as written; parsed beside it, port 0 */
    struct weir_address *sources;
    size_t n_sources;
    enum weir_proxy_version send_proxy;
    uint64_t queue_max, queue_timeout_ms;
    uint64_t connect_ms, response_ms, stall_ms;
    uint64_t retry_attempts, retry_budget_percent; /* 0 percent = no budget, i.e. no limit */
    enum weir_evidence retry_evidence;
    bool is_probed; /* there is a `health` section */
    char *health_path, *health_host, *health_expect;
    uint64_t health_interval_ms, health_timeout_ms, health_rise, health_fall;
    uint64_t outlier_failures, eject_ms;
    bool has_tls; /* there is a `tls` section */
    bool tls_verify;
    char *tls_ca_file, *tls_server_name, *tls_certificate, *tls_key; /* as written */
    struct weir_tls_dialer *tls; /* what they say; NULL without the section */
};

struct weir_config {
    atomic_uint references; /* each generation that was built from it, and whoever loaded it */
    char *source;           /* the file's path, or "command line" */
    uint64_t workers;       /* 0 = auto: one per usable core */
    char *user;
    uint64_t shutdown_timeout_ms;
    char *log_to;
    enum weir_log_level log_level;
    enum weir_log_format log_format;
    bool has_access_log; /* there is an `access_log` section */
    char *access_log_to;
    enum weir_access_format access_log_format;
    char *admin_listen; /* NULL = off */
    struct weir_endpoint admin_endpoint;
    uint64_t admin_socket_mode;
    char *admin_token_file;
    char **resolver_servers; /* none: those of /etc/resolv.conf */
    struct weir_endpoint *resolver_endpoints;
    size_t n_resolver_servers;
    uint64_t resolver_timeout_ms;
    enum weir_family resolver_family;
    struct weir_config_listener *listeners;
    size_t n_listeners;
    struct weir_config_pool *pools;
    size_t n_pools;
    struct weir_arena arena; /* owns all that the above points at, but for the counted */
};

/* Reads and checks a file. All faults are written to ERRORS, one line each,
 * `FILE:LINE:COLUMN: what is wrong, and what would be right`, in the order of the file.
 * Owns: the caller the one reference. Thread: command line and control. Blocks: on the disk.
 * Fails: NULL after at least one line was written. */
struct weir_config *weir_config_load(const char *path, FILE *errors);

/* The same for text in memory; NAME stands for the file in errors. */
struct weir_config *weir_config_load_text(const char *name, const char *text, size_t len,
                                          FILE *errors);

/* The configuration of `weir run --listen ADDR --to ADDR…`: one listener `main`, one pool `main`.
 */
struct weir_config *weir_config_from_addresses(const char *const *listen, size_t n_listen,
                                               const char *const *to, size_t n_to, FILE *errors);

/* Prints the effective configuration as YAML that weir_config_load reads back to the same. */
void weir_config_print(const struct weir_config *config, FILE *out);

/* Prints the manual's reference of all keys (Markdown): name, type, default, meaning. */
void weir_config_print_reference(FILE *out);

struct weir_config *weir_config_ref(struct weir_config *config);
void weir_config_unref(struct weir_config *config);

#endif
