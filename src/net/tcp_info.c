/* Apart from stream.c because linux/tcp.h, which has the newer fields, and netinet/tcp.h, which
 * uv.h includes, can't be read together. */
#include "weir/net/tcp_info.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

bool weir_tcp_bytes_acked(int fd, uint64_t *bytes)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    socklen_t needed = offsetof(struct tcp_info, tcpi_bytes_acked) + sizeof(info.tcpi_bytes_acked);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || len < needed)
        return false;
    *bytes = info.tcpi_bytes_acked > 0 ? info.tcpi_bytes_acked - 1 : 0;
    return true;
}

int64_t weir_tcp_rtt_us(int fd)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    socklen_t needed = offsetof(struct tcp_info, tcpi_rtt) + sizeof(info.tcpi_rtt);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || len < needed)
        return -1;
    return info.tcpi_rtt > 0 ? (int64_t)info.tcpi_rtt : -1;
}
