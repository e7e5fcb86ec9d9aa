/* `weir stats`: /stats and /connections as tables. A view is a list of columns, each a path into
 * the JSON. */
#include "cli.h"
#include "http_client.h"
#include "table.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* PERCENT: a ratio. LIMIT: a number, 0 is `-`. NAME, OWNER: no path, the row's and its pool's. */
enum kind { NAME, OWNER, TEXT, NUMBER, PERCENT, LIMIT, LIST, FLAG };

struct column {
    const char *title;
    enum kind kind;
    const char *path;
};

static const struct column pool_columns[] = {
    {"POOL", NAME, NULL},
    {"PAUSED", FLAG, "paused"},
    {"REQUESTS", NUMBER, "requests/total"},
    {"ACTIVE", NUMBER, "requests/active"},
    {"RETRIED", NUMBER, "requests/retried"},
    {"FAILED", NUMBER, "requests/failed"},
    {"WAITING", NUMBER, "queue/waiting"},
    {"OLDEST_MS", NUMBER, "queue/oldest_ms"},
    {"TIMED_OUT", NUMBER, "queue/timed_out"},
    {"REJECTED", NUMBER, "queue/rejected"},
    {"CONN_IDLE", NUMBER, "connections/idle"},
    {"CONN_ACTIVE", NUMBER, "connections/active"},
    {"CONN_OPENED", NUMBER, "connections/opened"},
    {"REUSE", PERCENT, "reuse_ratio"},
    {NULL, NAME, NULL},
};
static const struct column server_columns[] = {
    {"POOL", OWNER, NULL},
    {"SERVER", NAME, NULL},
    {"STATE", TEXT, "state"},
    {"ADMIN", TEXT, "admin_state"},
    {"WEIGHT", NUMBER, "weight"},
    {"REQUESTS", NUMBER, "requests/total"},
    {"ACTIVE", NUMBER, "requests/active"},
    {"FAILED", NUMBER, "requests/failed"},
    {"CONN_IDLE", NUMBER, "connections/idle"},
    {"CONN_ACTIVE", NUMBER, "connections/active"},
    {"CONN_OPENED", NUMBER, "connections/opened"},
    {"REUSE", PERCENT, "reuse_ratio"},
    {"P50_MS", NUMBER, "latency_ms/response/p50"},
    {"P99_MS", NUMBER, "latency_ms/response/p99"},
    {"KEPT_MS", LIMIT, "keep_alive/idle_timeout_ms"},
    {"LEARNED_FROM", TEXT, "keep_alive/learned_from"},
    {NULL, NAME, NULL},
};
static const struct column listener_columns[] = {
    {"LISTENER", NAME, NULL},
    {"CLIENTS", NUMBER, "connections/active"},
    {"ACCEPTED", NUMBER, "connections/accepted"},
    {"REFUSED", NUMBER, "connections/rejected"},
    {"REQUESTS", NUMBER, "requests/total"},
    {"ACTIVE", NUMBER, "requests/active"},
    {"2XX", NUMBER, "requests/2xx"},
    {"3XX", NUMBER, "requests/3xx"},
    {"4XX", NUMBER, "requests/4xx"},
    {"5XX", NUMBER, "requests/5xx"},
    {"BYTES_IN", NUMBER, "bytes/in"},
    {"BYTES_OUT", NUMBER, "bytes/out"},
    {"ADDRESSES", LIST, "addresses"},
    {NULL, NAME, NULL},
};
static const struct column worker_columns[] = {
    {"WORKER", NAME, NULL},
    {"CLIENTS", NUMBER, "connections/active"},
    {"ACCEPTED", NUMBER, "connections/accepted"},
    {"REQUESTS", NUMBER, "requests/total"},
    {"ACTIVE", NUMBER, "requests/active"},
    {"UPSTREAM_IDLE", NUMBER, "upstream/idle"},
    {"REUSED", NUMBER, "upstream/reused"},
    {"STOLEN", NUMBER, "upstream/stolen"},
    {NULL, NAME, NULL},
};

static const struct column connection_columns[] = {
    {"ID", NUMBER, "id"},
    {"POOL", TEXT, "pool"},
    {"SERVER", TEXT, "server"},
    {"WORKER", NUMBER, "worker"},
    {"STATE", TEXT, "state"},
    {"AGE_MS", NUMBER, "age_ms"},
    {"IDLE_MS", NUMBER, "idle_ms"},
    {"REQUESTS", NUMBER, "requests"},
    {"RTT_US", NUMBER, "rtt_us"},
    {"BYTES_IN", NUMBER, "bytes_in"},
    {"BYTES_OUT", NUMBER, "bytes_out"},
    {NULL, NAME, NULL},
};

/* The last one is asked for by name alone. */
static const struct view {
    const char *name;
    const struct column *columns;
} views[] = {{"pools", pool_columns},
             {"servers", server_columns},
             {"listeners", listener_columns},
             {"workers", worker_columns},
             {"connections", connection_columns}};

enum { VIEWS = sizeof(views) / sizeof(*views), CONNECTIONS = VIEWS - 1 };

static json_t *find(json_t *json, const char *path)
{
    char key[64];

    while (json && *path) {
        size_t len = strcspn(path, "/");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        json = json_object_get(json, key);
        path += path[len] ? len + 1 : len;
    }
    return json;
}

static void add_list(struct weir_table *table, json_t *list)
{
    char text[512] = "-";
    size_t len = 0;

    for (size_t i = 0; i < json_array_size(list) && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? "," : "",
                                json_string_value(json_array_get(list, i)));
    weir_table_add(table, "%s", text);
}

static void add_cell(struct weir_table *table, const struct column *column, const char *owner,
                     const char *name, json_t *row)
{
    json_t *value = column->path ? find(row, column->path) : NULL;

    if (column->kind == NAME || column->kind == OWNER)
        weir_table_add(table, "%s", column->kind == NAME ? name : owner);
    else if (column->kind == LIST)
        add_list(table, value);
    else if (column->kind == FLAG)
        weir_table_add(table, "%s", json_is_true(value) ? "yes" : "no");
    else if (column->kind == PERCENT && json_is_number(value))
        weir_table_add(table, "%.2f%%", 100 * json_number_value(value));
    else if (json_is_string(value))
        weir_table_add(table, "%s", json_string_value(value));
    else if (json_is_integer(value) && (column->kind != LIMIT || json_integer_value(value) > 0))
        weir_table_add(table, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        weir_table_add(table, "%.1f", json_real_value(value));
    else
        weir_table_add(table, "-"); /* another weir than this one does not have it */
}

static void add_row(struct weir_table *table, const struct view *view, const char *owner,
                    const char *name, json_t *row)
{
    for (const struct column *column = view->columns; column->title; column++)
        add_cell(table, column, owner, name, row);
}

static void add_rows(struct weir_table *table, const struct view *view, json_t *stats)
{
    json_t *pool, *row, *list = json_object_get(stats, view->name);
    const char *owner, *name;

    for (size_t i = 0; i < json_array_size(list); i++)
        add_row(table, view, "", "", json_array_get(list, i));

    if (view->columns == server_columns) {
        json_object_foreach(json_object_get(stats, "pools"), owner, pool)
        {
            json_object_foreach(json_object_get(pool, "servers"), name, row)
            {
                add_row(table, view, owner, name, row);
            }
        }
        return;
    }
    json_object_foreach(list, name, row)
    {
        add_row(table, view, "", name, row);
    }
}

static bool print_view(const struct view *view, json_t *stats)
{
    struct weir_table table;
    size_t n = 0;
    bool done;

    while (view->columns[n].title)
        n++;
    weir_table_init(&table, n);
    for (size_t i = 0; i < n; i++)
        weir_table_add(&table, "%s", view->columns[i].title);
    add_rows(&table, view, stats);
    done = weir_table_print(&table, stdout);
    weir_table_fini(&table);
    return done;
}

/* An answer that says that it is not whole. */
static void warn_of_gaps(json_t *answer)
{
    if (json_is_true(json_object_get(answer, "truncated")))
        fputs("weir: there are more connections than are listed\n", stderr);
    if (json_array_size(json_object_get(answer, "missing_workers")) > 0)
        fputs("weir: some workers were too busy to answer in time\n", stderr);
}

/* VIEW: NULL for all. */
static int print_tables(const struct weir_told *told, const struct view *view)
{
    json_t *stats = json_loadb(told->body, told->len, 0, NULL);
    bool done = json_is_object(stats);

    for (size_t i = 0; i < VIEWS && done; i++) {
        if (view ? view != &views[i] : i == CONNECTIONS)
            continue;
        if (!view && i > 0)
            puts("");
        done = print_view(&views[i], stats);
    }
    warn_of_gaps(stats);
    if (!json_is_object(stats))
        fputs("weir: what answers there is not weir's admin endpoint\n", stderr);
    else if (!done)
        fputs("weir: out of memory\n", stderr);
    json_decref(stats);
    return done ? 0 : 1;
}

static int print_stats(const char *admin, bool json, const struct view *view)
{
    struct weir_ask ask = {.admin = admin,
                           .method = "GET",
                           .target = view == &views[CONNECTIONS] ? "/connections" : "/stats"};
    char fault[WEIR_FAULT_MAX];
    struct weir_told told;
    int status = 0;

    if (!weir_http_ask(&ask, &told, fault)) {
        fprintf(stderr, "weir: %s\n", fault);
        return 1;
    }
    if (told.status != 200) {
        fprintf(stderr, "weir: %s: GET %s is answered with %u\n", admin, ask.target, told.status);
        status = 1;
    } else if (json) {
        puts(told.body);
    } else {
        status = print_tables(&told, view);
    }
    weir_told_fini(&told);
    return status;
}

static int print_help(void)
{
    puts("usage: weir stats [-a ADMIN] [--json] [TABLE]\n"
         "\n"
         "Prints the figures of a running weir as tables. TABLE is pools, servers, listeners or\n"
         "workers (without it: all of these), or connections, the upstream ones one by one.\n"
         "\n"
         "  -a, --admin ADMIN   the admin endpoint (default: " WEIR_DEFAULT_ADMIN ")\n"
         "  -j, --json          print what GET /stats answers\n"
         "  -h, --help          print this");
    return 0;
}

static const struct view *find_view(const char *name)
{
    for (size_t i = 0; i < VIEWS; i++) {
        if (strcmp(views[i].name, name) == 0)
            return &views[i];
    }
    return NULL;
}

int weir_cli_stats(int argc, char **argv)
{
    static const struct option longs[] = {{"admin", required_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *admin = WEIR_DEFAULT_ADMIN;
    const struct view *view = NULL;
    bool json = false;
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, ":a:jh", longs, NULL)) != -1) {
        switch (option) {
        case 'a':
            admin = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'h':
            return print_help();
        case ':':
            return weir_cli_usage("stats", "`%s` needs a value", argv[optind - 1]);
        default:
            return weir_cli_usage("stats", "there is no option `%s`", argv[optind - 1]);
        }
    }
    if (optind < argc && !(view = find_view(argv[optind])))
        return weir_cli_usage("stats", "there is no table `%s`", argv[optind]);
    if (optind + 1 < argc)
        return weir_cli_usage("stats", "`%s` is one word too many", argv[optind + 1]);
    if (json && view)
        return weir_cli_usage("stats", "--json prints all there is, without `%s`", argv[optind]);
    return print_stats(admin, json, view);
}
