#include "support/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATH = 512, DAY_S = 86400, DAYS = 90 };

static void need(bool is_true, const char *what)
{
    if (is_true)
        return;
    fprintf(stderr, "certificate: %s\n", what);
    ERR_print_errors_fp(stderr);
    abort();
}

static FILE *open_file(const char *directory, const char *name, const char *ending,
                       const char *mode)
{
    char path[PATH];

    snprintf(path, sizeof(path), "%s/%s.%s", directory, name, ending);
    FILE *file = fopen(path, mode);
    need(file != NULL, path);
    return file;
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    need(extension && X509_add_ext(certificate, extension, -1) == 1, value);
    X509_EXTENSION_free(extension);
}

static void add_part(X509_NAME *name, const char *part, const char *value)
{
    if (value)
        need(X509_NAME_add_entry_by_txt(name, part, MBSTRING_UTF8, (const unsigned char *)value, -1,
                                        -1, 0) == 1,
             value);
}

/* What differs from those of other makings, so that a test can tell them apart. */
static void set_serial(X509 *certificate)
{
    unsigned char bytes[8];

    RAND_bytes(bytes, sizeof(bytes));
    BIGNUM *number = BN_bin2bn(bytes, sizeof(bytes), NULL);
    BN_clear_bit(number, 63);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
}

static X509 *make(const struct certificate_wish *wish, EVP_PKEY *key, X509 *signer,
                  EVP_PKEY *signer_key)
{
    X509 *certificate = X509_new();
    long valid_s = wish->valid_s ? wish->valid_s : (long)DAYS * DAY_S;

    X509_set_version(certificate, X509_VERSION_3);
    set_serial(certificate);
    X509_gmtime_adj(X509_getm_notBefore(certificate), valid_s < 0 ? valid_s - DAY_S : -DAY_S);
    X509_gmtime_adj(X509_getm_notAfter(certificate), valid_s);
    X509_set_pubkey(certificate, key);
    X509_NAME *subject = X509_get_subject_name(certificate);
    add_part(subject, "C", wish->country);
    add_part(subject, "CN", wish->common_name ? wish->common_name : "test");
    X509_set_issuer_name(certificate, X509_get_subject_name(signer ? signer : certificate));
    add_extension(certificate, signer ? signer : certificate, NID_basic_constraints,
                  wish->is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (wish->names)
        add_extension(certificate, signer ? signer : certificate, NID_subject_alt_name,
                      wish->names);
    need(X509_sign(certificate, signer_key, EVP_sha256()) > 0, "cannot sign");
    return certificate;
}

/* The certificates of FROM, behind what is in TO. */
static void append_file(const char *directory, const char *from, const char *ending, FILE *to)
{
    FILE *file = open_file(directory, from, ending, "r");
    char line[128];

    while (fgets(line, sizeof(line), file))
        fputs(line, to);
    fclose(file);
}

void certificate_write(const char *directory, const char *name, const struct certificate_wish *wish)
{
    EVP_PKEY *key = wish->is_rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    EVP_PKEY *signer_key = NULL;
    X509 *signer = NULL;

    if (wish->signer) {
        FILE *file = open_file(directory, wish->signer, "pem", "r");
        signer = PEM_read_X509(file, NULL, NULL, NULL);
        fclose(file);
        file = open_file(directory, wish->signer, "key", "r");
        signer_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
        fclose(file);
        need(signer && signer_key, wish->signer);
    }
    X509 *certificate = make(wish, key, signer, signer ? signer_key : key);
    FILE *out = open_file(directory, name, "pem", "w");
    PEM_write_X509(out, certificate);
    if (signer && X509_self_signed(signer, 0) != 1)
        append_file(directory, wish->signer, "pem", out);
    fclose(out);
    out = open_file(directory, name, "key", "w");
    PEM_write_PrivateKey(out, key, wish->passphrase ? EVP_aes_128_cbc() : NULL, NULL, 0, NULL,
                         (void *)(uintptr_t)wish->passphrase);
    fclose(out);
    out = open_file(directory, name, "both", "w");
    append_file(directory, name, "key", out);
    append_file(directory, name, "pem", out);
    fclose(out);
    X509_free(certificate);
    X509_free(signer);
    EVP_PKEY_free(key);
    EVP_PKEY_free(signer_key);
}
