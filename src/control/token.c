#include "weir/control/token.h"

#include "weir/base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TOKEN_BYTES_MAX = 1024 };

/* Returns how many bytes were read, one more than is allowed at the most, or -1 with errno. */
static ssize_t read_file(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    size_t len;

    if (!file)
        return -1;
    if (fstat(fileno(file), &status) == 0 && status.st_mode & S_IROTH)
        weir_log(WEIR_LOG_WARN,
                 "admin.token_file: %s can be read by everybody; chmod 600 keeps it secret", path);
    len = fread(text, 1, size, file);
    if (ferror(file)) {
        int error = errno;
        fclose(file);
        errno = error;
        return -1;
    }
    fclose(file);
    return (ssize_t)len;
}

static const char *find_fault(const char *token, size_t len)
{
    if (len == 0)
        return "is empty; write the token into it";
    for (size_t i = 0; i < len; i++) {
        if (token[i] < '!' || token[i] > '~')
            return "is not one word of visible ASCII characters, as a token must be";
    }
    return NULL;
}

char *weir_token_load(const char *path, char *fault, size_t fault_size)
{
    char text[TOKEN_BYTES_MAX + 1];
    ssize_t len = read_file(path, text, sizeof(text));
    const char *wrong = NULL;
    char *token = NULL;

    if (len < 0) {
        snprintf(fault, fault_size, "admin.token_file: %s cannot be read: %s", path,
                 strerror(errno));
        return NULL;
    }
    if (len > TOKEN_BYTES_MAX)
        wrong = "is longer than 1024 bytes";
    while (len > 0 && strchr(" \t\r\n", text[len - 1]))
        len--;
    if (!wrong)
        wrong = find_fault(text, (size_t)len);
    if (!wrong) {
        token = strndup(text, (size_t)len);
        wrong = "does not fit the memory";
    }
    if (!token)
        snprintf(fault, fault_size, "admin.token_file: %s %s", path, wrong);
    return token;
}

bool weir_token_is_shown(const char *token, struct weir_slice authorization)
{
    static const char scheme[] = "Bearer ";
    size_t token_len = strlen(token), at = sizeof(scheme) - 1, len;
    unsigned char differs;

    if (!weir_slice_has_prefix_like(authorization, scheme))
        return false;
    while (at < authorization.len && authorization.data[at] == ' ')
        at++;
    len = authorization.len - at;
    differs = len != token_len;
    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(authorization.data[at + i] ^ token[i % token_len]);
    return differs == 0;
}
