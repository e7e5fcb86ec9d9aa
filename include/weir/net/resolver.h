/* Asks name servers, on a loop: c-ares does the talking (UDP, TCP where an answer was cut short,
 * retries, the search list), the loop the waiting.
 *
 * Thread: the loop's. */
#ifndef WEIR_NET_RESOLVER_H
#define WEIR_NET_RESOLVER_H

#include "weir/net/address.h"
#include "weir/net/loop.h"
#include "weir/net/srv.h"

struct weir_resolver;

enum weir_family { WEIR_FAMILY_ANY, WEIR_FAMILY_IPV4, WEIR_FAMILY_IPV6 };

struct weir_resolver_settings {
    const struct weir_address *servers; /* none: those of /etc/resolv.conf */
    size_t n_servers;
    uint64_t timeout_ms; /* of a lookup, retries and waiting for its turn included */
};

/*   name, is it the last word: the name is known to have nothing; text for people */
#define WEIR_LOOKUP_STATUSES(X)                                                                    \
    X(OK, true, "found")                                                                           \
    X(NO_NAME, true, "there is no such name")                                                      \
    X(NO_DATA, true, "the name has no such records")                                               \
    X(BAD_NAME, true, "this can be no name")                                                       \
    X(TIMEOUT, false, "no name server answered in time")                                           \
    X(NO_SERVER, false, "no name server could be reached, or none could answer")                   \
    X(BAD_ANSWER, false, "the answer is not valid")                                                \
    X(NO_MEMORY, false, "out of memory")

enum weir_lookup_status {
#define WEIR_LOOKUP_ROW(name, is_final, text) WEIR_LOOKUP_##name,
    WEIR_LOOKUP_STATUSES(WEIR_LOOKUP_ROW)
#undef WEIR_LOOKUP_ROW
};

/* A sentence without a full stop. */
const char *weir_lookup_status_text(enum weir_lookup_status status);
bool weir_lookup_status_is_final(enum weir_lookup_status status);

enum weir_lookup_kind { WEIR_LOOKUP_IPV4, WEIR_LOOKUP_IPV6, WEIR_LOOKUP_SRV };

enum { WEIR_LOOKUP_RECORDS_MAX = 1024 }; /* what an answer has beyond that is left out */

/* What came of a lookup. Valid during the call. */
struct weir_lookup_result {
    enum weir_lookup_status status;
    size_t n;
    struct weir_address *addresses; /* IPV4 and IPV6; without a port */
    struct weir_srv *records;       /* SRV */
    uint64_t ttl_s;
    bool is_cut; /* there were more than RECORDS_MAX */
};

struct weir_lookup;
typedef void weir_lookup_done(void *owner, const struct weir_lookup_result *result);

/* Reads /etc/resolv.conf. Owns: copies SETTINGS. Fails: NULL, and FAULT is a line for people. */
struct weir_resolver *weir_resolver_open(struct weir_loop *loop,
                                         const struct weir_resolver_settings *settings, char *fault,
                                         size_t fault_size);

/* Drops all lookups, whose completions do not come any more. Memory goes on the loop. */
void weir_resolver_close(struct weir_resolver *resolver);

/* Looks HOST up; /etc/hosts comes before name servers. ON_DONE follows once, not before this
 * returns. Fails: NULL, out of memory. */
struct weir_lookup *weir_resolver_lookup(struct weir_resolver *resolver, enum weir_lookup_kind kind,
                                         const char *host, weir_lookup_done *on_done, void *owner);

/* The completion does not come any more. Not after it has come. */
void weir_lookup_cancel(struct weir_lookup *lookup);

#endif
