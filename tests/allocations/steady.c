/* In steady state a request asks nothing of the heap: whatever its method and framing, on a
 * connection of its own or on a kept one.
 *
 * usage: weir-steady WEIR-COUNTED WEIR-ORIGIN */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WARM = 300, COUNTED = 1000, CLIENTS = 4, WAIT_MS = 60000, ANSWER_MAX = 65536 };

struct request {
    const char *what, *text; /* without the Connection field and the blank line before the body */
    const char *body, *end;  /* `end` is how the answer ends */
};

static const struct request requests[] = {
    {"GET", "GET /?body=hello HTTP/1.1\r\nHost: steady.test\r\nAccept: */*\r\n", "", "hello"},
    {"GET, answered in chunks", "GET /?body=hello&framing=chunked HTTP/1.1\r\nHost: s\r\n", "",
     "0\r\n\r\n"},
    {"GET of 40 KB", "GET /?size=40KiB&seed=1 HTTP/1.1\r\nHost: s\r\n", "", NULL},
    {"POST", "POST /?body=hello HTTP/1.1\r\nHost: s\r\nContent-Length: 4\r\n", "data", "hello"},
    {"POST in chunks", "POST /?body=hello HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n",
     "4\r\ndata\r\n0\r\n\r\n", "hello"},
};

static pid_t children[2];
static char dir[] = "/tmp/weir-steady-XXXXXX";
static uint16_t weir_port;

static void clean_up(void)
{
    for (int i = 0; i < 2; i++) {
        if (children[i] > 0) {
            kill(children[i], SIGKILL);
            waitpid(children[i], NULL, 0);
        }
    }
    char command[64];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        fprintf(stderr, "%s is left behind\n", dir);
}

static _Noreturn void fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static pid_t start(char *const argv[])
{
    pid_t pid = fork();

    if (pid < 0)
        fail("fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execv(argv[0], argv);
    _exit(127);
}

/* Nobody listens there, and a moment later somebody of ours does. */
static uint16_t free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        fail("no port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static int try_connect(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void await_port(uint16_t port)
{
    for (int i = 0; i < WAIT_MS / 20; i++) {
        int fd = try_connect(port);
        if (fd >= 0) {
            close(fd);
            return;
        }
        poll(NULL, 0, 20);
    }
    fail("nobody listens on port %u", port);
}

static void start_weir(char *weir, char *origin)
{
    uint16_t origin_port = free_port();
    char file[64], listen[32];
    FILE *out;

    weir_port = free_port();
    snprintf(file, sizeof(file), "%s/weir.yaml", dir);
    snprintf(listen, sizeof(listen), "127.0.0.1:%u", origin_port);
    out = fopen(file, "w");
    if (!out)
        fail("%s: %s", file, strerror(errno));
    fprintf(out,
            "workers: 1\nlog: {level: warn}\nadmin: {listen: off}\n"
            "listeners: {web: {listen: [\"127.0.0.1:%u\"], pool: p}}\n"
            "pools: {p: {servers: [{address: \"%s\"}]}}\n",
            weir_port, listen);
    fclose(out);
    children[0] = start((char *[]){origin, "--listen", listen, "--quiet", NULL});
    await_port(origin_port);
    children[1] = start((char *[]){weir, "run", "-c", file, NULL});
    await_port(weir_port);
}

/* Reads one answer: to its `end`, or to as many bytes as its head says. */
static void read_answer(int fd, const struct request *request)
{
    static char answer[ANSWER_MAX];
    size_t len = 0, end_len = request->end ? strlen(request->end) : 0, due = 0;

    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        ssize_t n = poll(&ready, 1, WAIT_MS) > 0
                        ? recv(fd, answer + len, sizeof(answer) - 1 - len, 0)
                        : -1;
        if (n <= 0)
            fail("%s: no answer, or half of one: %.*s", request->what, (int)len, answer);
        len += (size_t)n;
        answer[len] = '\0';
        const char *body = strstr(answer, "\r\n\r\n");
        if (!body)
            continue;
        if (strncmp(answer, "HTTP/1.1 200 ", 13) != 0)
            fail("%s: %.*s", request->what, (int)len, answer);
        const char *length = strcasestr(answer, "\r\ncontent-length:");
        if (!request->end && length)
            due = (size_t)(body + 4 - answer) + strtoul(length + 17, NULL, 10);
        if (request->end ? len >= end_len && strcmp(answer + len - end_len, request->end) == 0
                         : due > 0 && len >= due)
            return;
    }
}

/* N rounds in which each client sends one request and then each reads its answer. */
static void send_many(const struct request *request, bool kept, int n)
{
    char text[512];
    int clients[CLIENTS], len;

    memset(clients, -1, sizeof(clients));
    len = snprintf(text, sizeof(text), "%s%s\r\n%s", request->text,
                   kept ? "" : "Connection: close\r\n", request->body);
    for (int i = 0; i < n; i += CLIENTS) {
        for (int k = 0; k < CLIENTS; k++) {
            if (clients[k] < 0)
                clients[k] = try_connect(weir_port);
            if (clients[k] < 0 || send(clients[k], text, (size_t)len, MSG_NOSIGNAL) != len)
                fail("%s: cannot send: %s", request->what, strerror(errno));
        }
        for (int k = 0; k < CLIENTS; k++) {
            read_answer(clients[k], request);
            if (kept)
                continue;
            close(clients[k]);
            clients[k] = -1;
        }
    }
    for (int k = 0; k < CLIENTS; k++) {
        if (clients[k] >= 0)
            close(clients[k]);
    }
}

static _Atomic uint64_t *map_count(void)
{
    static char file[64];
    int fd;
    void *page;

    snprintf(file, sizeof(file), "%s/count", dir);
    fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 4096) != 0)
        fail("%s: %s", file, strerror(errno));
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        fail("mmap: %s", strerror(errno));
    close(fd);
    setenv("WEIR_ALLOCATIONS", file, 1);
    return page;
}

int main(int argc, char **argv)
{
    size_t n = sizeof(requests) / sizeof(*requests);
    bool has_failed = false;
    _Atomic uint64_t *count;

    if (argc != 3)
        fail("usage: weir-steady WEIR-COUNTED WEIR-ORIGIN");
    if (!mkdtemp(dir))
        fail("%s: %s", dir, strerror(errno));
    atexit(clean_up);
    count = map_count();
    start_weir(argv[1], argv[2]);
    for (size_t i = 0; i < 2 * n; i++) {
        const struct request *request = &requests[i / 2];
        bool kept = i % 2 == 1;
        send_many(request, kept, WARM);
        uint64_t before = atomic_load(count);
        if (before == 0)
            fail("the first requests allocate, and nothing was counted");
        send_many(request, kept, COUNTED);
        uint64_t seen = atomic_load(count) - before;
        printf("%s, %s: %llu allocations, %d requests\n", request->what,
               kept ? "kept connections" : "a connection each", (unsigned long long)seen, COUNTED);
        has_failed |= seen > COUNTED / 100;
    }
    if (has_failed)
        fail("a request is to need no allocation");
    return 0;
}
