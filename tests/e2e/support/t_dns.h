/* An authoritative name server inside the test: a thread that answers over UDP and TCP from a zone,
 * which the test may change at any time. What it does not know does not exist (NXDOMAIN). */
#ifndef WEIR_E2E_T_DNS_H
#define WEIR_E2E_T_DNS_H

#include "t_base.h"

#include <pthread.h>

/* Question types. */
enum t_dns_type { T_DNS_A = 1, T_DNS_AAAA = 28, T_DNS_SRV = 33 };

struct t_dns {
    int port; /* on 127.0.0.1, UDP and TCP */
    int udp, tcp;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    const char *zone;
    struct t_dns_count *counts;
};

/* Starts it, with an empty zone; it ends with the test. */
void t_dns_open(struct t_dns *dns);
#define t_dns_open(...) T_AT((t_dns_open)(__VA_ARGS__))

/* Replaces the zone (a printf format), a line a record:
 *   NAME TTL A ADDRESS            NAME TTL AAAA ADDRESS
 *   NAME TTL SRV PRIORITY WEIGHT PORT TARGET
 *   NAME TTL CNAME TARGET
 * or what a name's questions are answered with in place of its records, A and AAAA and SRV alike:
 *   NAME 0 SERVFAIL | REFUSED | NODATA | SILENCE | GARBAGE
 *   NAME 0 LATE            its records, but 400 ms late
 *   NAME 0 TRUNCATE        over UDP nothing but the word that there is more over TCP
 * An answer of more than 512 bytes is cut short over UDP in any case. */
void t_dns_set(struct t_dns *dns, const char *zone, ...) __attribute__((format(printf, 2, 3)));
#define t_dns_set(...) T_AT((t_dns_set)(__VA_ARGS__))

/* How often NAME was asked for, with this type, over UDP and TCP together, or over TCP alone. */
int t_dns_questions(struct t_dns *dns, const char *name, enum t_dns_type type);
int t_dns_questions_tcp(struct t_dns *dns, const char *name, enum t_dns_type type);

/* Waits until it was asked for COUNT times more than now. */
void t_dns_await_questions(struct t_dns *dns, const char *name, enum t_dns_type type, int count);
#define t_dns_await_questions(...) T_AT((t_dns_await_questions)(__VA_ARGS__))

/* YAML: the section that makes weir ask this server alone. TIMEOUT: "2s". */
char *t_dns_yaml(const struct t_dns *dns, const char *timeout);

#endif
