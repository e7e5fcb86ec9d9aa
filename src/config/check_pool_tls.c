/* What the `tls` of a pool names is read here, once, so that its faults have places; what comes of
 * it belongs to the configuration. */
#include "weir/config/beside.h"
#include "weir/config/build.h"
#include "weir/config/path.h"
#include "weir/net/tls_dialer.h"

/* The key that a fault is about. */
static const char *key_of(const struct weir_config_pool *pool, enum weir_tls_part part)
{
    if (part == WEIR_TLS_CLIENT_CA)
        return "ca_file";
    if (part == WEIR_TLS_KEY && pool->tls_key != NULL)
        return "key";
    return part == WEIR_TLS_CERTIFICATE || part == WEIR_TLS_KEY ? "certificate" : NULL;
}

/* KEY NULL: the section as a whole. */
static void add_fault(const struct weir_path *section, const struct weir_yaml_node *node,
                      struct weir_faults *faults, const char *key, const char *text)
{
    const struct weir_yaml_node *value = key != NULL ? weir_yaml_find(node, key) : NULL;
    const struct weir_path path = {.up = section, .name = key};

    if (value != NULL)
        weir_path_fault(&path, faults, value->place, "%s", text);
    else
        weir_path_fault(section, faults, node->key->place, "%s", text);
}

void weir_config_load_tls(struct weir_config *config, struct weir_config_pool *pool,
                          const struct weir_yaml_node *node, struct weir_arena *scratch,
                          struct weir_faults *faults)
{
    const struct weir_path top = {.name = "pools"};
    const struct weir_path own = {.up = &top, .name = pool->name};
    const struct weir_path section = {.up = &own, .name = "tls"};
    const struct weir_yaml_node *tls = weir_yaml_find(node, "tls");
    struct weir_tls_fault fault;
    struct weir_tls_dialer_order order = {
        .verify = pool->tls_verify,
        .ca_file = weir_config_beside(scratch, config->source, pool->tls_ca_file),
        .certificate = weir_config_beside(scratch, config->source, pool->tls_certificate),
        .key = weir_config_beside(scratch, config->source,
                                  pool->tls_key != NULL ? pool->tls_key : pool->tls_certificate),
    };

    if (!pool->has_tls || scratch->is_exhausted)
        return;
    if (order.key != NULL && order.certificate == NULL) {
        add_fault(&section, tls, faults, "key",
                  "is the key of no certificate; add `certificate`, or remove the key");
        return;
    }
    pool->tls = weir_tls_dialer_create(&order, &fault);
    if (pool->tls == NULL)
        add_fault(&section, tls, faults, key_of(pool, fault.part), fault.text);
}
