/* Unix sockets: a client's end, an origin's, and their files. */
#ifndef WEIR_E2E_T_UNIX_H
#define WEIR_E2E_T_UNIX_H

#include "t_conn.h"
#include "t_origin.h"

/* Connects to the socket at PATH. */
struct t_conn *t_connect_unix(const char *path);
#define t_connect_unix(...) T_AT((t_connect_unix)(__VA_ARGS__))

/* The same by the system call: 0, or an errno. Nothing stays open. */
int t_try_unix(const char *path);

/* Listens at PATH. `t_accept` and the other calls for a scripted origin do as for TCP, but not
 * `t_origin_reopen`; the file stays when it is closed. */
void t_origin_open_unix(struct t_origin *origin, const char *path, int backlog);
#define t_origin_open_unix(...) T_AT((t_origin_open_unix)(__VA_ARGS__))

/* The permission bits of what is at PATH, which must be a socket; -1: nothing is there. */
int t_socket_mode(const char *path);
#define t_socket_mode(...) T_AT((t_socket_mode)(__VA_ARGS__))

#endif
