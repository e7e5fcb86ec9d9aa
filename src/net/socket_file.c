#include "weir/net/socket_file.h"

#include "weir/net/acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MODE_BITS = 0777, LOCK_TRIES = 200, LOCK_NAP_MS = 10 };

static const char *path_of(const struct weir_address *address)
{
    return ((const struct sockaddr_un *)(const void *)&address->storage)->sun_path;
}

/* ---- The lock on the directory ---- */

static int open_directory(const char *path)
{
    char directory[sizeof(((struct sockaddr_un *)0)->sun_path)];
    const char *end = strrchr(path, '/');
    size_t len = end > path ? (size_t)(end - path) : 1; /* that of "/file" is "/" */

    memcpy(directory, path, len);
    directory[len] = '\0';
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* A directory that may not be read can't be locked, and one that somebody else keeps locked does
 * not keep weir from working: then there is no lock, -1. */
static int lock_directory(const char *path)
{
    const struct timespec nap = {.tv_nsec = LOCK_NAP_MS * 1000000};
    int fd = open_directory(path);

    for (int i = 0; fd >= 0 && i < LOCK_TRIES; i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
            return fd;
        if (errno != EWOULDBLOCK && errno != EINTR)
            break;
        nanosleep(&nap, NULL);
    }
    if (fd >= 0)
        close(fd);
    return -1;
}

static void unlock_directory(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* ---- What is at the path ---- */

static const char *describe_kind(mode_t mode)
{
    return S_ISREG(mode)   ? "a file"
           : S_ISDIR(mode) ? "a directory"
           : S_ISLNK(mode) ? "a symbolic link"
                           : "no socket";
}

/* Does somebody listen there? 0: nobody; EISCONN: somebody; else an errno, and it can't be told. */
static int ask_who_listens(const struct weir_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;

    if (fd < 0)
        return errno;
    if (connect(fd, &address->any, address->len) != 0)
        error = errno;
    close(fd);
    /* EAGAIN: more wait there than are accepted. EPROTOTYPE: a socket of another kind, in use. */
    if (error == 0 || error == EAGAIN || error == EPROTOTYPE)
        return EISCONN;
    return error == ECONNREFUSED ? 0 : error;
}

/* Removes a socket that nobody listens on. Fails: false, something else is in the way. */
static bool make_way(const struct weir_address *address, char *fault, size_t fault_size)
{
    const char *path = path_of(address);
    struct stat status;
    int error;

    if (lstat(path, &status) != 0)
        return true; /* whatever else is wrong, bind says */
    if (!S_ISSOCK(status.st_mode)) {
        snprintf(fault, fault_size, "%s is there; move it away, or choose another path",
                 describe_kind(status.st_mode));
        return false;
    }
    error = ask_who_listens(address);
    if (error == EISCONN)
        snprintf(fault, fault_size,
                 "Address already in use; stop what listens there, or choose another path");
    else if (error)
        snprintf(fault, fault_size,
                 "a socket is there, and whether it is in use can't be told: %s; remove it, or "
                 "choose another path",
                 strerror(error));
    else if (unlink(path) == 0 || errno == ENOENT)
        return true;
    else
        snprintf(fault, fault_size, "the socket that was left there can't be removed: %s",
                 strerror(errno));
    return false;
}

/* ---- Making it ---- */

static int set_mode(const char *path, mode_t mode)
{
    return fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
}

/* Until listen(2) nobody can connect, so what the umask took away is given back in time. */
static int bind_file(struct weir_socket_file *file)
{
    const char *path = path_of(&file->address);
    struct stat status;
    int error;

    file->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (file->fd < 0)
        return -errno;
    /* Linux: the file gets the mode of the socket, less the umask. */
    if (fchmod(file->fd, file->mode) != 0 ||
        bind(file->fd, &file->address.any, file->address.len) != 0) {
        error = -errno;
        goto fail;
    }
    if (lstat(path, &status) != 0) {
        error = -errno;
        goto fail_bound;
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    error = (status.st_mode & MODE_BITS) == file->mode ? 0 : set_mode(path, file->mode);
    if (!error && listen(file->fd, WEIR_ACCEPTOR_BACKLOG) != 0)
        error = -errno;
    if (!error)
        return 0;
fail_bound:
    unlink(path);
fail:
    close(file->fd);
    return error;
}

struct weir_socket_file *weir_socket_file_open(const struct weir_address *address, mode_t mode,
                                               char *fault, size_t fault_size)
{
    struct weir_socket_file *file = calloc(1, sizeof(*file));
    int lock, error;

    if (!file) {
        snprintf(fault, fault_size, "out of memory");
        return NULL;
    }
    file->address = *address;
    file->mode = mode;
    lock = lock_directory(path_of(address));
    if (!make_way(address, fault, fault_size))
        goto fail;
    error = bind_file(file);
    if (error) {
        snprintf(fault, fault_size, "%s%s", strerror(-error),
                 error == -ENOENT   ? "; its directory is missing"
                 : error == -EACCES ? "; its directory must be writable to weir"
                                    : "");
        goto fail;
    }
    unlock_directory(lock);
    return file;
fail:
    unlock_directory(lock);
    free(file);
    return NULL;
}

int weir_socket_file_share(const struct weir_socket_file *file)
{
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);

    return fd >= 0 ? fd : -errno;
}

/* ---- What becomes of it ---- */

static bool is_ours(const struct weir_socket_file *file)
{
    struct stat status;

    return lstat(path_of(&file->address), &status) == 0 && S_ISSOCK(status.st_mode) &&
           status.st_dev == file->device && status.st_ino == file->inode;
}

int weir_socket_file_set_mode(struct weir_socket_file *file, mode_t mode)
{
    int lock, error = 0;

    if (file->mode == mode)
        return 0;
    lock = lock_directory(path_of(&file->address));
    if (is_ours(file))
        error = set_mode(path_of(&file->address), mode);
    unlock_directory(lock);
    if (!error)
        file->mode = mode;
    return error;
}

void weir_socket_file_close(struct weir_socket_file *file)
{
    int lock = lock_directory(path_of(&file->address));

    if (is_ours(file))
        unlink(path_of(&file->address));
    unlock_directory(lock);
    close(file->fd);
    free(file);
}
