/* Certificates made for the test, through OpenSSL. */
#define T_HARNESS
#include "t_tls_origin.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { DAY = 86400 };

/* Who signs. */
struct authority {
    EVP_PKEY *key;
    X509 *own;
};

static struct authority trusted, stranger;

static EVP_PKEY *make_key(void)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key)
        t_fail("no key");
    return key;
}

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    if (!extension || X509_add_ext(certificate, extension, -1) != 1)
        t_fail("no extension %s", value);
    X509_EXTENSION_free(extension);
}

static X509 *begin(const char *common_name, EVP_PKEY *key, const X509 *issuer, long from, long to)
{
    static long serial;
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name, -1, -1,
                               0);
    X509_set_issuer_name(certificate, issuer ? X509_get_subject_name(issuer) : name);
    X509_set_pubkey(certificate, key);
    return certificate;
}

static void sign(X509 *certificate, EVP_PKEY *key)
{
    if (X509_sign(certificate, key, EVP_sha256()) == 0)
        t_fail("cannot sign a certificate");
}

static struct authority *get(struct authority *authority, const char *name)
{
    if (authority->own)
        return authority;
    authority->key = make_key();
    authority->own = begin(name, authority->key, NULL, -DAY, 10 * DAY);
    extend(authority->own, NID_basic_constraints, "critical,CA:TRUE");
    extend(authority->own, NID_key_usage, "critical,keyCertSign,cRLSign");
    sign(authority->own, authority->key);
    return authority;
}

static void write_certificate(const char *name, X509 *certificate)
{
    FILE *file = fopen(t_path(t_text("%s.pem", name)), "w");
    if (!file || PEM_write_X509(file, certificate) != 1 || fclose(file) != 0)
        t_fail("cannot write %s.pem", name);
}

void(t_ca_write)(void)
{
    write_certificate("ca", get(&trusted, "the test's CA")->own);
}

void t_certificate_write(const char *name, const struct t_certificate *certificate)
{
    static const struct t_certificate plain;
    const struct t_certificate *wanted = certificate ? certificate : &plain;
    struct authority *signer = wanted->is_by_stranger ? get(&stranger, "another CA")
                                                      : get(&trusted, "the test's CA");
    EVP_PKEY *key = make_key();
    X509 *own = begin(wanted->common_name ? wanted->common_name : "t", key,
                      wanted->is_self_signed ? NULL : signer->own,
                      wanted->is_expired ? -2 * DAY : -DAY, wanted->is_expired ? -DAY : 10 * DAY);
    if (!wanted->has_no_names)
        extend(own, NID_subject_alt_name,
               wanted->names ? wanted->names : "IP:127.0.0.1,DNS:origin.test");
    sign(own, wanted->is_self_signed ? key : signer->key);
    write_certificate(name, own);
    FILE *file = fopen(t_path(t_text("%s.key", name)), "w");
    if (!file || PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        fclose(file) != 0)
        t_fail("cannot write %s.key", name);
    X509_free(own);
    EVP_PKEY_free(key);
}
