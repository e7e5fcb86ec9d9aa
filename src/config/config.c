#include "weir/config/config.h"

#include "weir/config/build.h"
#include "weir/config/faults.h"
#include "weir/config/load.h"
#include "weir/config/yaml.h"
#include "weir/net/tls_dialer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COMMAND_LINE "command line"

/* A load in progress: what is read from, what is made, what is wrong. */
struct load {
    struct weir_arena arena; /* the tree's */
    struct weir_faults faults;
    struct weir_config *config;
};

static const struct weir_place file_start = {.line = 1, .column = 1};

static void load_init(struct load *load, const char *name, size_t memory_max)
{
    *load = (struct load){0};
    weir_arena_init(&load->arena, memory_max);
    weir_faults_init(&load->faults, name, memory_max);
    load->config = calloc(1, sizeof(*load->config));
    if (load->config == NULL) {
        load->faults.arena.is_exhausted = true;
        return;
    }
    atomic_init(&load->config->references, 1);
    weir_arena_init(&load->config->arena, memory_max);
    load->config->source = weir_arena_copy(&load->config->arena, weir_slice_from(name));
}

static void build(struct load *load, const struct weir_yaml_node *tree)
{
    if (tree == NULL || load->config == NULL)
        return;
    weir_config_fill(load->config, tree, &load->faults);
    if (!load->config->arena.is_exhausted)
        weir_config_check(load->config, tree, &load->arena, &load->faults);
}

/* Prints the faults, and returns what was made when there are none. */
static struct weir_config *load_fini(struct load *load, FILE *errors)
{
    struct weir_config *config = load->config;

    if (load->arena.is_exhausted || (config != NULL && config->arena.is_exhausted))
        load->faults.arena.is_exhausted = true;
    if (!weir_faults_is_empty(&load->faults)) {
        weir_faults_print(&load->faults, errors);
        if (config != NULL)
            weir_config_unref(config);
        config = NULL;
    }
    weir_faults_fini(&load->faults);
    weir_arena_fini(&load->arena);
    return config;
}

struct weir_config *weir_config_load_bounded(const char *name, struct weir_slice text,
                                             size_t memory_max, FILE *errors)
{
    struct load load;

    load_init(&load, name, memory_max);
    if (text.len > WEIR_YAML_BYTES_MAX)
        weir_faults_add(&load.faults, file_start,
                        "the file is too large; a configuration has at most %u MiB",
                        WEIR_YAML_BYTES_MAX >> 20);
    else
        build(&load, weir_yaml_read(&load.arena, text, &load.faults));
    return load_fini(&load, errors);
}

struct weir_config *weir_config_load_text(const char *name, const char *text, size_t len,
                                          FILE *errors)
{
    return weir_config_load_bounded(name, weir_slice_make(text, len), WEIR_LOAD_MEMORY_MAX, errors);
}

/* Reads as much as fits. What the file says of its size is not asked: pipes have none.
 * Fails: false, errno is set. */
static bool read_all(int fd, char *buffer, size_t size, size_t *len)
{
    *len = 0;
    while (*len < size) {
        ssize_t n = read(fd, buffer + *len, size - *len);
        if (n == 0)
            break;
        if (n > 0)
            *len += (size_t)n;
        else if (errno != EINTR)
            return false;
    }
    return true;
}

/* Opens a file for reading, but no directory. Fails: -1, errno is set. */
static int open_file(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        close(fd);
        errno = EISDIR;
        return -1;
    }
    return fd;
}

struct weir_config *weir_config_load(const char *path, FILE *errors)
{
    const size_t size = WEIR_YAML_BYTES_MAX + 1;
    struct weir_config *config = NULL;
    size_t len;
    char *text = malloc(size);
    int fd = open_file(path);

    if (text == NULL)
        fprintf(errors, "%s:1:1: out of memory\n", path);
    else if (fd < 0 || !read_all(fd, text, size, &len))
        fprintf(errors, "%s:1:1: cannot be read: %s; give the path of a YAML file\n", path,
                strerror(errno));
    else
        config = weir_config_load_text(path, text, len, errors);
    if (fd >= 0)
        close(fd);
    free(text);
    return config;
}

static void append(struct weir_yaml_node *parent, struct weir_arena *arena, const char *key,
                   struct weir_yaml_node *member)
{
    if (parent == NULL || member == NULL)
        return;
    if (key != NULL)
        member->key = weir_yaml_make(arena, WEIR_YAML_SCALAR, key, member->place);
    if (key == NULL || member->key != NULL)
        weir_yaml_append(parent, member);
}

/* Every make that fails leaves the arena exhausted, so only the end needs to look. */
static struct weir_yaml_node *make_map(struct weir_arena *arena, const char *key,
                                       struct weir_yaml_node *member)
{
    struct weir_place place = member == NULL ? file_start : member->place;
    struct weir_yaml_node *map = weir_yaml_make(arena, WEIR_YAML_MAP, NULL, place);

    append(map, arena, key, member);
    return map;
}

static struct weir_yaml_node *make_listen(struct weir_arena *arena, const char *const *listen,
                                          size_t n)
{
    const struct weir_place place = {.option = "--listen"};
    struct weir_yaml_node *list = weir_yaml_make(arena, WEIR_YAML_LIST, NULL, place);

    for (size_t i = 0; i < n; i++)
        append(list, arena, NULL, weir_yaml_make(arena, WEIR_YAML_SCALAR, listen[i], place));
    return list;
}

static struct weir_yaml_node *make_servers(struct weir_arena *arena, const char *const *to,
                                           size_t n)
{
    const struct weir_place place = {.option = "--to"};
    struct weir_yaml_node *list = weir_yaml_make(arena, WEIR_YAML_LIST, NULL, place);

    for (size_t i = 0; i < n; i++) {
        struct weir_yaml_node *address = weir_yaml_make(arena, WEIR_YAML_SCALAR, to[i], place);
        append(list, arena, NULL, make_map(arena, "address", address));
    }
    return list;
}

static struct weir_yaml_node *make_tree(struct weir_arena *arena, struct weir_yaml_node *listen,
                                        struct weir_yaml_node *servers)
{
    struct weir_yaml_node *listener = make_map(arena, "listen", listen);
    struct weir_yaml_node *pool = weir_yaml_make(arena, WEIR_YAML_SCALAR, "main",
                                                 (struct weir_place){.option = "--to"});
    append(listener, arena, "pool", pool);
    struct weir_yaml_node *tree = make_map(arena, "listeners", make_map(arena, "main", listener));
    append(tree, arena, "pools", make_map(arena, "main", make_map(arena, "servers", servers)));
    return arena->is_exhausted ? NULL : tree;
}

struct weir_config *weir_config_from_addresses(const char *const *listen, size_t n_listen,
                                               const char *const *to, size_t n_to, FILE *errors)
{
    struct load load;

    load_init(&load, COMMAND_LINE, WEIR_LOAD_MEMORY_MAX);
    if (n_listen == 0)
        weir_faults_add(&load.faults, (struct weir_place){.option = "--listen"},
                        "is missing; give the address to listen at, as in --listen :8080");
    if (n_to == 0)
        weir_faults_add(&load.faults, (struct weir_place){.option = "--to"},
                        "is missing; give the server's address, as in --to 127.0.0.1:9001");
    if (n_listen > 0 && n_to > 0)
        build(&load, make_tree(&load.arena, make_listen(&load.arena, listen, n_listen),
                               make_servers(&load.arena, to, n_to)));
    return load_fini(&load, errors);
}

struct weir_config *weir_config_ref(struct weir_config *config)
{
    atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
    return config;
}

void weir_config_unref(struct weir_config *config)
{
    if (config == NULL ||
        atomic_fetch_sub_explicit(&config->references, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < config->n_listeners; i++)
        weir_tls_front_unref(config->listeners[i].front);
    for (size_t i = 0; i < config->n_pools; i++)
        weir_tls_dialer_unref(config->pools[i].tls);
    weir_arena_fini(&config->arena);
    free(config);
}
