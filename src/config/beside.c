#include "weir/config/beside.h"

#include <string.h>

char *weir_config_beside(struct weir_arena *arena, const char *source, const char *path)
{
    const char *slash = strrchr(source, '/');
    size_t len = slash != NULL ? (size_t)(slash - source) + 1 : 0;
    char *joined;

    if (path == NULL)
        return NULL;
    if (path[0] == '/' || len == 0)
        return weir_arena_copy(arena, weir_slice_from(path));
    joined = weir_arena_take(arena, len + strlen(path) + 1, 1);
    if (joined != NULL) {
        memcpy(joined, source, len);
        memcpy(joined + len, path, strlen(path));
    }
    return joined;
}
