/* The certificates are grouped by name: under each name stands, for each kind of key, the first
 * certificate that has the name itself, or else the first whose wildcard covers it. OpenSSL then
 * picks the kind by what the client can verify. */
#include "weir/net/tls_front.h"

#include "weir/net/address.h"
#include "weir/net/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <uv.h>

/* Mozilla's "intermediate", version 5.7. */
#define SUITES_13 "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
#define SUITES_12                                                                                  \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"                                   \
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"                                   \
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"                                   \
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
#define GROUPS "X25519:prime256v1:secp384r1"

enum { KINDS_MAX = 5 }; /* RSA, RSA-PSS, EC, Ed25519, Ed448 */

/* The certificates that are shown under one name, each of another kind. */
struct group {
    char *name;
    const struct weir_tls_certificate *shown[KINDS_MAX];
    size_t n;
    UT_hash_handle hh;
};

/* Lives as its context does: it hangs on it, and goes with it. */
struct weir_tls_front {
    SSL_CTX *context;
    struct weir_tls_certificate **certificates;
    size_t n;
    struct group *groups; /* by name */
    struct group first;   /* for clients without a name, or with one that nobody has */
    bool refuses_unknown;
    uint64_t session_ms;
    struct weir_tls_tickets *tickets; /* NULL: no session is resumed */
};

/* ---- Which certificates? ---- */

static struct group *find_exact(const struct weir_tls_front *front, const char *name)
{
    struct group *group;

    HASH_FIND_STR(front->groups, name, group);
    return group;
}

/* The wildcard that covers NAME: its first label gives way to a star (RFC 6125 section 6.4.3). TEXT
 * has room for it. NULL: no wildcard could. */
static const char *cover(const char *name, char text[WEIR_TLS_NAME_MAX + 3])
{
    const char *rest = strchr(name, '.');

    if (!rest || rest == name || rest[1] == '\0' || name[0] == '*')
        return NULL;
    snprintf(text, WEIR_TLS_NAME_MAX + 3, "*%s", rest);
    return text;
}

/* NAME is in lower case. */
static const struct group *find_group(const struct weir_tls_front *front, const char *name)
{
    const struct group *group = find_exact(front, name);
    char text[WEIR_TLS_NAME_MAX + 3];
    const char *wildcard = group ? NULL : cover(name, text);

    return wildcard ? find_exact(front, wildcard) : group;
}

static bool has_name(const struct weir_tls_certificate *certificate, const char *name)
{
    for (size_t i = 0; i < certificate->n_names; i++) {
        if (strcmp(certificate->names[i], name) == 0)
            return true;
    }
    return false;
}

/* Unless one of its kind is there already. */
static void show(struct group *group, const struct weir_tls_certificate *certificate)
{
    for (size_t i = 0; i < group->n; i++) {
        if (group->shown[i]->kind == certificate->kind)
            return;
    }
    if (group->n < KINDS_MAX)
        group->shown[group->n++] = certificate;
}

static void show_all(const struct weir_tls_front *front, struct group *group, const char *name)
{
    for (size_t i = 0; i < front->n; i++) {
        if (has_name(front->certificates[i], name))
            show(group, front->certificates[i]);
    }
}

static bool add_group(struct weir_tls_front *front, const char *name)
{
    struct group *group;
    char text[WEIR_TLS_NAME_MAX + 3];
    const char *wildcard = cover(name, text);

    if (find_exact(front, name))
        return true;
    group = calloc(1, sizeof(*group));
    if (!group)
        return false;
    group->name = strdup(name);
    if (!group->name) {
        free(group);
        return false;
    }
    show_all(front, group, name);
    if (wildcard)
        show_all(front, group, wildcard);
    HASH_ADD_KEYPTR(hh, front->groups, group->name, strlen(group->name), group);
    return true;
}

static bool add_groups(struct weir_tls_front *front)
{
    const struct weir_tls_certificate *first = front->certificates[0];

    for (size_t i = 0; i < front->n; i++) {
        for (size_t k = 0; k < front->certificates[i]->n_names; k++) {
            if (!add_group(front, front->certificates[i]->names[k]))
                return false;
        }
    }
    show(&front->first, first);
    if (first->n_names > 0) {
        const struct group *named = find_group(front, first->names[0]);
        for (size_t i = 0; i < named->n; i++)
            show(&front->first, named->shown[i]);
    }
    return true;
}

/* ---- What OpenSSL asks during a handshake ---- */

static int front_index = -1;

static struct weir_tls_front *front_of(const SSL *ssl)
{
    return SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), front_index);
}

/* The name that the client asked for, in lower case and without a final dot. False: none, and it
 * is *refused where it is no name at all: no address may stand there (RFC 6066 section 3). */
static bool read_name(const SSL *ssl, char name[WEIR_TLS_NAME_MAX + 1], bool *refused)
{
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    size_t len = asked ? strlen(asked) : 0;
    struct weir_address address;

    *refused = false;
    if (len > 0 && asked[len - 1] == '.')
        len--;
    if (len == 0 || len > WEIR_TLS_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        name[i] = asked[i] >= 'A' && asked[i] <= 'Z' ? (char)(asked[i] - 'A' + 'a') : asked[i];
    name[len] = '\0';
    *refused = strchr(name, ':') || weir_address_from_literal(name, &address);
    return !*refused;
}

static int on_name(SSL *ssl, int *alert, void *context)
{
    const struct weir_tls_front *front = front_of(ssl);
    char name[WEIR_TLS_NAME_MAX + 1];
    bool refused, has = read_name(ssl, name, &refused);

    (void)context;
    if (refused) {
        *alert = SSL_AD_ILLEGAL_PARAMETER;
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (!has)
        return SSL_TLSEXT_ERR_NOACK;
    if (find_group(front, name))
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return front->refuses_unknown ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

static bool use(SSL *ssl, const struct weir_tls_certificate *certificate)
{
    return SSL_use_cert_and_key(ssl, certificate->own, certificate->key, certificate->chain, 1) ==
           1;
}

/* Before a certificate is chosen; where a session is resumed none is. */
static int on_certificate(SSL *ssl, void *context)
{
    const struct weir_tls_front *front = front_of(ssl);
    char name[WEIR_TLS_NAME_MAX + 1];
    const struct group *group;
    bool refused;

    (void)context;
    group = read_name(ssl, name, &refused) ? find_group(front, name) : NULL;
    if (!group)
        return 1; /* The context has those of `first`. */
    SSL_certs_clear(ssl);
    for (size_t i = 0; i < group->n; i++) {
        if (!use(ssl, group->shown[i]))
            return 0;
    }
    return 1;
}

/* RFC 7301 section 3.2: who can't speak what weir speaks is told so. */
static int on_protocols(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_len,
                        const unsigned char *offered, unsigned offered_len, void *context)
{
    static const unsigned char spoken[] = "\x08http/1.1";
    unsigned char *match;

    (void)ssl;
    (void)context;
    if (SSL_select_next_proto(&match, chosen_len, spoken, sizeof(spoken) - 1, offered,
                              offered_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *chosen = match;
    return SSL_TLSEXT_ERR_OK;
}

static bool arm(EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const unsigned char *iv,
                struct weir_tls_ticket_key *key, bool seals)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof(key->mac)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end()};

    return EVP_MAC_CTX_set_params(mac, params) == 1 &&
           EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, seals) == 1;
}

/* As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it: -1 an error, 0 no ticket, 1 fine, 2 fine and
 * to be replaced. A ticket of TLS 1.3 serves once (RFC 8446 appendix C.4). */
static int on_ticket(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                     EVP_MAC_CTX *mac, int seals)
{
    const struct weir_tls_front *front = front_of(ssl);
    uint64_t now_ms = uv_hrtime() / 1000000;
    struct weir_tls_ticket_key key;
    bool has_key, is_old = false;

    if (!front->tickets)
        return 0;
    if (seals) {
        has_key = weir_tls_tickets_seal(front->tickets, now_ms, front->session_ms, &key) &&
                  RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1;
        if (has_key)
            memcpy(name, key.name, sizeof(key.name));
    } else {
        has_key = weir_tls_tickets_open(front->tickets, now_ms, front->session_ms, name, &key);
        is_old = has_key &&
                 (now_ms >= key.made_ms + front->session_ms || SSL_version(ssl) >= TLS1_3_VERSION);
    }
    int result = !has_key ? 0 : !arm(cipher, mac, iv, &key, seals) ? -1 : is_old ? 2 : 1;
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}

/* ---- Making one ---- */

static bool set_versions(SSL_CTX *context, const struct weir_tls_terms *terms,
                         struct weir_tls_fault *fault)
{
    const char *ciphers = terms->ciphers ? terms->ciphers : SUITES_12;

    /* What is not spoken does not come back; the server's order of ciphers holds. */
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_dh_auto(context, 1);
    if (SSL_CTX_set_min_proto_version(context, terms->needs_13 ? TLS1_3_VERSION : TLS1_2_VERSION) !=
            1 ||
        SSL_CTX_set_max_proto_version(context, 0) != 1 ||
        SSL_CTX_set_ciphersuites(context, SUITES_13) != 1 ||
        SSL_CTX_set1_groups_list(context, GROUPS) != 1) {
        weir_tls_fault_set(fault, WEIR_TLS_ALL, true, "OpenSSL cannot be set up as it has to be");
        return false;
    }
    if (SSL_CTX_set_cipher_list(context, ciphers) != 1) {
        weir_tls_fault_set(fault, WEIR_TLS_CIPHERS, true,
                           "`%.200s` has no cipher that OpenSSL knows; write a list as `openssl "
                           "ciphers` takes it",
                           ciphers);
        return false;
    }
    return true;
}

/* Those of `first` become the context's. All others are tried on, so that one that OpenSSL does not
 * take is found now. */
static bool show_first(struct weir_tls_front *front, struct weir_tls_fault *fault)
{
    SSL *dummy = SSL_new(front->context);
    size_t i;

    for (i = 0; dummy && i < front->n; i++) {
        if (!use(dummy, front->certificates[i]))
            break;
    }
    if (!dummy || i < front->n) {
        weir_tls_fault_set(fault, WEIR_TLS_CERTIFICATE, true, "OpenSSL does not take it");
        fault->index = i;
        SSL_free(dummy);
        return false;
    }
    SSL_free(dummy);
    for (i = 0; i < front->first.n; i++) {
        const struct weir_tls_certificate *shown = front->first.shown[i];
        (void)SSL_CTX_use_cert_and_key(front->context, shown->own, shown->key, shown->chain, 1);
    }
    return true;
}

static bool trust(SSL_CTX *context, BIO *content)
{
    X509_STORE *store = SSL_CTX_get_cert_store(context);
    int n = 0;
    X509 *ca;

    while ((ca = PEM_read_bio_X509(content, NULL, NULL, NULL)) != NULL) {
        bool is_added = X509_STORE_add_cert(store, ca) == 1 && SSL_CTX_add_client_CA(context, ca);
        X509_free(ca);
        if (!is_added)
            return false;
        n++;
    }
    /* What stands in the file is trusted, also where it is no root. */
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
    return n > 0 && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* Sessions are good only for who would be let in anew: same listener, same CA. */
static bool set_session_context(SSL_CTX *context, const struct weir_tls_terms *terms, BIO *content)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len;
    char *data = NULL;
    size_t len = content ? (size_t)BIO_get_mem_data(content, &data) : 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    bool is_done = hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1 &&
                   EVP_DigestUpdate(hash, terms->owner, strlen(terms->owner) + 1) == 1 &&
                   EVP_DigestUpdate(hash, data ? data : "", len) == 1 &&
                   EVP_DigestFinal_ex(hash, digest, &digest_len) == 1 &&
                   SSL_CTX_set_session_id_context(context, digest, digest_len) == 1;

    EVP_MD_CTX_free(hash);
    return is_done;
}

static bool set_clients(SSL_CTX *context, const struct weir_tls_terms *terms,
                        struct weir_tls_fault *fault)
{
    BIO *content = NULL;
    bool is_set;

    if (terms->client_ca) {
        content = weir_tls_file_read(terms->client_ca, WEIR_TLS_CLIENT_CA, fault);
        if (!content)
            return false;
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        SSL_CTX_set_verify_depth(context, terms->client_depth);
    }
    is_set = set_session_context(context, terms, content);
    if (!is_set) {
        weir_tls_fault_set(fault, WEIR_TLS_ALL, true, "out of memory");
    } else if (content && !trust(context, content)) {
        weir_tls_fault_set(fault, WEIR_TLS_CLIENT_CA, true,
                           "`%s` holds no certificates that can be read; write those of the CAs in "
                           "PEM",
                           terms->client_ca);
        is_set = false;
    }
    BIO_free(content);
    return is_set;
}

static void set_sessions(SSL_CTX *context, const struct weir_tls_terms *terms)
{
    /* Tickets alone: what a worker would keep by itself, the others would not find. */
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    if (terms->session_ms == 0) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        return;
    }
    SSL_CTX_set_timeout(context, (long)((terms->session_ms + 999) / 1000));
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
}

static bool set_up(struct weir_tls_front *front, const struct weir_tls_terms *terms,
                   struct weir_tls_fault *fault)
{
    SSL_CTX *context = front->context;

    if (!add_groups(front)) {
        weir_tls_fault_set(fault, WEIR_TLS_ALL, false, "out of memory");
        return false;
    }
    /* A chain is what its file says: it is not made up from the CAs of clients. */
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    if (!set_versions(context, terms, fault) || !set_clients(context, terms, fault) ||
        !show_first(front, fault))
        return false;
    set_sessions(context, terms);
    SSL_CTX_set_tlsext_servername_callback(context, on_name);
    SSL_CTX_set_cert_cb(context, on_certificate, NULL);
    SSL_CTX_set_alpn_select_cb(context, on_protocols, NULL);
    front->refuses_unknown = terms->refuses_unknown;
    front->session_ms = terms->session_ms;
    ERR_clear_error();
    return true;
}

static void destroy(struct weir_tls_front *front)
{
    struct group *group, *following;

    /* The analyzer takes the table that HASH_DEL frees with its last element for the element. */
    /* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
    HASH_ITER(hh, front->groups, group, following) {
        HASH_DEL(front->groups, group);
        free(group->name);
        free(group);
    }
    /* NOLINTEND(clang-analyzer-unix.Malloc) */
    for (size_t i = 0; i < front->n; i++)
        weir_tls_certificate_destroy(front->certificates[i]);
    free(front->certificates);
    free(front);
}

static void on_context_freed(void *parent, void *front, CRYPTO_EX_DATA *data, int index, long argl,
                             void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    weir_tls_pass_order();
    if (front)
        destroy(front);
}

static pthread_once_t front_index_once = PTHREAD_ONCE_INIT;

static void make_index(void)
{
    front_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, on_context_freed);
}

struct weir_tls_front *weir_tls_front_create(const struct weir_tls_terms *terms,
                                             struct weir_tls_certificate *const *certificates,
                                             size_t n, struct weir_tls_fault *fault)
{
    struct weir_tls_front *front = calloc(1, sizeof(*front));
    struct weir_tls_certificate **own = calloc(n, sizeof(*own));
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());

    pthread_once(&front_index_once, make_index);
    fault->index = 0;
    if (!front || !own || !context || front_index < 0) {
        weir_tls_fault_set(fault, WEIR_TLS_ALL, true, "out of memory");
        for (size_t i = 0; i < n; i++)
            weir_tls_certificate_destroy(certificates[i]);
        SSL_CTX_free(context);
        free(own);
        free(front);
        return NULL;
    }
    memcpy(own, certificates, n * sizeof(struct weir_tls_certificate *));
    front->certificates = own;
    front->n = n;
    front->context = context;
    if (SSL_CTX_set_ex_data(context, front_index, front) != 1) {
        weir_tls_fault_set(fault, WEIR_TLS_ALL, true, "out of memory");
        destroy(front);
        SSL_CTX_free(context);
        return NULL;
    }
    if (set_up(front, terms, fault))
        return front;
    SSL_CTX_free(context);
    return NULL;
}

void weir_tls_front_unref(struct weir_tls_front *front)
{
    SSL_CTX *context = front ? front->context : NULL;

    weir_tls_pass_order();
    SSL_CTX_free(context);
}

void weir_tls_front_use_tickets(struct weir_tls_front *front, struct weir_tls_tickets *tickets)
{
    if (!front->tickets)
        front->tickets = tickets;
}

SSL_CTX *weir_tls_front_context(const struct weir_tls_front *front)
{
    return front->context;
}

size_t weir_tls_front_n(const struct weir_tls_front *front)
{
    return front->n;
}

const struct weir_tls_certificate *weir_tls_front_certificate(const struct weir_tls_front *front,
                                                              size_t index)
{
    return front->certificates[index];
}

time_t weir_tls_front_not_after(const struct weir_tls_front *front)
{
    time_t first = front->certificates[0]->not_after;

    for (size_t i = 1; i < front->n; i++) {
        if (front->certificates[i]->not_after < first)
            first = front->certificates[i]->not_after;
    }
    return first;
}
