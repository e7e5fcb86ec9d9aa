#include "doctor_read.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file as text, without blanks at its end. False: *state says why. */
static bool read_text(const char *root, const char *path, char *text, size_t size,
                      enum weir_reading_state *state)
{
    char name[4096];
    FILE *file;
    size_t len;

    snprintf(name, sizeof(name), "%s%s", root, path);
    file = fopen(name, "re");
    if (!file) {
        *state = errno == ENOENT || errno == ENOTDIR ? WEIR_READING_ABSENT
                                                     : WEIR_READING_UNREADABLE;
        return false;
    }
    len = fread(text, 1, size - 1, file);
    *state = ferror(file) ? WEIR_READING_UNREADABLE : WEIR_READING_KNOWN;
    fclose(file);
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
    return *state == WEIR_READING_KNOWN;
}

/* The number that TEXT begins with; *rest is what follows. `unlimited` is UINT64_MAX. */
static struct weir_reading read_number(const char *text, const char **rest)
{
    struct weir_reading reading = {.state = WEIR_READING_KNOWN};
    char *end;

    text += strspn(text, " \t");
    if (strncmp(text, "unlimited", 9) == 0) {
        reading.value = UINT64_MAX;
        *rest = text + 9;
        return reading;
    }
    errno = 0;
    reading.value = strtoull(text, &end, 10);
    if (end == text || *text == '-' || errno != 0)
        reading = (struct weir_reading){.state = WEIR_READING_UNREADABLE};
    *rest = end;
    return reading;
}

/* The first numbers of a file. */
static void read_numbers(const char *root, const char *path, struct weir_reading *readings,
                         size_t n)
{
    enum weir_reading_state state;
    char text[256];
    const char *rest = text;
    bool done = read_text(root, path, text, sizeof(text), &state);

    for (size_t i = 0; i < n; i++)
        readings[i] = done ? read_number(rest, &rest) : (struct weir_reading){.state = state};
}

static struct weir_reading read_sysctl(const char *root, const char *name)
{
    struct weir_reading reading;
    char path[128];

    snprintf(path, sizeof(path), "/proc/sys/%s", name);
    for (char *dot = path; (dot = strchr(dot, '.'));)
        *dot = '/';
    read_numbers(root, path, &reading, 1);
    return reading;
}

/* The number behind LABEL in the Nth place of a file of lines. */
static struct weir_reading read_labelled(const char *root, const char *path, const char *line,
                                         const char *label, int place)
{
    struct weir_reading reading = {.state = WEIR_READING_UNREADABLE};
    char text[8192];
    const char *at;

    if (!read_text(root, path, text, sizeof(text), &reading.state))
        return reading;
    at = strstr(text, line);
    at = at ? strstr(at, label) : NULL;
    if (!at)
        return (struct weir_reading){.state = WEIR_READING_UNREADABLE};
    at += strlen(label);
    while (place-- > 0)
        reading = read_number(at, &at);
    return reading;
}

/* Of the cgroup this process is in (cgroup-v2.rst, "cpu.max": quota and period in microseconds). A
 * container sees its own as the root. */
static struct weir_reading read_cpu_quota(const char *root)
{
    struct weir_reading numbers[2] = {0}, quota = {.state = WEIR_READING_ABSENT};
    enum weir_reading_state state;
    char cgroups[4096], path[4200];
    const char *own = NULL;

    if (read_text(root, "/proc/self/cgroup", cgroups, sizeof(cgroups), &state))
        own = strstr(cgroups, "0::/");
    snprintf(path, sizeof(path), "/sys/fs/cgroup%.*s/cpu.max",
             own ? (int)strcspn(own + 3, "\n") : 0, own ? own + 3 : "");
    read_numbers(root, path, numbers, 2);
    if (numbers[0].state == WEIR_READING_KNOWN && numbers[1].state == WEIR_READING_KNOWN &&
        numbers[1].value > 0) {
        quota.state = WEIR_READING_KNOWN;
        quota.value = (uint64_t)((double)numbers[0].value * 1000 / (double)numbers[1].value);
    }
    return quota;
}

static unsigned usable_cores(void)
{
    cpu_set_t cores;

    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? (unsigned)CPU_COUNT(&cores) : 1;
}

void weir_doctor_read(struct weir_doctor_host *host, const char *root)
{
    struct weir_reading range[2], files[3];
    enum weir_reading_state state;

    *host = (struct weir_doctor_host){.cores = usable_cores()};
#define WEIR_DOCTOR_READ(field, name) host->field = read_sysctl(root, name);
    WEIR_DOCTOR_SYSCTLS(WEIR_DOCTOR_READ)
#undef WEIR_DOCTOR_READ
    read_numbers(root, "/proc/sys/net/ipv4/ip_local_port_range", range, 2);
    host->port_first = range[0];
    host->port_last = range[1];
    read_numbers(root, "/proc/sys/fs/file-nr", files, 3);
    host->system_files = files[0];
    host->system_files_max = files[2];
    host->files_hard = read_labelled(root, "/proc/self/limits", "Max open files", "Max open files",
                                     2);
    host->time_waits = read_labelled(root, "/proc/net/sockstat", "TCP: ", " tw ", 1);
    host->cpu_millis = read_cpu_quota(root);
    if (!read_text(root, "/proc/sys/net/ipv4/ip_local_reserved_ports", host->reserved_text,
                   sizeof(host->reserved_text), &state))
        host->reserved_text[0] = '\0';
}
