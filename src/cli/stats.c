/* `weir stats`: /stats and /connections as tables. */
#include "cli.h"
#include "http_client.h"
#include "rows.h"
#include "table.h"
#include "text.h"

#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool print_view(const struct weir_view *view, const json_t *stats)
{
    struct weir_span span = {.now = stats};
    struct weir_table table;
    struct weir_rows rows;
    bool done;

    weir_rows_init(&rows, view, WEIR_IN_STATS, &span, false);
    weir_table_init(&table, rows.n_columns);
    for (size_t i = 0; i < rows.n_columns; i++)
        weir_table_add(&table, weir_column_is_number(rows.columns[i]), rows.columns[i]->title);
    for (size_t i = 0; i < rows.n_rows * rows.n_columns && !rows.has_failed; i++)
        weir_table_add(&table, weir_column_is_number(rows.columns[i % rows.n_columns]),
                       rows.cells[i].text);
    done = !rows.has_failed && weir_table_print(&table, stdout);
    if (done && rows.n_rows == 0)
        printf("(no %s)\n", view->name);
    weir_table_fini(&table);
    weir_rows_fini(&rows);
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

/* VIEW: NULL for all of /stats. */
static int print_tables(const struct weir_told *told, const struct weir_view *view)
{
    json_t *stats = json_loadb(told->body, told->len, 0, NULL);
    bool done = json_is_object(stats);

    for (size_t i = 0; i < WEIR_VIEWS && done; i++) {
        if (view ? view != &weir_views[i] : i == WEIR_VIEW_CONNECTIONS)
            continue;
        if (!view && i > 0)
            puts("");
        done = print_view(&weir_views[i], stats);
    }
    warn_of_gaps(stats);
    if (!json_is_object(stats))
        fputs("weir: what answers there is not weir's admin endpoint\n", stderr);
    else if (!done)
        fputs("weir: out of memory\n", stderr);
    json_decref(stats);
    return done ? 0 : 1;
}

/* STATS' servers are each in a pool. */
static json_t *take_servers(const json_t *stats)
{
    json_t *servers = json_object(), *pool;
    const char *name;

    json_object_foreach(json_object_get(stats, "pools"), name, pool)
    {
        json_object_set(servers, name, json_object_get(pool, "servers"));
    }
    return servers;
}

/* What the answer has of VIEW; NULL: all of it, as it came. */
static int print_json(const struct weir_told *told, const struct weir_view *view)
{
    bool is_whole = !view || view == &weir_views[WEIR_VIEW_CONNECTIONS];
    json_t *stats = is_whole ? NULL : json_loadb(told->body, told->len, 0, NULL);
    json_t *part = is_whole                                 ? NULL
                   : view == &weir_views[WEIR_VIEW_SERVERS] ? take_servers(stats)
                                                            : json_object_get(stats, view->name);
    char *text = json_dumps(part, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
    bool done = is_whole || text;

    if (done)
        puts(is_whole ? told->body : text);
    else
        fputs("weir: what answers there is not weir's admin endpoint\n", stderr);
    if (view == &weir_views[WEIR_VIEW_SERVERS])
        json_decref(part);
    json_decref(stats);
    free(text);
    return done ? 0 : 1;
}

static int print_stats(const char *admin, bool json, const struct weir_view *view)
{
    bool is_listing = view == &weir_views[WEIR_VIEW_CONNECTIONS];
    struct weir_ask ask = {
        .admin = admin, .method = "GET", .target = is_listing ? "/connections" : "/stats"};
    char fault[WEIR_FAULT_MAX];
    struct weir_told told;
    int status = 0;

    if (!weir_http_ask(&ask, &told, fault)) {
        fprintf(stderr, "weir: %s\n", fault);
        return told.is_misasked ? 2 : 1;
    }
    if (told.status != 200) {
        fprintf(stderr, "weir: %s: GET %s is answered with %u\n", admin, ask.target, told.status);
        status = 1;
    } else if (json) {
        status = print_json(&told, view);
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
         "  -j, --json          print what GET /stats, or for connections /connections, answers;\n"
         "                      of that, TABLE alone\n"
         "  -h, --help          print this");
    return 0;
}

int weir_cli_stats(int argc, char **argv)
{
    static const struct option longs[] = {{"admin", required_argument, NULL, 'a'},
                                          {"json", no_argument, NULL, 'j'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    const char *admin = WEIR_DEFAULT_ADMIN;
    const struct weir_view *view = NULL;
    bool json = false;
    int option;

    weir_text_init();
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
    if (optind < argc && !(view = weir_view_find(argv[optind])))
        return weir_cli_usage("stats", "there is no table `%s`", argv[optind]);
    if (optind + 1 < argc)
        return weir_cli_usage("stats", "`%s` is one word too many", argv[optind + 1]);
    return print_stats(admin, json, view);
}
