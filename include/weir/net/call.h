/* The system calls on the path of a request. libc's own are points at which another thread may
 * cancel this one, and pay for that with two locked instructions a call in any process that has
 * threads (pthread_setcanceltype(3)); nobody cancels a thread here. Return values and errno are as
 * those of the calls they are named after. The sanitizers watch libc's, and get them. */
#ifndef WEIR_NET_CALL_H
#define WEIR_NET_CALL_H

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(SYS_recvfrom) && defined(SYS_sendto) && defined(SYS_sendmsg) &&                        \
    defined(SYS_accept4) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) &&     \
    defined(__LP64__)

static inline ssize_t weir_call_recv(int fd, void *data, size_t len, int flags)
{
    return syscall(SYS_recvfrom, fd, data, len, flags, NULL, NULL);
}

static inline ssize_t weir_call_send(int fd, const void *data, size_t len, int flags)
{
    return syscall(SYS_sendto, fd, data, len, flags, NULL, 0);
}

static inline ssize_t weir_call_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return syscall(SYS_sendmsg, fd, message, flags);
}

static inline int weir_call_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
    return (int)syscall(SYS_accept4, fd, peer, len, flags);
}

static inline int weir_call_close(int fd)
{
    return (int)syscall(SYS_close, fd);
}

#else

static inline ssize_t weir_call_recv(int fd, void *data, size_t len, int flags)
{
    return recv(fd, data, len, flags);
}

static inline ssize_t weir_call_send(int fd, const void *data, size_t len, int flags)
{
    return send(fd, data, len, flags);
}

static inline ssize_t weir_call_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return sendmsg(fd, message, flags);
}

static inline int weir_call_accept4(int fd, struct sockaddr *peer, socklen_t *len, int flags)
{
    return accept4(fd, peer, len, flags);
}

static inline int weir_call_close(int fd)
{
    return close(fd);
}

#endif

#endif
