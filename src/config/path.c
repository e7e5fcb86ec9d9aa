#include "weir/config/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MESSAGE_MAX 1024

char *weir_path_describe(const struct weir_path *path, char *text)
{
    if (path->up == NULL)
        text[0] = '\0';
    else
        weir_path_describe(path->up, text);
    size_t len = strlen(text);
    size_t room = WEIR_PATH_TEXT_MAX - len;
    if (path->name == NULL)
        snprintf(text + len, room, "[%zu]", path->index);
    else
        snprintf(text + len, room, "%s%s", len > 0 ? "." : "", weir_faults_quote(path->name).text);
    return text;
}

void weir_path_fault(const struct weir_path *path, struct weir_faults *faults,
                     struct weir_place place, const char *format, ...)
{
    char where[WEIR_PATH_TEXT_MAX];
    char message[MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (path == NULL || place.option != NULL)
        weir_faults_add(faults, place, "%s", message);
    else
        weir_faults_add(faults, place, "%s: %s", weir_path_describe(path, where), message);
}
