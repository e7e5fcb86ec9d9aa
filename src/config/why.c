#include "weir/config/why.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool weir_why_set(struct weir_why *why, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why->text, sizeof(why->text), format, arguments);
    va_end(arguments);
    return false;
}

void weir_why_append(struct weir_why *why, const char *format, ...)
{
    size_t len = strlen(why->text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(why->text + len, sizeof(why->text) - len, format, arguments);
    va_end(arguments);
}
