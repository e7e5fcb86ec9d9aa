/* Unix sockets. */
#define T_HARNESS
#include "t_unix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un make_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        t_fail("%s is too long for a socket's path", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    return address;
}

static int open_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        t_fail("no socket: %s", strerror(errno));
    return fd;
}

struct t_conn *t_connect_unix(const char *path)
{
    static int number;
    struct sockaddr_un address = make_address(path);
    int fd = open_socket();
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
        t_fail("no connection to %s: %s", path, strerror(errno));
    return t_conn_adopt(fd, t_text("unix client %d", ++number));
}

int t_try_unix(const char *path)
{
    struct sockaddr_un address = make_address(path);
    int fd = open_socket();
    int error = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
    close(fd);
    return error;
}

void t_origin_open_unix(struct t_origin *origin, const char *path, int backlog)
{
    struct sockaddr_un address = make_address(path);
    *origin = (struct t_origin){
        .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .host = path};
    if (bind(origin->fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(origin->fd, backlog) != 0)
        t_fail("cannot listen at %s: %s", path, strerror(errno));
}

int t_socket_mode(const char *path)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return -1;
    if (!S_ISSOCK(status.st_mode))
        t_fail("%s is no socket", path);
    return (int)(status.st_mode & 07777);
}
