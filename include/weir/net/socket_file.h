/* A listening Unix socket and the file that it is reached by: made with the right mode before
 * anybody can connect, in place of what nobody listens on any more, and removed only while it is
 * still the one that was made here.
 *
 * Whoever makes or removes one holds a lock on the directory meanwhile, so that of two weirs that
 * begin at one moment neither takes the other's for left over. Thread: control. */
#ifndef WEIR_NET_SOCKET_FILE_H
#define WEIR_NET_SOCKET_FILE_H

#include "weir/net/address.h"

#include <sys/types.h>

struct weir_socket_file {
    struct weir_socket_file *prev, *next; /* of the owner's list */
    struct weir_address address;
    int fd; /* listening; while it is open no other file gets this one's inode number */
    mode_t mode;
    dev_t device;
    ino_t inode;
};

/* Listens at ADDRESS, a path. MODE is the file's, whatever the umask.
 * Blocks: for two seconds at the most, while another weir is at it. Fails: NULL, and FAULT says why
 * and what would be right, for people. Source: unix(7), bind(2), flock(2). */
struct weir_socket_file *weir_socket_file_open(const struct weir_address *address, mode_t mode,
                                               char *fault, size_t fault_size);

/* Another descriptor of the same socket, for one more loop to accept on. Fails: -errno. */
int weir_socket_file_share(const struct weir_socket_file *file);

/* Gives the file another mode, if it is still ours. Fails: -errno, and all is as it was. */
int weir_socket_file_set_mode(struct weir_socket_file *file, mode_t mode);

/* Removes the file, if it is still ours, and closes the descriptor: nobody new connects, and those
 * who have wait for whoever shares the socket. */
void weir_socket_file_close(struct weir_socket_file *file);

#endif
