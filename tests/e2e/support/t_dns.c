/* The name server. */
#define T_HARNESS
#include "t_dns.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MESSAGE_MAX = 65535,
    UDP_MAX = 512,
    HEADER = 12,
    NAME_MAX_BYTES = 256,
    ALIASES_MAX = 8,
    LATE_MS = 2500
};
enum { NOERROR = 0, SERVFAIL = 2, NXDOMAIN = 3, REFUSED = 5 };
enum { TYPE_CNAME = 5 };

struct t_dns_count {
    struct t_dns_count *next;
    char name[NAME_MAX_BYTES];
    int type, all, tcp;
};

/* A line of the zone. */
struct line {
    char name[NAME_MAX_BYTES], what[16], data[NAME_MAX_BYTES];
    unsigned ttl;
};

/* An answer in the making. */
struct message {
    unsigned char data[MESSAGE_MAX];
    size_t len;
    int answers;
};

static void put(struct message *message, const void *data, size_t len)
{
    if (message->len + len > sizeof(message->data))
        return;
    memcpy(message->data + message->len, data, len);
    message->len += len;
}

static void put_number(struct message *message, unsigned value)
{
    unsigned char bytes[2] = {(unsigned char)(value >> 8), (unsigned char)value};
    put(message, bytes, 2);
}

static void put_name(struct message *message, const char *name)
{
    while (*name) {
        unsigned char len = (unsigned char)strcspn(name, ".");
        put(message, &len, 1);
        put(message, name, len);
        name += len + (name[len] == '.');
    }
    put(message, "", 1);
}

/* Writes a record whose data DATA is. */
static void put_record(struct message *message, const char *owner, int type, unsigned ttl,
                       const struct message *data)
{
    put_name(message, owner);
    put_number(message, (unsigned)type);
    put_number(message, 1);
    put_number(message, ttl >> 16);
    put_number(message, ttl & 0xffff);
    put_number(message, (unsigned)data->len);
    put(message, data->data, data->len);
    message->answers++;
}

/* The data of a record, from its text. */
static void read_data(struct message *data, int type, const char *text)
{
    char target[NAME_MAX_BYTES] = "";
    unsigned priority = 0, weight = 0, port = 0;
    unsigned char address[16];

    data->len = 0;
    if (type == T_DNS_SRV) {
        sscanf(text, "%u %u %u %255s", &priority, &weight, &port, target);
        put_number(data, priority);
        put_number(data, weight);
        put_number(data, port);
        put_name(data, target);
    } else if (type == TYPE_CNAME) {
        put_name(data, text);
    } else if (inet_pton(type == T_DNS_A ? AF_INET : AF_INET6, text, address) == 1) {
        put(data, address, type == T_DNS_A ? 4 : 16);
    }
}

static bool next_line(const char **zone, struct line *line)
{
    while (**zone) {
        size_t len = strcspn(*zone, "\n");
        char text[1024];
        snprintf(text, sizeof(text), "%.*s", (int)len, *zone);
        *zone += len + ((*zone)[len] == '\n');
        line->data[0] = '\0';
        if (sscanf(text, " %255s %u %15s %255[^\n]", line->name, &line->ttl, line->what,
                   line->data) >= 3)
            return true;
    }
    return false;
}

static int type_of(const char *word)
{
    return strcmp(word, "A") == 0       ? T_DNS_A
           : strcmp(word, "AAAA") == 0  ? T_DNS_AAAA
           : strcmp(word, "SRV") == 0   ? T_DNS_SRV
           : strcmp(word, "CNAME") == 0 ? TYPE_CNAME
                                        : 0;
}

/* What is said of a name besides its records, or "". EXISTS: there is anything at all. */
static const char *find_mood(const char *zone, const char *name, bool *exists)
{
    static __thread struct line line;

    *exists = false;
    while (next_line(&zone, &line)) {
        if (strcasecmp(line.name, name) != 0)
            continue;
        *exists = true;
        if (type_of(line.what) == 0)
            return line.what;
    }
    return "";
}

/* Adds the records of NAME that TYPE asks for. Returns the alias's target, if it is one. */
static bool add_records(struct message *answer, const char *zone, const char *name, int type,
                        char *target)
{
    static __thread struct message data;
    struct line line;
    bool is_alias = false;

    while (next_line(&zone, &line)) {
        int own = type_of(line.what);
        if (strcasecmp(line.name, name) != 0 || (own != type && own != TYPE_CNAME))
            continue;
        read_data(&data, own, line.data);
        put_record(answer, line.name, own, line.ttl, &data);
        if (own == TYPE_CNAME) {
            snprintf(target, NAME_MAX_BYTES, "%s", line.data);
            is_alias = true;
        }
    }
    return is_alias;
}

static void count(struct t_dns *dns, const char *name, int type, bool is_tcp)
{
    struct t_dns_count *entry = dns->counts;

    while (entry && (strcasecmp(entry->name, name) != 0 || entry->type != type))
        entry = entry->next;
    if (!entry) {
        entry = t_alloc(sizeof(*entry));
        snprintf(entry->name, sizeof(entry->name), "%s", name);
        entry->type = type;
        entry->next = dns->counts;
        dns->counts = entry;
    }
    entry->all++;
    entry->tcp += is_tcp;
}

/* Reads the question. Returns its end, 0 when it is none. */
static size_t read_question(const unsigned char *query, size_t len, char *name, int *type)
{
    size_t at = HEADER, used = 0;

    while (at < len && query[at] != 0) {
        size_t label = query[at];
        if (label > 63 || at + 1 + label >= len || used + label + 2 > NAME_MAX_BYTES)
            return 0;
        if (used > 0)
            name[used++] = '.';
        memcpy(name + used, query + at + 1, label);
        used += label;
        at += 1 + label;
    }
    name[used] = '\0';
    if (at + 5 > len)
        return 0;
    *type = query[at + 1] << 8 | query[at + 2];
    return at + 5;
}

static void begin_answer(struct message *answer, const unsigned char *query, size_t question_end,
                         int code, bool is_cut)
{
    answer->len = 0;
    put(answer, query, question_end);
    answer->data[2] = (unsigned char)(0x84 | (is_cut ? 2 : 0) | (query[2] & 1));
    answer->data[3] = (unsigned char)code;
    answer->data[4] = 0;
    answer->data[5] = 1;
    memset(answer->data + 6, 0, 6);
    answer->answers = 0;
}

/* Returns whether there is to be an answer at all. */
static bool make_answer(struct t_dns *dns, const unsigned char *query, size_t len, bool is_tcp,
                        struct message *answer)
{
    char name[NAME_MAX_BYTES], target[NAME_MAX_BYTES];
    int type = 0;
    bool exists;
    size_t end = len > HEADER ? read_question(query, len, name, &type) : 0;

    if (end == 0)
        return false;
    pthread_mutex_lock(&dns->lock);
    const char *zone = dns->zone;
    count(dns, name, type, is_tcp);
    pthread_mutex_unlock(&dns->lock);
    const char *mood = find_mood(zone, name, &exists);
    if (strcmp(mood, "SILENCE") == 0)
        return false;
    if (strcmp(mood, "LATE") == 0)
        usleep(LATE_MS * 1000);
    int code = strcmp(mood, "SERVFAIL") == 0  ? SERVFAIL
               : strcmp(mood, "REFUSED") == 0 ? REFUSED
               : exists                       ? NOERROR
                                              : NXDOMAIN;
    bool is_cut = strcmp(mood, "TRUNCATE") == 0 && !is_tcp;
    begin_answer(answer, query, end, code, is_cut);
    if (strcmp(mood, "GARBAGE") == 0) {
        answer->data[7] = 9; /* records that are not there */
        return true;
    }
    if (code != NOERROR || is_cut || strcmp(mood, "NODATA") == 0)
        return true;
    for (int i = 0; i < ALIASES_MAX && add_records(answer, zone, name, type, target); i++)
        snprintf(name, sizeof(name), "%s", target);
    if (!is_tcp && answer->len > UDP_MAX)
        begin_answer(answer, query, end, code, true);
    answer->data[6] = (unsigned char)(answer->answers >> 8);
    answer->data[7] = (unsigned char)answer->answers;
    return true;
}

static void answer_udp(struct t_dns *dns)
{
    static struct message answer;
    unsigned char query[1024];
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    ssize_t n = recvfrom(dns->udp, query, sizeof(query), 0, (struct sockaddr *)&from, &from_len);

    if (n > 0 && make_answer(dns, query, (size_t)n, false, &answer))
        (void)sendto(dns->udp, answer.data, answer.len, MSG_NOSIGNAL, (struct sockaddr *)&from,
                     from_len);
}

static bool read_all(int fd, void *data, size_t len)
{
    return recv(fd, data, len, MSG_WAITALL) == (ssize_t)len;
}

/* One connection at a time, until its client has had enough or is slow. */
static void answer_tcp(struct t_dns *dns)
{
    static struct message answer;
    unsigned char size[2], query[1024];
    struct timeval patience = {.tv_usec = 200 * 1000};
    int fd = accept4(dns->tcp, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (read_all(fd, size, sizeof(size))) {
        size_t len = (size_t)size[0] << 8 | size[1];
        if (len > sizeof(query) || !read_all(fd, query, len) ||
            !make_answer(dns, query, len, true, &answer))
            break;
        size[0] = (unsigned char)(answer.len >> 8);
        size[1] = (unsigned char)answer.len;
        if (send(fd, size, sizeof(size), MSG_NOSIGNAL | MSG_MORE) < 0 ||
            send(fd, answer.data, answer.len, MSG_NOSIGNAL) < 0)
            break;
    }
    close(fd);
}

static void *run(void *argument)
{
    struct t_dns *dns = argument;

    for (;;) {
        struct pollfd polled[2] = {{.fd = dns->udp, .events = POLLIN},
                                   {.fd = dns->tcp, .events = POLLIN}};
        if (poll(polled, 2, -1) < 0 && errno != EINTR)
            return NULL;
        if (polled[0].revents)
            answer_udp(dns);
        if (polled[1].revents)
            answer_tcp(dns);
    }
}

void t_dns_open(struct t_dns *dns)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    *dns = (struct t_dns){.port = t_free_port(), .zone = ""};
    pthread_mutex_init(&dns->lock, NULL);
    here.sin_port = htons((uint16_t)dns->port);
    dns->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    dns->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(dns->tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(dns->udp, (struct sockaddr *)&here, sizeof(here)) != 0 ||
        bind(dns->tcp, (struct sockaddr *)&here, sizeof(here)) != 0 || listen(dns->tcp, 64) != 0 ||
        pthread_create(&dns->thread, NULL, run, dns) != 0)
        t_fail("the name server cannot start: %s", strerror(errno));
}

void t_dns_set(struct t_dns *dns, const char *zone, ...)
{
    char *text = t_alloc(MESSAGE_MAX);
    va_list arguments;

    va_start(arguments, zone);
    int len = vsnprintf(text, MESSAGE_MAX, zone, arguments);
    va_end(arguments);
    if (len >= MESSAGE_MAX)
        t_fail("the zone is too long");
    pthread_mutex_lock(&dns->lock);
    dns->zone = text;
    pthread_mutex_unlock(&dns->lock);
}

static int count_questions(struct t_dns *dns, const char *name, int type, bool only_tcp)
{
    int n = 0;

    pthread_mutex_lock(&dns->lock);
    for (struct t_dns_count *entry = dns->counts; entry; entry = entry->next) {
        if (strcasecmp(entry->name, name) == 0 && entry->type == type)
            n = only_tcp ? entry->tcp : entry->all;
    }
    pthread_mutex_unlock(&dns->lock);
    return n;
}

int t_dns_questions(struct t_dns *dns, const char *name, enum t_dns_type type)
{
    return count_questions(dns, name, (int)type, false);
}

int t_dns_questions_tcp(struct t_dns *dns, const char *name, enum t_dns_type type)
{
    return count_questions(dns, name, (int)type, true);
}

void t_dns_await_questions(struct t_dns *dns, const char *name, enum t_dns_type type, int count)
{
    int64_t deadline = t_deadline_ms();
    int before = t_dns_questions(dns, name, type);

    while (t_dns_questions(dns, name, type) < before + count) {
        if (!t_left_ms(deadline))
            t_fail("%s was asked for %d times, not %d", name,
                   t_dns_questions(dns, name, type) - before, count);
        t_nap();
    }
}

char *t_dns_yaml(const struct t_dns *dns, const char *timeout)
{
    return t_text("resolver: {servers: [\"127.0.0.1:%d\"], timeout: %s}\n", dns->port, timeout);
}
