/* Certificates are read where all else is checked, so that `weir check` finds every fault of theirs
 * and a reload that would not work is none. */
#include "weir/base/log.h"
#include "weir/config/beside.h"
#include "weir/config/build.h"
#include "weir/config/path.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* One listener's `tls`. */
struct looker {
    const struct weir_config *config;
    struct weir_config_listener *listener;
    const struct weir_yaml_node *section;
    const struct weir_path *path;
    struct weir_faults *faults;
};

static const struct weir_yaml_node *find_certificate(const struct looker *looker, size_t index)
{
    const struct weir_yaml_node *node = weir_yaml_first(
        weir_yaml_find(looker->section, "certificates"));

    while (node && index-- > 0)
        node = node->next;
    return node;
}

static void note_of_certificate(const struct looker *looker, size_t index, const char *key,
                                const char *text)
{
    const struct weir_path list = {.up = looker->path, .name = "certificates"};
    const struct weir_path element = {.up = &list, .index = index};
    const struct weir_path path = {.up = &element, .name = key};
    const struct weir_yaml_node *node = find_certificate(looker, index);
    const struct weir_yaml_node *value = weir_yaml_find(node, key);

    weir_path_fault(&path, looker->faults,
                    (value  ? value
                     : node ? node
                            : looker->section)
                        ->place,
                    "%s", text);
}

static void note(const struct looker *looker, const struct weir_tls_fault *fault)
{
    static const char *const keys[] = {[WEIR_TLS_CERTIFICATE] = "certificate",
                                       [WEIR_TLS_KEY] = "key",
                                       [WEIR_TLS_CIPHERS] = "ciphers",
                                       [WEIR_TLS_CLIENT_CA] = "client_ca",
                                       [WEIR_TLS_ALL] = NULL};
    const char *key = keys[fault->part];
    const struct weir_path path = {.up = looker->path, .name = key};
    const struct weir_yaml_node *value = key ? weir_yaml_find(looker->section, key) : NULL;

    if (fault->part == WEIR_TLS_CERTIFICATE || fault->part == WEIR_TLS_KEY)
        note_of_certificate(looker, fault->index, key, fault->text);
    else
        weir_path_fault(key ? &path : looker->path, looker->faults,
                        (value ? value : looker->section)->place, "%s", fault->text);
}

/* A certificate that is out of date is better than none: some clients do without. */
static void warn_of_age(const struct looker *looker, size_t index,
                        const struct weir_tls_certificate *certificate)
{
    const struct weir_yaml_node *node = find_certificate(looker, index);
    char when[32];
    struct tm tm;

    if (certificate->not_after >= time(NULL))
        return;
    gmtime_r(&certificate->not_after, &tm);
    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
    weir_log(WEIR_LOG_WARN, "%s:%zu:%zu: listeners.%s.tls.certificates[%zu]: expired on %s",
             looker->config->source, node ? node->place.line : 0, node ? node->place.column : 0,
             looker->listener->name, index, when);
}

/* Reads as many as there are, so that each fault is told. Fails: false. */
static bool load_certificates(const struct looker *looker, struct weir_config *config,
                              struct weir_tls_certificate **certificates)
{
    const struct weir_config_listener *listener = looker->listener;
    struct weir_tls_fault fault;
    bool is_done = true;

    for (size_t i = 0; i < listener->n_certificates; i++) {
        const struct weir_config_certificate *own = &listener->certificates[i];
        char *path = weir_config_beside(&config->arena, config->source, own->certificate);
        char *key = own->key ? weir_config_beside(&config->arena, config->source, own->key) : path;
        certificates[i] = path && key ? weir_tls_certificate_load(path, key, &fault) : NULL;
        if (certificates[i]) {
            warn_of_age(looker, i, certificates[i]);
            continue;
        }
        is_done = false;
        if (!path || !key)
            continue;
        fault.index = i;
        note(looker, &fault);
        if (fault.part == WEIR_TLS_CERTIFICATE && own->key && !weir_tls_key_check(key, &fault))
            note(looker, &fault);
    }
    return is_done;
}

static void make_front(const struct looker *looker, struct weir_config *config)
{
    struct weir_config_listener *listener = looker->listener;
    size_t n = listener->n_certificates;
    struct weir_tls_certificate **certificates = calloc(n, sizeof(struct weir_tls_certificate *));
    struct weir_tls_fault fault;
    struct weir_tls_terms terms = {
        .owner = listener->name,
        .needs_13 = listener->tls_oldest == WEIR_TLS_OLDEST_13,
        .ciphers = listener->tls_ciphers,
        .client_ca = weir_config_beside(&config->arena, config->source, listener->client_ca),
        .client_depth = (int)listener->client_depth,
        .refuses_unknown = listener->tls_unknown_name == WEIR_UNKNOWN_NAME_REFUSE,
        .session_ms = listener->tls_session_ms,
    };

    if (!certificates) {
        config->arena.is_exhausted = true;
        return;
    }
    if (!load_certificates(looker, config, certificates)) {
        for (size_t i = 0; i < n; i++)
            weir_tls_certificate_destroy(certificates[i]);
    } else {
        listener->front = weir_tls_front_create(&terms, certificates, n, &fault);
        if (!listener->front)
            note(looker, &fault);
    }
    free(certificates);
}

void weir_config_check_tls(struct weir_config *config, const struct weir_yaml_node *listeners,
                           struct weir_faults *faults)
{
    const struct weir_path top = {.name = "listeners"};
    const struct weir_yaml_node *node = weir_yaml_first(listeners);

    for (size_t i = 0; i < config->n_listeners; i++, node = node->next) {
        const struct weir_path own = {.up = &top, .name = config->listeners[i].name};
        const struct weir_path path = {.up = &own, .name = "tls"};
        const struct looker looker = {config, &config->listeners[i], weir_yaml_find(node, "tls"),
                                      &path, faults};
        if (!looker.section || looker.section->kind != WEIR_YAML_MAP)
            continue;
        if (looker.listener->n_certificates > 0)
            make_front(&looker, config);
        else if (!weir_yaml_first(weir_yaml_find(looker.section, "certificates")))
            weir_path_fault(&path, faults, looker.section->place,
                            "has no `certificates`; write them like certificates: [{certificate: "
                            "site.pem, key: site.key}]");
    }
}
