/* Which servers are right for a request, whether they have room or not. */
#include "weir/upstream/balance.h"

#include <criterion/criterion.h>
#include <string.h>

enum { SERVERS_MAX = 8 };

struct aim_row {
    const char *what;
    const char *servers; /* m: no backup, b: a backup; M and B: such that an operator took down;
                            t and c: such in trouble */
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
    {"others than the one that is down", "mMm", "", "02"},
    {"the backup while the other is down", "Mb", "", "1"},
    {"the backup that is up", "MBb", "", "2"},
    {"up, though it has failed, before one that is down", "mM", "0", "0"},
    {"the backup though it has failed", "Mb", "1", "1"},
    {"others than the one in trouble", "mtm", "", "02"},
    {"the backup while the other is in trouble", "tb", "", "1"},
    {"one in trouble when there is no other", "t", "", "0"},
    {"all in trouble when there is no other", "ttM", "", "01"},
    {"no backup in trouble when all are", "tc", "", "0"},
    {"the backup in trouble after one in trouble", "tc", "0", "1"},
    {"in trouble, but it has not failed there", "mt", "0", "1"},
    {"well, though it has failed at both", "mt", "01", "0"},
};

Test(upstream_aim, is_where_it_has_not_failed_and_then_the_backups)
{
    for (size_t r = 0; r < sizeof(aims) / sizeof(*aims); r++) {
        const struct aim_row *row = &aims[r];
        struct weir_member members[SERVERS_MAX] = {{.weight = 1}};
        struct weir_server *run_time[SERVERS_MAX], *avoid[WEIR_TICKET_AVOIDS];
        struct weir_pool_plan plan = {
            .servers = run_time, .members = members, .n_servers = strlen(row->servers)};
        unsigned n_avoid = 0;
        char aimed[SERVERS_MAX + 1] = "";

        for (size_t i = 0; i < plan.n_servers; i++) {
            char letter = row->servers[i];
            run_time[i] = weir_server_create("server", &(struct weir_address){.len = 0}, 1);
            members[i].backup = strchr("bBc", letter) != NULL;
            if (letter == 'M' || letter == 'B')
                atomic_store(&run_time[i]->shared.admin_state, WEIR_ADMIN_down);
            if (letter == 't' || letter == 'c')
                atomic_store(&run_time[i]->shared.health.troubles, WEIR_HEALTH_DOWN);
        }
        for (const char *c = row->avoided; *c; c++)
            avoid[n_avoid++] = run_time[*c - '0'];
        struct weir_aim aim = weir_balance_aim(&plan, avoid, n_avoid);
        for (size_t i = 0; i < plan.n_servers; i++) {
            if (weir_aim_has(&aim, &plan, i) && weir_server_is_up(run_time[i]))
                aimed[strlen(aimed)] = (char)('0' + i);
        }
        for (size_t i = 0; i < plan.n_servers; i++)
            weir_server_unref(run_time[i]);
        cr_expect_str_eq(aimed, row->aimed, "%s: %s", row->what, aimed);
    }
}
