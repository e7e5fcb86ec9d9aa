#include "weir/net/tls_dialer.h"

#include "weir/net/address.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGEST_BYTES = 32 }; /* of SHA-256 */

struct weir_tls_dialer {
    atomic_uint references;
    SSL_CTX *context;
    bool verifies;
    char identity[2 * DIGEST_BYTES + 1];
};

/* Takes CERTIFICATE into DIGEST. */
static bool digest_certificate(EVP_MD_CTX *digest, const X509 *certificate)
{
    unsigned char own[EVP_MAX_MD_SIZE];
    unsigned len;

    return X509_digest(certificate, EVP_sha256(), own, &len) == 1 &&
           EVP_DigestUpdate(digest, own, len) == 1;
}

/* Fails: -1; 0 where the file has no certificate, but nothing that can't be read either. */
static int trust_all(X509_STORE *store, BIO *content, EVP_MD_CTX *digest)
{
    X509 *certificate;
    bool is_done = true;
    int n = 0;

    for (; is_done; n++) {
        certificate = PEM_read_bio_X509_AUX(content, NULL, NULL, NULL);
        if (!certificate)
            break;
        is_done = X509_STORE_add_cert(store, certificate) == 1 &&
                  digest_certificate(digest, certificate);
        X509_free(certificate);
    }
    /* Nothing but the end of the file ends it in order. */
    if (is_done && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE)
        return n;
    return -1;
}

static bool trust_file(SSL_CTX *context, const char *path, EVP_MD_CTX *digest,
                       struct weir_tls_fault *fault)
{
    BIO *content = weir_tls_file_read(path, WEIR_TLS_CLIENT_CA, fault);
    int n;

    if (!content)
        return false;
    n = trust_all(SSL_CTX_get_cert_store(context), content, digest);
    BIO_free(content);
    if (n <= 0) {
        weir_tls_fault_set(fault, WEIR_TLS_CLIENT_CA, n < 0,
                           "`%s` holds %s; write the certificates to be trusted in PEM", path,
                           n < 0 ? "a certificate that cannot be read" : "no certificate");
        return false;
    }
    /* Whoever is listed is trusted, be it an issuer that others have signed. */
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
    ERR_clear_error();
    return true;
}

static bool show_certificate(SSL_CTX *context, const struct weir_tls_dialer_order *order,
                             EVP_MD_CTX *digest, struct weir_tls_fault *fault)
{
    struct weir_tls_certificate *own;
    bool is_done;

    own = weir_tls_certificate_load(order->certificate, order->key, fault);
    if (!own)
        return false;
    is_done = SSL_CTX_use_cert_and_key(context, own->own, own->key, own->chain, 1) == 1 &&
              digest_certificate(digest, own->own);
    for (int i = 0; is_done && i < sk_X509_num(own->chain); i++)
        is_done = digest_certificate(digest, sk_X509_value(own->chain, i));
    weir_tls_certificate_destroy(own);
    if (!is_done)
        weir_tls_fault_set(fault, WEIR_TLS_CERTIFICATE, true, "`%s` cannot be used",
                           order->certificate);
    return is_done;
}

/* The connection goes on reading its own, whoever comes to have the one that is kept. */
static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct weir_tls_sessions *sessions = SSL_get_app_data(ssl);
    SSL_SESSION *copy = sessions ? SSL_SESSION_dup(session) : NULL;

    if (copy)
        weir_tls_sessions_give(sessions, copy);
    return 0;
}

static bool prepare(SSL_CTX *context)
{
    static const unsigned char http11[] = "\x08http/1.1";

    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_new_session);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_alpn_protos(context, http11, sizeof(http11) - 1) == 0;
}

/* What the order says comes into the context and into DIGEST. Fails: false, and *fault. */
static bool fill(struct weir_tls_dialer *dialer, const struct weir_tls_dialer_order *order,
                 EVP_MD_CTX *digest, struct weir_tls_fault *fault)
{
    SSL_CTX *context = dialer->context;
    const char *kind = !order->verify ? "any" : order->ca_file ? "file" : "system";

    weir_tls_fault_set(fault, WEIR_TLS_ALL, false, "out of memory");
    if (EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1 || !prepare(context) ||
        EVP_DigestUpdate(digest, kind, strlen(kind)) != 1)
        return false;
    /* A file that is not needed is read all the same: it may be misspelt. */
    if (order->ca_file && !trust_file(context, order->ca_file, digest, fault))
        return false;
    if (order->verify && !order->ca_file && SSL_CTX_set_default_verify_paths(context) != 1)
        return false;
    SSL_CTX_set_verify(context, order->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(context),
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (EVP_DigestUpdate(digest, " shows ", strlen(" shows ")) != 1)
        return false;
    return !order->certificate || show_certificate(context, order, digest, fault);
}

static bool identify(struct weir_tls_dialer *dialer, EVP_MD_CTX *digest)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];

    if (EVP_DigestFinal_ex(digest, bytes, NULL) != 1)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        snprintf(dialer->identity + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

struct weir_tls_dialer *weir_tls_dialer_create(const struct weir_tls_dialer_order *order,
                                               struct weir_tls_fault *fault)
{
    struct weir_tls_dialer *dialer = calloc(1, sizeof(*dialer));
    EVP_MD_CTX *digest = EVP_MD_CTX_new();

    ERR_clear_error();
    weir_tls_fault_set(fault, WEIR_TLS_ALL, false, "out of memory");
    if (!dialer || !digest)
        goto fail;
    atomic_init(&dialer->references, 1);
    dialer->verifies = order->verify;
    dialer->context = SSL_CTX_new(TLS_client_method());
    if (!dialer->context || !fill(dialer, order, digest, fault) || !identify(dialer, digest))
        goto fail;
    EVP_MD_CTX_free(digest);
    ERR_clear_error();
    return dialer;
fail:
    EVP_MD_CTX_free(digest);
    weir_tls_dialer_unref(dialer);
    ERR_clear_error();
    return NULL;
}

struct weir_tls_dialer *weir_tls_dialer_ref(struct weir_tls_dialer *dialer)
{
    atomic_fetch_add(&dialer->references, 1);
    return dialer;
}

void weir_tls_dialer_unref(struct weir_tls_dialer *dialer)
{
    if (!dialer || atomic_fetch_sub(&dialer->references, 1) > 1)
        return;
    SSL_CTX_free(dialer->context);
    free(dialer);
}

const char *weir_tls_dialer_identity(const struct weir_tls_dialer *dialer)
{
    return dialer->identity;
}

bool weir_tls_dialer_verifies(const struct weir_tls_dialer *dialer)
{
    return dialer->verifies;
}

/* No SNI names an address (RFC 6066 section 3). */
static bool set_name(SSL *ssl, const char *name, bool verifies)
{
    struct weir_address address;

    if (weir_address_from_literal(name, &address))
        return !verifies || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    return SSL_set_tlsext_host_name(ssl, name) == 1 && (!verifies || SSL_set1_host(ssl, name) == 1);
}

SSL *weir_tls_dialer_dial(const struct weir_tls_dialer *dialer, const char *name,
                          struct weir_tls_sessions *sessions)
{
    SSL *ssl = SSL_new(dialer->context);
    SSL_SESSION *session;

    if (ssl && !set_name(ssl, name, dialer->verifies)) {
        SSL_free(ssl);
        ssl = NULL;
    }
    ERR_clear_error();
    if (!ssl)
        return NULL;
    SSL_set_connect_state(ssl);
    SSL_set_app_data(ssl, sessions);
    session = sessions ? weir_tls_sessions_take(sessions) : NULL;
    /* One that does not fit is no more than a handshake in full. */
    if (session)
        (void)SSL_set_session(ssl, session);
    SSL_SESSION_free(session);
    return ssl;
}
