#include "http_client.h"

#include "weir/http/message.h"
#include "weir/net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CONNECT_MS = 5000, STEP_MS = 10000, ANSWER_BYTES_MAX = 256 << 20, FIELDS_MAX = 100 };

/* Waits for EVENTS; TIMEOUT_MS -1 is for ever. 0 or -errno. */
static int await(int fd, short events, int timeout_ms)
{
    struct pollfd wait = {.fd = fd, .events = events};
    int n;

    do
        n = poll(&wait, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0 ? 0 : n == 0 ? -ETIMEDOUT : -errno;
}

/* A connected descriptor, or -errno. */
static int open_connection(const struct weir_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int error = 0;
    socklen_t len = sizeof(error);

    if (fd < 0)
        return -errno;
    if (connect(fd, &address->any, address->len) != 0 && errno != EINPROGRESS)
        error = errno;
    if (!error)
        error = -await(fd, POLLOUT, CONNECT_MS);
    if (!error && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
        error = errno;
    if (!error)
        return fd;
    close(fd);
    return -error;
}

static int send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        int error = await(fd, POLLOUT, STEP_MS);
        ssize_t n = error ? 0 : send(fd, text, len, MSG_NOSIGNAL);

        if (error)
            return error;
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

/* Reads to the connection's end. 0 or -errno; *text is to be freed in any case. */
static int read_all(int fd, bool is_patient, char **text, size_t *len)
{
    size_t size = 0;

    for (*text = NULL, *len = 0;;) {
        int error = await(fd, POLLIN, is_patient && *len == 0 ? -1 : STEP_MS);
        if (error)
            return error;
        if (*len + 1 >= size) {
            size = size ? 2 * size : 65536;
            char *grown = size > ANSWER_BYTES_MAX ? NULL : realloc(*text, size);
            if (!grown)
                return -ENOMEM;
            *text = grown;
        }
        ssize_t n = recv(fd, *text + *len, size - *len - 1, 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
        if (n == 0) {
            (*text)[*len] = '\0';
            return 0;
        }
        *len += n > 0 ? (size_t)n : 0;
    }
}

/* Finds the parts of the answer in its bytes. False: it is no whole HTTP answer. */
static bool understand(const struct weir_ask *ask, char *text, size_t len, struct weir_told *told)
{
    static const struct weir_head_limits limits = {.bytes_max = 65536, .fields_max = FIELDS_MAX};
    enum weir_method method = strcmp(ask->method, "POST") == 0 ? WEIR_METHOD_POST : WEIR_METHOD_GET;
    struct weir_response response;
    struct weir_head head;
    bool is_whole = false;

    weir_head_init(&head, WEIR_HEAD_RESPONSE);
    if (weir_head_parse(&head, text, len, &limits) || !head.complete ||
        weir_response_read(&response, &head, text, method))
        goto out;
    told->status = head.status;
    told->body = text + head.end;
    told->len = len - head.end;
    is_whole = response.framing.kind == WEIR_FRAMING_CLOSE ||
               (response.framing.kind == WEIR_FRAMING_LENGTH &&
                response.framing.length == told->len);
out:
    weir_head_fini(&head);
    return is_whole;
}

static int exchange(const struct weir_ask *ask, int fd, char **text, size_t *len)
{
    char *request = NULL;
    int request_len, error;

    *text = NULL;
    request_len = asprintf(
        &request, "%s %s HTTP/1.1\r\nHost: weir\r\nConnection: close\r\n%s%s%s%s\r\n", ask->method,
        ask->target, strcmp(ask->method, "POST") == 0 ? "Content-Length: 0\r\n" : "",
        ask->token ? "Authorization: Bearer " : "", ask->token ? ask->token : "",
        ask->token ? "\r\n" : "");
    if (request_len < 0)
        return -ENOMEM;
    error = send_all(fd, request, (size_t)request_len);
    free(request);
    return error ? error : read_all(fd, ask->is_patient, text, len);
}

static bool resolve(const char *admin, struct weir_address *address, struct weir_told *told,
                    char *fault)
{
    struct weir_endpoint endpoint;
    const char *reason = "";

    if (!weir_endpoint_parse(weir_slice_from(admin), &endpoint, &reason)) {
        snprintf(fault, WEIR_FAULT_MAX, "%s: %s", admin, reason);
        told->is_misasked = true;
        return false;
    }
    if (weir_endpoint_to_address(&endpoint, address) ||
        weir_address_resolve(&endpoint, address, &reason))
        return true;
    snprintf(fault, WEIR_FAULT_MAX, "%s: the name cannot be resolved: %s", admin, reason);
    return false;
}

bool weir_http_ask(const struct weir_ask *ask, struct weir_told *told, char fault[WEIR_FAULT_MAX])
{
    struct weir_address address;
    size_t len = 0;
    int fd, error;

    *told = (struct weir_told){.status = 0};
    if (!resolve(ask->admin, &address, told, fault))
        return false;
    fd = open_connection(&address);
    if (fd < 0) {
        snprintf(fault, WEIR_FAULT_MAX, "%s: %s; is weir running, and its admin endpoint there?",
                 ask->admin, strerror(-fd));
        return false;
    }
    error = exchange(ask, fd, &told->memory, &len);
    close(fd);
    if (!error && understand(ask, told->memory, len, told))
        return true;
    snprintf(fault, WEIR_FAULT_MAX, "%s: %s", ask->admin,
             error ? strerror(-error) : "what answers there is not weir's admin endpoint");
    weir_told_fini(told);
    return false;
}

void weir_told_fini(struct weir_told *told)
{
    free(told->memory);
    *told = (struct weir_told){.status = 0};
}
