/* Stands in for libFuzzer where a corpus is only replayed: calls the target once with nothing and
 * once with each file of the directories named, in buffers of exactly their size. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *directory, const char *name)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = len < (int)sizeof(path) ? fopen(path, "rb") : NULL;
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        perror(path);
        return -1;
    }
    size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(size);
    if (!data || fread(data, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    /* Said first, so that a crash has its input's name above it. */
    printf("%s\n", path);
    fflush(stdout);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

static int replay_directory(const char *path)
{
    DIR *directory = opendir(path);
    if (!directory) {
        perror(path);
        return -1;
    }
    int count = 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        if (replay_file(path, entry->d_name) != 0) {
            count = -1;
            break;
        }
        count++;
    }
    closedir(directory);
    if (count == 0)
        fprintf(stderr, "%s: no inputs\n", path);
    return count > 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    uint8_t nothing = 0;
    LLVMFuzzerTestOneInput(&nothing, 0);
    int status = 0;
    for (int i = 1; i < argc; i++)
        status |= replay_directory(argv[i]);
    return status ? 1 : 0;
}
