/* weir-origin: plays the servers of the world. The command line, the threads, the signals. */
#include "origin_counts.h"
#include "origin_loop.h"
#include "origin_mood.h"
#include "origin_out.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { THREADS_MAX = 64, BACKLOG = 4096, EXIT_USAGE = 2 };

struct options {
    struct sockaddr_storage address;
    socklen_t address_len;
    char host[INET6_ADDRSTRLEN + 2];
    long threads;
    bool is_quiet;
    struct origin_mood defaults;
};

static void print_help(FILE *file)
{
    fprintf(file,
            "weir-origin plays the servers of the world.\n"
            "\n"
            "usage: weir-origin --listen ADDRESS [--default QUERY] [--threads N] [--quiet]\n"
            "  --listen HOST:PORT   IPv4 address or [IPv6]; port 0 picks a free one, and the line\n"
            "                       \"listening on HOST:PORT\" on standard output says which\n"
            "  --default QUERY      parameters for every request, which its own query overrides:\n"
            "                       --default \"size=1024&framing=chunked\"\n"
            "  --threads N          threads, each with its own SO_REUSEPORT socket (1)\n"
            "  --quiet              no line of counts at the end\n"
            "GET /_counts answers what was counted, /_counts?reset=1 zeroes it.\n"
            "\n");
    origin_mood_help(file);
}

static int usage_error(const char *what, const char *value)
{
    fprintf(stderr, "weir-origin: %s%s%s%s (see --help)\n", what, value ? " \"" : "",
            value ? value : "", value ? "\"" : "");
    return EXIT_USAGE;
}

/* Reads "127.0.0.1:9001" or "[::1]:9001". */
static bool read_address(struct options *options, const char *text)
{
    const char *colon = strrchr(text, ':');
    char *end;
    if (!colon || (size_t)(colon - text) >= sizeof(options->host))
        return false;
    long port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end || port < 0 || port > 65535)
        return false;
    memcpy(options->host, text, (size_t)(colon - text));
    options->host[colon - text] = '\0';
    size_t len = strlen(options->host);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&options->address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&options->address;
    if (inet_pton(AF_INET, options->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        options->address_len = sizeof(*v4);
        return true;
    }
    if (len < 2 || options->host[0] != '[' || options->host[len - 1] != ']')
        return false;
    char inner[sizeof(options->host)] = "";
    memcpy(inner, options->host + 1, len - 2);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons((uint16_t)port);
    options->address_len = sizeof(*v6);
    return inet_pton(AF_INET6, inner, &v6->sin6_addr) == 1;
}

/* Returns 0 to go on, or 1 + the exit status. */
static int read_options(struct options *options, int argc, char **argv)
{
    static const struct option table[] = {
        {"listen", required_argument, NULL, 'l'},  {"default", required_argument, NULL, 'd'},
        {"threads", required_argument, NULL, 't'}, {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    char wrong[256], *end;
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
        switch (option) {
        case 'l':
            if (!read_address(options, optarg))
                return 1 + usage_error("--listen wants HOST:PORT with an IP address, not", optarg);
            break;
        case 'd':
            if (origin_mood_apply(&options->defaults, optarg, strlen(optarg), wrong,
                                  sizeof(wrong)) != 0)
                return 1 + usage_error(wrong, NULL);
            break;
        case 't':
            options->threads = strtol(optarg, &end, 10);
            if (*end || options->threads < 1 || options->threads > THREADS_MAX)
                return 1 + usage_error("--threads wants a number from 1 to 64, not", optarg);
            break;
        case 'q':
            options->is_quiet = true;
            break;
        case 'h':
            print_help(stdout);
            return 1;
        default:
            return 1 +
                   usage_error("an unknown option, or one without its value:", argv[optind - 1]);
        }
    }
    if (optind < argc)
        return 1 + usage_error("nothing to do with", argv[optind]);
    if (!options->address_len)
        return 1 + usage_error("--listen is missing", NULL);
    return 0;
}

/* Opens one listening socket; the first of them turns port 0 into a real one. Fails: -errno. */
static int listen_once(struct options *options)
{
    int on = 1;
    int fd = socket(options->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (options->threads > 1)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    struct sockaddr *address = (struct sockaddr *)&options->address;
    socklen_t len = options->address_len;
    if (bind(fd, address, len) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, address, &len) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

static void raise_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Starts all loops. Returns how many; less than wanted after an error, which is printed. */
static long start_loops(struct origin_loop *loops, struct options *options)
{
    for (long i = 0; i < options->threads; i++) {
        int listener = listen_once(options);
        int error = listener < 0 ? listener
                                 : origin_loop_start(&loops[i], listener, &options->defaults);
        if (error < 0) {
            fprintf(stderr, "weir-origin: cannot listen on %s: %s\n", options->host,
                    strerror(-error));
            return i;
        }
    }
    return options->threads;
}

static int serve(struct options *options)
{
    static struct origin_loop loops[THREADS_MAX];
    sigset_t signals;
    int signal;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    long started = start_loops(loops, options);
    if (started == options->threads) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&options->address;
        printf("listening on %s:%d\n", options->host, ntohs(v4->sin_port));
        fflush(stdout);
        sigwait(&signals, &signal);
    }
    for (long i = 0; i < started; i++)
        origin_loop_stop(&loops[i]);
    if (started < options->threads)
        return EXIT_FAILURE;
    if (!options->is_quiet)
        fprintf(stderr, "weir-origin: %" PRIu64 " requests on %" PRIu64 " connections\n",
                origin_count_get(ORIGIN_REQUESTS), origin_count_get(ORIGIN_ACCEPTED));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct options options = {.threads = 1};
    origin_mood_init(&options.defaults);
    origin_pattern_init();
    int done = read_options(&options, argc, argv);
    if (done)
        return done - 1;
    raise_limit();
    return serve(&options);
}
