/* A question is made of parts, one for each host and family that is looked up: two for a plain
 * name, and two for each SRV record once these are known. It is answered when all parts are. */
#include "weir/net/question.h"

#include "weir/base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SPOTS_MAX = WEIR_LOOKUP_RECORDS_MAX };

struct part {
    struct weir_question *question;
    struct weir_lookup *lookup; /* NULL once it is done */
    struct weir_spot unlearned; /* what stands for its addresses */
    struct weir_address *found; /* its answer: */
    size_t n;
    enum weir_lookup_status status;
};

struct weir_question {
    struct weir_resolver *resolver;
    enum weir_family family;
    weir_question_done *on_done;
    void *owner;
    struct weir_lookup *srv; /* while it is under way */
    struct part *parts;
    size_t n_parts, n_open;
    uint64_t ttl_s;
    bool is_cut;
};

static void destroy(struct weir_question *question)
{
    if (question->srv)
        weir_lookup_cancel(question->srv);
    for (size_t i = 0; i < question->n_parts; i++) {
        if (question->parts[i].lookup)
            weir_lookup_cancel(question->parts[i].lookup);
        free(question->parts[i].found);
    }
    free(question->parts);
    free(question);
}

/* ---- The answer ---- */

/* Would the kernel know where to send to? Nothing is sent. */
static bool has_route(const struct weir_address *address)
{
    struct weir_address to = *address;
    int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool has = false;

    if (fd < 0)
        return false;
    weir_address_set_port(&to, 53);
    has = connect(fd, &to.any, to.len) == 0;
    close(fd);
    return has;
}

static const struct weir_address *first_of(const struct weir_findings *findings, int family)
{
    for (size_t i = 0; i < findings->n; i++) {
        if (findings->spots[i].address.len > 0 &&
            findings->spots[i].address.any.sa_family == family)
            return &findings->spots[i].address;
    }
    return NULL;
}

/* One family's first address speaks for all. */
static void drop_unreachable(struct weir_findings *findings)
{
    const struct weir_address *v4 = first_of(findings, AF_INET);
    const struct weir_address *v6 = first_of(findings, AF_INET6);
    int unreachable = AF_UNSPEC;
    size_t kept = 0;

    if (!v4 || !v6)
        return;
    if (!has_route(v6))
        unreachable = AF_INET6;
    else if (!has_route(v4))
        unreachable = AF_INET;
    for (size_t i = 0; i < findings->n; i++) {
        const struct weir_spot *spot = &findings->spots[i];
        if (spot->address.len == 0 || spot->address.any.sa_family != unreachable)
            findings->spots[kept++] = *spot;
    }
    findings->n = kept;
}

static void add_part(struct weir_findings *findings, const struct part *part, size_t *n_addresses)
{
    bool is_final = weir_lookup_status_is_final(part->status);

    if (!is_final) {
        findings->spots[findings->n++] = part->unlearned;
        findings->n_unlearned++;
    }
    for (size_t i = 0; i < part->n; i++) {
        struct weir_spot spot = part->unlearned;
        if (*n_addresses == SPOTS_MAX) {
            findings->is_cut = true;
            break;
        }
        spot.address = part->found[i];
        if (spot.port > 0)
            weir_address_set_port(&spot.address, spot.port);
        findings->spots[findings->n++] = spot;
        ++*n_addresses;
    }
    /* In the order of the table: what went wrong says more than what there isn't. */
    if (part->status > findings->status)
        findings->status = part->status;
}

/* Puts the answers of all parts together. */
static void collect(struct weir_findings *findings, const struct part *parts, size_t n_parts)
{
    size_t n_addresses = 0, n_max = n_parts;

    for (size_t i = 0; i < n_parts; i++)
        n_max += parts[i].n;
    findings->spots = calloc(n_max + 1, sizeof(*findings->spots));
    if (!findings->spots) {
        findings->status = WEIR_LOOKUP_NO_MEMORY;
        return;
    }
    for (size_t i = 0; i < n_parts; i++)
        add_part(findings, &parts[i], &n_addresses);
    if (n_addresses == 0)
        return;
    findings->status = WEIR_LOOKUP_OK;
    drop_unreachable(findings);
}

static void finish(struct weir_question *question, enum weir_lookup_status status)
{
    struct weir_findings findings = {
        .status = status, .ttl_s = question->ttl_s, .is_cut = question->is_cut};
    weir_question_done *on_done = question->on_done;
    void *owner = question->owner;

    if (question->parts)
        collect(&findings, question->parts, question->n_parts);
    destroy(question);
    on_done(owner, &findings);
    free(findings.spots);
}

/* ---- The parts ---- */

static void on_part(void *owner, const struct weir_lookup_result *result)
{
    struct part *part = owner;
    struct weir_question *question = part->question;

    part->lookup = NULL;
    part->status = result->status;
    if (result->status == WEIR_LOOKUP_OK) {
        part->found = calloc(result->n, sizeof(*part->found));
        if (part->found) {
            memcpy(part->found, result->addresses, result->n * sizeof(*part->found));
            part->n = result->n;
        } else {
            part->status = WEIR_LOOKUP_NO_MEMORY;
        }
        question->is_cut = question->is_cut || result->is_cut;
        if (result->ttl_s < question->ttl_s)
            question->ttl_s = result->ttl_s;
    }
    if (--question->n_open == 0)
        finish(question, WEIR_LOOKUP_OK);
}

static void start_part(struct weir_question *question, const char *host, bool is_v6,
                       const struct weir_srv *srv)
{
    struct part *part = &question->parts[question->n_parts++];
    uint64_t id = weir_hash(weir_slice_from(host));

    part->question = question;
    part->status = WEIR_LOOKUP_NO_MEMORY;
    part->unlearned.part = weir_hash_mix(id + is_v6) | 1;
    if (srv) {
        part->unlearned.port = srv->port;
        part->unlearned.priority = srv->priority;
        part->unlearned.weight = srv->weight;
    }
    part->lookup = weir_resolver_lookup(
        question->resolver, is_v6 ? WEIR_LOOKUP_IPV6 : WEIR_LOOKUP_IPV4, host, on_part, part);
    question->n_open += part->lookup != NULL;
}

static void start_host(struct weir_question *question, const char *host, const struct weir_srv *srv)
{
    if (question->family != WEIR_FAMILY_IPV6)
        start_part(question, host, false, srv);
    if (question->family != WEIR_FAMILY_IPV4)
        start_part(question, host, true, srv);
}

static void on_srv(void *owner, const struct weir_lookup_result *result)
{
    struct weir_question *question = owner;
    enum weir_lookup_status status = result->status;

    question->srv = NULL;
    if (status == WEIR_LOOKUP_OK) {
        question->ttl_s = result->ttl_s;
        question->is_cut = result->is_cut;
        question->parts = calloc(result->n * 2, sizeof(*question->parts));
        if (!question->parts)
            status = WEIR_LOOKUP_NO_MEMORY;
    }
    for (size_t i = 0; question->parts && i < result->n; i++)
        start_host(question, result->records[i].target, &result->records[i]);
    if (question->n_open == 0)
        finish(question, status);
}

struct weir_question *weir_question_ask(struct weir_resolver *resolver, const char *host,
                                        bool is_srv, enum weir_family family,
                                        weir_question_done *on_done, void *owner)
{
    struct weir_question *question = calloc(1, sizeof(*question));

    if (!question)
        return NULL;
    question->resolver = resolver;
    question->family = family;
    question->on_done = on_done;
    question->owner = owner;
    question->ttl_s = UINT32_MAX;
    if (is_srv) {
        question->srv = weir_resolver_lookup(resolver, WEIR_LOOKUP_SRV, host, on_srv, question);
    } else {
        question->parts = calloc(2, sizeof(*question->parts));
        if (question->parts)
            start_host(question, host, NULL);
    }
    if (question->srv || question->n_open > 0)
        return question;
    destroy(question);
    return NULL;
}

void weir_question_cancel(struct weir_question *question)
{
    destroy(question);
}
