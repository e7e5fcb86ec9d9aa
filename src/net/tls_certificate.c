#include "weir/net/tls_certificate.h"

#include "weir/net/address.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void weir_tls_fault_set(struct weir_tls_fault *fault, enum weir_tls_part part, bool with_reason,
                        const char *format, ...)
{
    unsigned long error = ERR_peek_error();
    const char *reason = with_reason && error ? ERR_reason_error_string(error) : NULL;
    va_list values;

    fault->part = part;
    va_start(values, format);
    int len = vsnprintf(fault->text, sizeof(fault->text), format, values);
    va_end(values);
    if (reason && len >= 0 && (size_t)len < sizeof(fault->text))
        snprintf(fault->text + len, sizeof(fault->text) - (size_t)len, " (%s)", reason);
    ERR_clear_error();
}

/* Opens a plain file, without waiting for one that is none. Fails: -1, and errno. */
static int open_plain(const char *path)
{
    struct stat status = {.st_mode = 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return -1;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode))
        return fd;
    close(fd);
    errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
    return -1;
}

static bool copy_file(int fd, BIO *content)
{
    char part[16384];
    size_t total = 0;
    ssize_t n;

    while ((n = read(fd, part, sizeof(part))) > 0) {
        total += (size_t)n;
        if (total > WEIR_TLS_FILE_BYTES_MAX) {
            errno = EFBIG;
            return false;
        }
        if (BIO_write(content, part, (int)n) != (int)n) {
            errno = ENOMEM;
            return false;
        }
    }
    OPENSSL_cleanse(part, sizeof(part));
    return n == 0;
}

BIO *weir_tls_file_read(const char *path, enum weir_tls_part part, struct weir_tls_fault *fault)
{
    int fd = open_plain(path);
    BIO *content = fd >= 0 ? BIO_new(BIO_s_secmem()) : NULL;
    bool is_done = content && copy_file(fd, content);

    if (!is_done) {
        weir_tls_fault_set(fault, part, false,
                           "`%s` cannot be read: %s; give the path of a PEM file", path,
                           strerror(errno));
        BIO_free(content);
        content = NULL;
    }
    if (fd >= 0)
        close(fd);
    return content;
}

/* The first certificate is the server's own, those behind it lead to who is trusted. */
static bool read_chain(struct weir_tls_certificate *certificate, BIO *content)
{
    X509 *issuer;

    certificate->own = PEM_read_bio_X509_AUX(content, NULL, NULL, NULL);
    certificate->chain = sk_X509_new_null();
    if (!certificate->own || !certificate->chain)
        return false;
    while ((issuer = PEM_read_bio_X509(content, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(certificate->chain, issuer) == 0) {
            X509_free(issuer);
            return false;
        }
    }
    /* Nothing but the end of the file ends the chain in order. */
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

/* Asked for a passphrase, weir has none. */
/* NOLINTNEXTLINE(readability-non-const-parameter): OpenSSL's signature */
static int refuse_passphrase(char *text, int size, int is_written, void *was_asked)
{
    (void)text;
    (void)size;
    (void)is_written;
    *(bool *)was_asked = true;
    return -1;
}

static EVP_PKEY *read_key(const char *path, struct weir_tls_fault *fault)
{
    BIO *content = weir_tls_file_read(path, WEIR_TLS_KEY, fault);
    bool was_asked = false;
    EVP_PKEY *key;

    if (!content)
        return NULL;
    key = PEM_read_bio_PrivateKey(content, NULL, refuse_passphrase, &was_asked);
    BIO_free(content);
    if (key)
        return key;
    if (was_asked)
        weir_tls_fault_set(
            fault, WEIR_TLS_KEY, false,
            "`%s` is encrypted, and weir has nobody to ask for its passphrase; write "
            "the key without one, readable to weir alone",
            path);
    else
        weir_tls_fault_set(fault, WEIR_TLS_KEY, true,
                           "`%s` holds no private key that can be read; write one in PEM", path);
    return NULL;
}

bool weir_tls_key_check(const char *path, struct weir_tls_fault *fault)
{
    EVP_PKEY *key;

    ERR_clear_error();
    key = read_key(path, fault);
    EVP_PKEY_free(key);
    return key != NULL;
}

/* ---- Names ---- */

/* A host name, or `*.` and one, in lower case. */
static bool normalise(const unsigned char *data, size_t len, char name[WEIR_TLS_NAME_MAX + 1])
{
    struct weir_address address;

    if (len > 0 && data[len - 1] == '.')
        len--;
    if (len == 0 || len > WEIR_TLS_NAME_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = data[i];
        bool is_star = c == '*' && i == 0 && len > 2 && data[1] == '.';
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c - 'A' + 'a');
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("-._", c) && !is_star)
            return false;
        name[i] = (char)c;
    }
    name[len] = '\0';
    return !weir_address_from_literal(name, &address);
}

static bool add_name(struct weir_tls_certificate *certificate, const ASN1_STRING *text)
{
    char name[WEIR_TLS_NAME_MAX + 1], **names;
    int len = ASN1_STRING_length(text);

    if (len <= 0 || memchr(ASN1_STRING_get0_data(text), '\0', (size_t)len) ||
        !normalise(ASN1_STRING_get0_data(text), (size_t)len, name))
        return true;
    names = realloc(certificate->names, (certificate->n_names + 1) * sizeof(*names));
    if (!names)
        return false;
    certificate->names = names;
    names[certificate->n_names] = strdup(name);
    if (!names[certificate->n_names])
        return false;
    certificate->n_names++;
    return true;
}

static bool add_common_name(struct weir_tls_certificate *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate->own);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

    return at < 0 ||
           add_name(certificate, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

/* RFC 6125 section 6.4.4: the common name counts only where there are no alternative names. */
static bool add_names(struct weir_tls_certificate *certificate)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(certificate->own, NID_subject_alt_name, NULL, NULL);
    bool is_done = true;

    if (!all)
        return add_common_name(certificate);
    for (int i = 0; is_done && i < sk_GENERAL_NAME_num(all); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        if (name->type == GEN_DNS)
            is_done = add_name(certificate, name->d.dNSName);
    }
    GENERAL_NAMES_free(all);
    return is_done;
}

static bool read_facts(struct weir_tls_certificate *certificate)
{
    struct tm not_after;

    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate->own), &not_after) != 1)
        return false;
    certificate->not_after = timegm(&not_after);
    certificate->kind = EVP_PKEY_get_base_id(certificate->key);
    return add_names(certificate);
}

static bool load(struct weir_tls_certificate *certificate, const char *path, const char *key_path,
                 struct weir_tls_fault *fault)
{
    BIO *content = weir_tls_file_read(path, WEIR_TLS_CERTIFICATE, fault);
    bool is_read = content && read_chain(certificate, content);

    BIO_free(content);
    if (!content)
        return false;
    if (!is_read) {
        weir_tls_fault_set(fault, WEIR_TLS_CERTIFICATE, true,
                           "`%s` holds no certificate that can be read; write the server's own and "
                           "then its issuers' in PEM",
                           path);
        return false;
    }
    certificate->key = read_key(key_path, fault);
    if (!certificate->key)
        return false;
    if (X509_check_private_key(certificate->own, certificate->key) != 1) {
        weir_tls_fault_set(fault, WEIR_TLS_KEY, false,
                           "`%s` is not the key of the certificate in `%s`; give the one that it "
                           "was made with",
                           key_path, path);
        return false;
    }
    if (!read_facts(certificate)) {
        weir_tls_fault_set(fault, WEIR_TLS_CERTIFICATE, true, "`%s` cannot be understood", path);
        return false;
    }
    return true;
}

struct weir_tls_certificate *weir_tls_certificate_load(const char *path, const char *key_path,
                                                       struct weir_tls_fault *fault)
{
    struct weir_tls_certificate *certificate = calloc(1, sizeof(*certificate));

    ERR_clear_error();
    if (!certificate) {
        weir_tls_fault_set(fault, WEIR_TLS_ALL, false, "out of memory");
        return NULL;
    }
    if (load(certificate, path, key_path, fault)) {
        ERR_clear_error();
        return certificate;
    }
    weir_tls_certificate_destroy(certificate);
    return NULL;
}

void weir_tls_certificate_destroy(struct weir_tls_certificate *certificate)
{
    if (!certificate)
        return;
    X509_free(certificate->own);
    sk_X509_pop_free(certificate->chain, X509_free);
    EVP_PKEY_free(certificate->key);
    for (size_t i = 0; i < certificate->n_names; i++)
        free(certificate->names[i]);
    free(certificate->names);
    free(certificate);
}
