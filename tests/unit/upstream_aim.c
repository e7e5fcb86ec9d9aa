/* Which servers are right for a request, whether they have room or not. */
#include "weir/upstream/balance.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SERVERS_MAX = 8 };

struct aim_row {
    const char *what;
    const char *servers; /* m: no backup, b: a backup */
    const char *avoided; /* their indices */
    const char *aimed;
};

static const struct aim_row aims[] = {
    {"one", "m", "", "0"},
    {"one that failed: it is all there is", "m", "0", "0"},
    {"all", "mmm", "", "012"},
    {"where it has not failed", "mmm", "1", "02"},
    {"failed everywhere", "mm", "01", "01"},
    {"no backup without need", "mb", "", "0"},
    {"a backup in need", "mb", "0", "1"},
    {"no backup while one is left", "mbm", "0", "2"},
    {"backups in need", "mbmb", "02", "13"},
    {"the other backup", "mbb", "01", "2"},
    {"failed at the backups, too", "mbm", "012", "02"},
    {"twice at one", "mbm", "00", "2"},
    {"after six that failed", "mmmmmmb", "012345", "6"},
    {"nothing but backups", "bb", "", "01"},
    {"nothing but backups that failed", "bb", "10", "01"},
};

Test(upstream_aim, is_where_it_has_not_failed_and_then_the_backups)
{
    for (size_t r = 0; r < sizeof(aims) / sizeof(*aims); r++) {
        const struct aim_row *row = &aims[r];
        struct weir_member members[SERVERS_MAX] = {{.weight = 1}};
        char places[SERVERS_MAX]; /* stand for servers, which nobody looks into */
        struct weir_server *run_time[SERVERS_MAX], *avoid[WEIR_TICKET_AVOIDS];
        struct weir_pool_plan plan = {
            .servers = run_time, .members = members, .n_servers = strlen(row->servers)};
        unsigned n_avoid = 0;
        char aimed[SERVERS_MAX + 1] = "";

        for (size_t i = 0; i < plan.n_servers; i++) {
            members[i].backup = row->servers[i] == 'b';
            plan.n_backups += members[i].backup;
            run_time[i] = (struct weir_server *)(void *)&places[i];
        }
        for (const char *c = row->avoided; *c; c++)
            avoid[n_avoid++] = run_time[*c - '0'];
        struct weir_aim aim = weir_balance_aim(&plan, avoid, n_avoid);
        for (size_t i = 0; i < plan.n_servers; i++) {
            if (weir_aim_has(&aim, &plan, i))
                aimed[strlen(aimed)] = (char)('0' + i);
        }
        cr_expect_str_eq(aimed, row->aimed, "%s: %s", row->what, aimed);
    }
}
