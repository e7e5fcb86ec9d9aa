#include "weir/control/names.h"

#include "weir/base/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum {
    TTL_MS_MIN = 1000,
    TTL_MS_MAX = 3600 * 1000,
    RETRY_MS_MIN = 1000,
    RETRY_MS_MAX = 30 * 1000,
    JITTER_DIVISOR = 10, /* up to a tenth later, so that many weirs, or names, do not ask in step */
    SETTLE_MS = 50       /* changes that come within it are put in force together */
};

#define OWNER(type, pointer, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* What the log has been told of a name. */
struct situation {
    enum weir_lookup_status status;
    bool is_partial, is_cut;
};

struct name {
    struct weir_names *names;
    char *key; /* host, and whether its SRV records are meant */
    const char *host;
    bool is_srv;
    struct weir_entry entry;
    struct weir_question *question; /* while it is asked for */
    uint64_t due_ms;                /* when it is next */
    unsigned failures;              /* in a row */
    struct situation told;
    UT_hash_handle hh;
};

struct weir_names {
    struct weir_book book;
    struct weir_config *config; /* referenced */
    struct name *all;
    size_t n_asked;         /* under way */
    struct weir_loop *loop; /* NULL before the first question, and between create and watch */
    struct weir_resolver *resolver;
    uint32_t random;
    struct weir_control *control; /* NULL before watch */
    struct weir_deadline change;  /* set: something has changed that is not yet in force */
    uv_timer_t timer;             /* the next that is due */
};

/* ---- The set ---- */

static char *make_key(const char *host, bool is_srv)
{
    char *key = NULL;

    return asprintf(&key, "%s %s", is_srv ? "SRV" : "A", host) < 0 ? NULL : key;
}

static struct name *find(const struct weir_names *names, const char *key)
{
    struct name *name;

    HASH_FIND_STR(names->all, key, name);
    return name;
}

static const struct weir_entry *find_entry(const struct weir_book *book, const char *host,
                                           bool is_srv)
{
    const struct weir_names *names = OWNER(const struct weir_names, book, book);
    char *key = make_key(host, is_srv);
    struct name *name = key ? find(names, key) : NULL;

    free(key);
    return name ? &name->entry : NULL;
}

/* Fails: false, out of memory. */
static bool add(struct weir_names *names, const struct weir_config_server *server,
                const struct weir_names *former)
{
    char *key = make_key(server->endpoint.host, server->srv);
    struct name *name = key ? find(names, key) : NULL, *known;

    if (name) {
        free(key);
        return true;
    }
    name = calloc(1, sizeof(*name));
    known = former && key ? find(former, key) : NULL;
    if (!key || !name || (known && !weir_entry_copy(&name->entry, &known->entry))) {
        free(key);
        free(name);
        return false;
    }
    name->names = names;
    name->key = key;
    name->host = server->endpoint.host;
    name->is_srv = server->srv;
    if (known)
        name->told = known->told;
    HASH_ADD_KEYPTR(hh, names->all, name->key, strlen(name->key), name);
    return true;
}

static bool add_all(struct weir_names *names, const struct weir_names *former)
{
    for (size_t i = 0; i < names->config->n_pools; i++) {
        const struct weir_config_pool *pool = &names->config->pools[i];
        for (size_t k = 0; k < pool->n_servers; k++) {
            if (!pool->servers[k].endpoint.is_literal && !add(names, &pool->servers[k], former))
                return false;
        }
    }
    return true;
}

const struct weir_book *weir_names_book(const struct weir_names *names)
{
    return &names->book;
}

/* ---- What the log is told ---- */

static void tell(struct name *name, const struct situation *now)
{
    const struct situation *before = &name->told;
    const char *what = name->is_srv ? "SRV records of " : "";
    bool is_known = name->entry.n > 0;

    /* A plain name of which nothing is known is a fault, which is told of elsewhere. */
    if ((now->status == before->status && now->is_partial == before->is_partial &&
         now->is_cut == before->is_cut) ||
        (!is_known && !name->is_srv))
        return;
    if (now->status != WEIR_LOOKUP_OK)
        weir_log(WEIR_LOG_WARN, "names: %s%s: %s; %s", what, name->host,
                 weir_lookup_status_text(now->status),
                 is_known ? "what was known of it stays"
                          : "it has no servers until there are some");
    else if (now->is_partial)
        weir_log(WEIR_LOG_WARN,
                 "names: %s%s: not all could be looked up; what was known of the "
                 "rest stays",
                 what, name->host);
    else if (before->status != WEIR_LOOKUP_OK || before->is_partial)
        weir_log(WEIR_LOG_INFO, "names: %s%s: answered again", what, name->host);
    if (now->is_cut && !before->is_cut)
        weir_log(WEIR_LOG_WARN,
                 "names: %s%s: it has more than %d addresses; the others are left "
                 "out",
                 what, name->host, WEIR_LOOKUP_RECORDS_MAX);
    name->told = *now;
}

/* ---- Asking ---- */

static void ask(struct name *name);

static uint64_t with_jitter(struct weir_names *names, uint64_t wait_ms)
{
    return wait_ms + weir_random_below(&names->random, wait_ms / JITTER_DIVISOR + 1);
}

static uint64_t retry_ms(unsigned failures)
{
    uint64_t wait_ms = RETRY_MS_MIN;

    while (--failures > 0 && wait_ms < RETRY_MS_MAX)
        wait_ms *= 2;
    return wait_ms < RETRY_MS_MAX ? wait_ms : RETRY_MS_MAX;
}

static uint64_t ttl_ms(uint64_t ttl_s)
{
    if (ttl_s * 1000 < TTL_MS_MIN)
        return TTL_MS_MIN;
    return ttl_s * 1000 < TTL_MS_MAX ? ttl_s * 1000 : TTL_MS_MAX;
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct weir_names *names)
{
    uint64_t next_ms = UINT64_MAX, now_ms = weir_loop_now_ms(names->loop);
    struct name *name, *following;

    HASH_ITER(hh, names->all, name, following) {
        if (!name->question && name->due_ms < next_ms)
            next_ms = name->due_ms;
    }
    if (next_ms < UINT64_MAX)
        uv_timer_start(&names->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct weir_names *names = timer->data;
    struct name *name, *following;

    HASH_ITER(hh, names->all, name, following) {
        if (!name->question && name->due_ms <= weir_loop_now_ms(names->loop))
            ask(name);
    }
    set_timer(names);
}

static void on_change(struct weir_deadline *deadline)
{
    struct weir_names *names = OWNER(struct weir_names, deadline, change);

    if (!weir_control_revise(names->control))
        weir_loop_deadline(names->loop, &names->change, RETRY_MS_MIN);
}

static void note_change(struct weir_names *names)
{
    if (!names->change.list)
        weir_loop_deadline(names->loop, &names->change, SETTLE_MS);
}

/* When to ask for it again. */
static void schedule(struct name *name, bool is_sound, uint64_t ttl_s)
{
    uint64_t wait_ms;

    name->failures = is_sound ? 0 : name->failures + 1;
    wait_ms = is_sound ? ttl_ms(ttl_s) : retry_ms(name->failures);
    name->due_ms = weir_loop_now_ms(name->names->loop) + with_jitter(name->names, wait_ms);
}

static void on_answer(void *owner, const struct weir_findings *findings)
{
    struct name *name = owner;
    struct weir_names *names = name->names;
    struct situation now = {.status = findings->status};
    size_t before = name->entry.n;
    bool failed = false;

    name->question = NULL;
    names->n_asked--;
    name->entry.status = findings->status;
    now.is_partial = findings->status == WEIR_LOOKUP_OK && findings->n_unlearned > 0;
    now.is_cut = findings->is_cut;
    if (findings->status == WEIR_LOOKUP_OK && weir_entry_learn(&name->entry, findings, &failed) &&
        names->control) {
        weir_log(WEIR_LOG_INFO, "names: %s: %zu addresses, %zu before", name->host, name->entry.n,
                 before);
        note_change(names);
    }
    if (failed)
        now.status = WEIR_LOOKUP_NO_MEMORY;
    tell(name, &now);
    schedule(name, now.status == WEIR_LOOKUP_OK && !now.is_partial, findings->ttl_s);
    if (names->control)
        set_timer(names);
    else if (names->n_asked == 0)
        weir_loop_stop(names->loop);
}

static void ask(struct name *name)
{
    struct weir_names *names = name->names;

    name->question = weir_question_ask(names->resolver, name->host, name->is_srv,
                                       names->config->resolver_family, on_answer, name);
    names->n_asked += name->question != NULL;
    if (name->question)
        return;
    name->entry.status = WEIR_LOOKUP_NO_MEMORY;
    schedule(name, false, 0);
}

static bool open_resolver(struct weir_names *names, struct weir_loop *loop, char *fault,
                          size_t fault_size)
{
    const struct weir_config *config = names->config;
    struct weir_address *servers = calloc(config->n_resolver_servers + 1, sizeof(*servers));
    struct weir_resolver_settings settings = {.servers = servers,
                                              .n_servers = config->n_resolver_servers,
                                              .timeout_ms = config->resolver_timeout_ms};

    snprintf(fault, fault_size, "out of memory");
    for (size_t i = 0; servers && i < settings.n_servers; i++)
        (void)weir_endpoint_to_address(&config->resolver_endpoints[i], &servers[i]);
    names->loop = loop;
    names->resolver = servers ? weir_resolver_open(loop, &settings, fault, fault_size) : NULL;
    free(servers);
    return names->resolver != NULL;
}

/* Asks for what is not known, on a loop of its own. */
static bool ask_unknown(struct weir_names *names, char *fault, size_t fault_size)
{
    struct name *name, *following;
    struct weir_loop loop;
    bool is_open;

    snprintf(fault, fault_size, "resolver: no loop could be made");
    if (weir_loop_init(&loop) != 0)
        return false;
    is_open = open_resolver(names, &loop, fault, fault_size);
    HASH_ITER(hh, names->all, name, following) {
        if (is_open && name->entry.n == 0)
            ask(name);
    }
    if (names->n_asked > 0)
        weir_loop_run(&loop);
    if (is_open)
        weir_resolver_close(names->resolver);
    weir_loop_fini(&loop);
    names->resolver = NULL;
    names->loop = NULL;
    return is_open;
}

/* ---- Life ---- */

static void free_names(struct weir_names *names)
{
    struct name *name, *following;

    /* The analyzer takes the table that HASH_DEL frees with its last element for the element. */
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
    HASH_ITER(hh, names->all, name, following) {
        HASH_DEL(names->all, name);
        weir_entry_fini(&name->entry);
        free(name->key);
        free(name);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    weir_config_unref(names->config);
    free(names);
}

struct weir_names *weir_names_create(struct weir_config *config, const struct weir_names *former,
                                     char *fault, size_t fault_size)
{
    struct weir_names *names = calloc(1, sizeof(*names));
    struct name *name, *following;
    bool is_complete = true;

    snprintf(fault, fault_size, "out of memory");
    if (!names)
        return NULL;
    names->config = weir_config_ref(config);
    names->book.find = find_entry;
    names->change.on_expire = on_change;
    names->random = (uint32_t)uv_hrtime() | 1;
    if (!add_all(names, former))
        goto fail;
    HASH_ITER(hh, names->all, name, following) {
        is_complete = is_complete && name->entry.n > 0;
    }
    if (is_complete || ask_unknown(names, fault, fault_size))
        return names;
fail:
    free_names(names);
    return NULL;
}

bool weir_names_watch(struct weir_names *names, struct weir_control *control, char *fault,
                      size_t fault_size)
{
    if (!names->all)
        return true;
    if (!open_resolver(names, &control->loop, fault, fault_size)) {
        names->loop = NULL;
        return false;
    }
    names->control = control;
    uv_timer_init(control->loop.uv, &names->timer);
    names->timer.data = names;
    set_timer(names);
    return true;
}

static void on_timer_closed(uv_handle_t *handle)
{
    free_names(handle->data);
}

void weir_names_destroy(struct weir_names *names)
{
    struct name *name, *following;

    if (!names || !names->control) {
        if (names)
            free_names(names);
        return;
    }
    HASH_ITER(hh, names->all, name, following) {
        if (name->question)
            weir_question_cancel(name->question);
        name->question = NULL;
    }
    weir_deadline_cancel(&names->change);
    weir_resolver_close(names->resolver);
    uv_close((uv_handle_t *)&names->timer, on_timer_closed);
}
