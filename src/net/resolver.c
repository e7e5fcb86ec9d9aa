/* A lookup waits for its turn, flies (c-ares has it), and is done; then its owner hears of it.
 * c-ares can't give up one query: a lookup that was cancelled or is late flies on without an owner,
 * and is freed when it lands. Completions are always put off to the loop's task, so that no owner
 * runs inside of c-ares. */
#include "weir/net/resolver.h"

#include "weir/base/assert.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

enum {
    FLYING_MAX = 64,
    TRIES = 3, /* the first waits a quarter of the timeout, each further one twice that */
    UDP_BYTES_MAX = 1232, /* fits the least path MTU of IPv6; what is larger comes over TCP */
    HOSTS_TTL_S = 10,     /* /etc/hosts is read again so often */
    CLASS_IN = 1,
    TYPE_SRV = 33
};

#define OWNER(type, pointer, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct weir_lookup {
    struct weir_resolver *resolver;
    struct weir_lookup **list; /* which of the resolver's it is in */
    struct weir_lookup *prev, *next;
    enum weir_lookup_kind kind;
    char *host;
    weir_lookup_done *on_done; /* NULL: nobody waits for it any more */
    void *owner;
    struct weir_deadline deadline;
    struct weir_lookup_result result;
};

/* One of c-ares' sockets. */
struct watch {
    struct weir_watch watch;
    struct weir_task reap;
    struct weir_resolver *resolver;
    ares_socket_t fd;
    struct watch *prev, *next;
};

struct weir_resolver {
    struct weir_loop *loop;
    uint64_t timeout_ms;
    ares_channel channel; /* asks name servers; NULL once closed */
    ares_channel hosts;   /* reads /etc/hosts */
    struct weir_lookup *waiting, *flying, *done;
    unsigned n_flying, n_ownerless; /* of those that fly */
    struct watch *watches;
    uv_timer_t timer; /* when c-ares wants to be called */
    struct weir_task work;
    bool is_working; /* the task is set */
    unsigned holds;  /* the timer, the watches and the task: memory goes with the last */
};

static const struct {
    const char *text;
    bool is_final;
} statuses[] = {
#define ROW(name, is_final, text) {text, is_final},
    WEIR_LOOKUP_STATUSES(ROW)
#undef ROW
};

const char *weir_lookup_status_text(enum weir_lookup_status status)
{
    return statuses[status].text;
}

bool weir_lookup_status_is_final(enum weir_lookup_status status)
{
    return statuses[status].is_final;
}

static enum weir_lookup_status status_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return WEIR_LOOKUP_OK;
    case ARES_ENOTFOUND:
        return WEIR_LOOKUP_NO_NAME;
    case ARES_ENODATA:
        return WEIR_LOOKUP_NO_DATA;
    case ARES_EBADNAME:
    case ARES_EBADQUERY:
    case ARES_ENONAME:
        return WEIR_LOOKUP_BAD_NAME;
    case ARES_ETIMEOUT:
        return WEIR_LOOKUP_TIMEOUT;
    case ARES_EBADRESP:
        return WEIR_LOOKUP_BAD_ANSWER;
    case ARES_ENOMEM:
        return WEIR_LOOKUP_NO_MEMORY;
    default:
        return WEIR_LOOKUP_NO_SERVER;
    }
}

/* ---- The loop's part ---- */

static void release(struct weir_resolver *resolver)
{
    if (--resolver->holds == 0)
        free(resolver);
}

static void set_work(struct weir_resolver *resolver)
{
    if (resolver->is_working)
        return;
    resolver->is_working = true;
    resolver->holds++;
    weir_loop_defer(resolver->loop, &resolver->work);
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct weir_resolver *resolver)
{
    struct timeval left, *next = ares_timeout(resolver->channel, NULL, &left);

    if (next)
        uv_timer_start(&resolver->timer, on_timer,
                       (uint64_t)next->tv_sec * 1000 + (uint64_t)next->tv_usec / 1000 + 1, 0);
    else
        uv_timer_stop(&resolver->timer);
}

static void on_timer(uv_timer_t *timer)
{
    struct weir_resolver *resolver = timer->data;

    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void on_timer_closed(uv_handle_t *handle)
{
    release(handle->data);
}

static void on_ready(struct weir_watch *ready, uint32_t events)
{
    struct watch *watch = OWNER(struct watch, ready, watch);
    struct weir_resolver *resolver = watch->resolver;
    bool is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;

    ares_process_fd(resolver->channel,
                    is_broken || (events & EPOLLIN) ? watch->fd : ARES_SOCKET_BAD,
                    is_broken || (events & EPOLLOUT) ? watch->fd : ARES_SOCKET_BAD);
    set_timer(resolver);
}

static void on_reap(struct weir_task *task)
{
    struct watch *watch = OWNER(struct watch, task, reap);
    struct weir_resolver *resolver = watch->resolver;

    free(watch);
    release(resolver);
}

static struct watch *add_watch(struct weir_resolver *resolver, ares_socket_t fd)
{
    struct watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return NULL;
    watch->watch = (struct weir_watch){.fd = fd, .on_ready = on_ready};
    watch->reap.run = on_reap;
    watch->resolver = resolver;
    watch->fd = fd;
    resolver->holds++;
    DL_APPEND(resolver->watches, watch);
    return watch;
}

/* c-ares tells what it waits for; neither: it is about to close the socket. A socket that can't be
 * watched ends in a timeout. */
static void on_socket(void *context, ares_socket_t fd, int readable, int writable)
{
    struct weir_resolver *resolver = context;
    uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);
    struct watch *watch;

    DL_SEARCH_SCALAR(resolver->watches, watch, fd, fd);
    if (!watch && events)
        watch = add_watch(resolver, fd);
    if (!watch)
        return;
    if (events) {
        (void)weir_loop_watch(resolver->loop, &watch->watch, events);
        return;
    }
    DL_DELETE(resolver->watches, watch);
    weir_loop_unwatch(resolver->loop, &watch->watch);
    weir_loop_defer(resolver->loop, &watch->reap);
}

/* ---- Lookups ---- */

static void move_to(struct weir_lookup *lookup, struct weir_lookup **list)
{
    if (lookup->list)
        DL_DELETE(*lookup->list, lookup);
    lookup->list = list;
    if (list)
        DL_APPEND(*list, lookup);
}

static void destroy(struct weir_lookup *lookup)
{
    move_to(lookup, NULL);
    weir_deadline_cancel(&lookup->deadline);
    free(lookup->result.addresses);
    free(lookup->result.records);
    free(lookup->host);
    free(lookup);
}

/* RESULT is set. */
static void finish(struct weir_lookup *lookup, enum weir_lookup_status status)
{
    struct weir_resolver *resolver = lookup->resolver;

    if (status == WEIR_LOOKUP_OK && lookup->result.n == 0)
        status = WEIR_LOOKUP_NO_DATA;
    lookup->result.status = status;
    weir_deadline_cancel(&lookup->deadline);
    move_to(lookup, &resolver->done);
    set_work(resolver);
}

static void on_late(struct weir_deadline *deadline)
{
    struct weir_lookup *lookup = OWNER(struct weir_lookup, deadline, deadline);
    struct weir_resolver *resolver = lookup->resolver;
    const struct weir_lookup_result late = {.status = WEIR_LOOKUP_TIMEOUT};
    weir_lookup_done *on_done = lookup->on_done;
    void *owner = lookup->owner;

    if (lookup->list != &resolver->flying) {
        finish(lookup, WEIR_LOOKUP_TIMEOUT);
        return;
    }
    lookup->on_done = NULL;
    resolver->n_ownerless++;
    set_work(resolver);
    on_done(owner, &late);
}

/* Back from c-ares. Returns false when nobody waits for it, and it is gone. */
static bool land(struct weir_lookup *lookup)
{
    struct weir_resolver *resolver = lookup->resolver;

    resolver->n_flying--;
    set_work(resolver);
    if (lookup->on_done)
        return true;
    resolver->n_ownerless--;
    destroy(lookup);
    return false;
}

static bool is_of_family(const struct weir_lookup *lookup, int family)
{
    return family == (lookup->kind == WEIR_LOOKUP_IPV4 ? AF_INET : AF_INET6);
}

static uint64_t least_ttl(const struct weir_lookup *lookup, const struct ares_addrinfo *found)
{
    uint64_t ttl_s = UINT32_MAX;

    for (const struct ares_addrinfo_cname *alias = found->cnames; alias; alias = alias->next)
        ttl_s = alias->ttl >= 0 && (uint64_t)alias->ttl < ttl_s ? (uint64_t)alias->ttl : ttl_s;
    for (const struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next) {
        if (is_of_family(lookup, node->ai_family) && node->ai_ttl >= 0 &&
            (uint64_t)node->ai_ttl < ttl_s)
            ttl_s = (uint64_t)node->ai_ttl;
    }
    return ttl_s;
}

/* Copies the addresses of the lookup's family. Fails: false, out of memory. */
static bool take_addresses(struct weir_lookup *lookup, const struct ares_addrinfo *found)
{
    struct weir_lookup_result *result = &lookup->result;
    size_t n = 0;

    for (const struct ares_addrinfo_node *node = found->nodes; node; node = node->ai_next)
        n += is_of_family(lookup, node->ai_family);
    result->is_cut = n > WEIR_LOOKUP_RECORDS_MAX;
    n = result->is_cut ? WEIR_LOOKUP_RECORDS_MAX : n;
    result->addresses = calloc(n + 1, sizeof(*result->addresses));
    if (!result->addresses)
        return false;
    for (const struct ares_addrinfo_node *node = found->nodes; node && result->n < n;
         node = node->ai_next) {
        struct weir_address *address = &result->addresses[result->n];
        if (!is_of_family(lookup, node->ai_family) || node->ai_addrlen > sizeof(address->storage))
            continue;
        memcpy(&address->storage, node->ai_addr, node->ai_addrlen);
        address->len = node->ai_addrlen;
        result->n++;
    }
    result->ttl_s = least_ttl(lookup, found);
    return true;
}

static void on_addresses(void *context, int code, int timeouts, struct ares_addrinfo *found)
{
    struct weir_lookup *lookup = context;
    enum weir_lookup_status status = status_of(code);

    (void)timeouts;
    if (land(lookup)) {
        if (status == WEIR_LOOKUP_OK && !take_addresses(lookup, found))
            status = WEIR_LOOKUP_NO_MEMORY;
        finish(lookup, status);
    }
    if (found)
        ares_freeaddrinfo(found);
}

static void on_srv(void *context, int code, int timeouts, unsigned char *data, int len)
{
    struct weir_lookup *lookup = context;
    struct weir_lookup_result *result = &lookup->result;
    enum weir_lookup_status status = status_of(code);

    (void)timeouts;
    if (!land(lookup))
        return;
    if (status == WEIR_LOOKUP_OK) {
        size_t n_max = WEIR_LOOKUP_RECORDS_MAX + 1;
        result->records = calloc(n_max, sizeof(*result->records));
        if (!result->records)
            status = WEIR_LOOKUP_NO_MEMORY;
        else if (!weir_srv_parse(data, (size_t)len, result->records, n_max, &result->n,
                                 &result->ttl_s))
            status = WEIR_LOOKUP_BAD_ANSWER;
        result->is_cut = result->n == n_max;
        result->n -= result->is_cut;
    }
    finish(lookup, status);
}

/* At once: only a file is read. */
static void on_hosts(void *context, int code, int timeouts, struct ares_addrinfo *found)
{
    struct weir_lookup *lookup = context;

    (void)timeouts;
    if (code == ARES_SUCCESS && found && found->nodes) {
        bool done = take_addresses(lookup, found);
        lookup->result.ttl_s = HOSTS_TTL_S;
        finish(lookup, done ? WEIR_LOOKUP_OK : WEIR_LOOKUP_NO_MEMORY);
    }
    if (found)
        ares_freeaddrinfo(found);
}

/* Always loopback (RFC 6761 section 6.3), also where there is no /etc/hosts; and c-ares 1.18 loses
 * memory over it where that file does not have it. */
static bool is_localhost(const char *host)
{
    static const char name[] = "localhost";
    size_t len = strlen(host), tail = sizeof(name) - 1;

    len -= len > 0 && host[len - 1] == '.';
    return len >= tail && strncasecmp(host + len - tail, name, tail) == 0 &&
           (len == tail || host[len - tail - 1] == '.');
}

static void answer_localhost(struct weir_lookup *lookup)
{
    struct weir_lookup_result *result = &lookup->result;
    struct weir_endpoint endpoint = {.kind = WEIR_ENDPOINT_INET};

    snprintf(endpoint.host, sizeof(endpoint.host), "%s",
             lookup->kind == WEIR_LOOKUP_IPV4 ? "127.0.0.1" : "::1");
    result->addresses = calloc(1, sizeof(*result->addresses));
    result->ttl_s = HOSTS_TTL_S;
    if (result->addresses && weir_endpoint_to_address(&endpoint, result->addresses))
        result->n = 1;
    finish(lookup, result->n == 1 ? WEIR_LOOKUP_OK : WEIR_LOOKUP_NO_MEMORY);
}

/* What /etc/hosts has of a name, of whatever family, is all there is of it. */
static void launch(struct weir_lookup *lookup)
{
    struct weir_resolver *resolver = lookup->resolver;
    struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_UNSPEC};

    if (lookup->kind != WEIR_LOOKUP_SRV) {
        if (is_localhost(lookup->host))
            answer_localhost(lookup);
        else
            ares_getaddrinfo(resolver->hosts, lookup->host, NULL, &hints, on_hosts, lookup);
        if (lookup->list == &resolver->done)
            return;
    }
    move_to(lookup, &resolver->flying);
    resolver->n_flying++;
    hints.ai_family = lookup->kind == WEIR_LOOKUP_IPV4 ? AF_INET : AF_INET6;
    if (lookup->kind == WEIR_LOOKUP_SRV)
        ares_search(resolver->channel, lookup->host, CLASS_IN, TYPE_SRV, on_srv, lookup);
    else
        ares_getaddrinfo(resolver->channel, lookup->host, NULL, &hints, on_addresses, lookup);
}

static void tell_done(struct weir_resolver *resolver)
{
    struct weir_lookup *lookup;

    /* The analyzer does not see that what is destroyed leaves its list. */
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
    while (resolver->channel && (lookup = resolver->done)) {
        weir_lookup_done *on_done = lookup->on_done;
        struct weir_lookup_result result = lookup->result;
        void *owner = lookup->owner;
        lookup->result = (struct weir_lookup_result){.n = 0};
        destroy(lookup);
        on_done(owner, &result);
        free(result.addresses);
        free(result.records);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
}

static void on_work(struct weir_task *task)
{
    struct weir_resolver *resolver = OWNER(struct weir_resolver, task, work);

    resolver->is_working = false;
    tell_done(resolver);
    while (resolver->channel && resolver->waiting && resolver->n_flying < FLYING_MAX)
        launch(resolver->waiting);
    /* Nobody waits for any of them: they need not wait for their servers. */
    if (resolver->channel && resolver->n_flying > 0 && resolver->n_flying == resolver->n_ownerless)
        ares_cancel(resolver->channel);
    if (resolver->channel)
        set_timer(resolver);
    release(resolver);
}

struct weir_lookup *weir_resolver_lookup(struct weir_resolver *resolver, enum weir_lookup_kind kind,
                                         const char *host, weir_lookup_done *on_done, void *owner)
{
    struct weir_lookup *lookup = calloc(1, sizeof(*lookup));

    if (!lookup)
        return NULL;
    lookup->host = strdup(host);
    if (!lookup->host) {
        free(lookup);
        return NULL;
    }
    lookup->resolver = resolver;
    lookup->kind = kind;
    lookup->on_done = on_done;
    lookup->owner = owner;
    lookup->deadline.on_expire = on_late;
    weir_loop_deadline(resolver->loop, &lookup->deadline, resolver->timeout_ms);
    move_to(lookup, &resolver->waiting);
    set_work(resolver);
    return lookup;
}

void weir_lookup_cancel(struct weir_lookup *lookup)
{
    struct weir_resolver *resolver = lookup->resolver;

    if (lookup->list != &resolver->flying) {
        destroy(lookup);
        return;
    }
    lookup->on_done = NULL;
    resolver->n_ownerless++;
    weir_deadline_cancel(&lookup->deadline);
    set_work(resolver);
}

/* ---- Life ---- */

static int set_servers(ares_channel channel, const struct weir_resolver_settings *settings)
{
    struct ares_addr_port_node *nodes = calloc(settings->n_servers, sizeof(*nodes));
    int code;

    if (!nodes)
        return ARES_ENOMEM;
    for (size_t i = 0; i < settings->n_servers; i++) {
        const struct weir_address *address = &settings->servers[i];
        struct ares_addr_port_node *node = &nodes[i];
        const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
        node->family = address->any.sa_family;
        node->udp_port = node->tcp_port = weir_address_port(address);
        if (node->family == AF_INET6)
            memcpy(&node->addr.addr6, &in6->sin6_addr, sizeof(in6->sin6_addr));
        else
            node->addr.addr4 = in->sin_addr;
        node->next = i + 1 < settings->n_servers ? node + 1 : NULL;
    }
    code = ares_set_servers_ports(channel, nodes);
    free(nodes);
    return code;
}

static int open_channels(struct weir_resolver *resolver,
                         const struct weir_resolver_settings *settings)
{
    struct ares_options options = {.flags = ARES_FLAG_EDNS,
                                   .ednspsz = UDP_BYTES_MAX,
                                   .timeout = (int)(settings->timeout_ms / 4 + 1),
                                   .tries = TRIES,
                                   .lookups = (char *)"b",
                                   .sock_state_cb = on_socket,
                                   .sock_state_cb_data = resolver};
    struct ares_options files = {.lookups = (char *)"f"};
    int code = ares_init_options(&resolver->channel, &options,
                                 ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS |
                                     ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);

    if (code != ARES_SUCCESS)
        return code;
    if (settings->n_servers > 0)
        code = set_servers(resolver->channel, settings);
    if (code == ARES_SUCCESS)
        code = ares_init_options(&resolver->hosts, &files, ARES_OPT_LOOKUPS);
    if (code != ARES_SUCCESS)
        ares_destroy(resolver->channel);
    return code;
}

struct weir_resolver *weir_resolver_open(struct weir_loop *loop,
                                         const struct weir_resolver_settings *settings, char *fault,
                                         size_t fault_size)
{
    struct weir_resolver *resolver = calloc(1, sizeof(*resolver));
    int code = resolver && weir_loop_host(loop) == 0 ? ares_library_init(ARES_LIB_INIT_ALL)
                                                     : ARES_ENOMEM;

    if (code == ARES_SUCCESS) {
        resolver->loop = loop;
        resolver->timeout_ms = settings->timeout_ms;
        resolver->work.run = on_work;
        code = open_channels(resolver, settings);
        if (code != ARES_SUCCESS)
            ares_library_cleanup();
    }
    if (code != ARES_SUCCESS) {
        snprintf(fault, fault_size, "resolver: cannot be set up: %s", ares_strerror(code));
        free(resolver);
        return NULL;
    }
    uv_timer_init(loop->uv, &resolver->timer);
    resolver->timer.data = resolver;
    resolver->holds = 1;
    return resolver;
}

void weir_resolver_close(struct weir_resolver *resolver)
{
    struct weir_lookup *lookup, *following;

    DL_FOREACH_SAFE(resolver->waiting, lookup, following) {
        destroy(lookup);
    }
    DL_FOREACH_SAFE(resolver->done, lookup, following) {
        destroy(lookup);
    }
    DL_FOREACH(resolver->flying, lookup) {
        resolver->n_ownerless += lookup->on_done != NULL;
        lookup->on_done = NULL;
    }
    ares_channel channel = resolver->channel;
    resolver->channel = NULL;
    ares_destroy(channel);
    ares_destroy(resolver->hosts);
    ares_library_cleanup();
    WEIR_ASSERT(!resolver->flying && !resolver->watches);
    uv_close((uv_handle_t *)&resolver->timer, on_timer_closed);
}
