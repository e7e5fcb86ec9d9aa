/* A certificate with its chain and key, as they lie in PEM files, and the names it stands for.
 *
 * Owned by the front that shows it (tls_front.h). Immutable once loaded. */
#ifndef WEIR_NET_TLS_CERTIFICATE_H
#define WEIR_NET_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct evp_pkey_st;
struct x509_st;
struct stack_st_X509;

/* A file of certificates or keys is no larger. */
enum { WEIR_TLS_FILE_BYTES_MAX = 1 << 20, WEIR_TLS_NAME_MAX = 255 };

/* What a fault is about: the key of the configuration that it is to be reported at. */
enum weir_tls_part {
    WEIR_TLS_CERTIFICATE,
    WEIR_TLS_KEY,
    WEIR_TLS_CIPHERS,
    WEIR_TLS_CLIENT_CA,
    WEIR_TLS_ALL
};

struct weir_tls_fault {
    enum weir_tls_part part;
    size_t index;   /* CERTIFICATE, KEY: of the certificate */
    char text[512]; /* what is wrong, and what would be right */
};

struct weir_tls_certificate {
    struct x509_st *own;
    struct stack_st_X509 *chain; /* the issuers that stand in the file behind it */
    struct evp_pkey_st *key;
    int kind;     /* of the key: clients are offered one of each */
    char **names; /* lower case; exact ones, or "*." and the rest. Those that are no host name are
                     left out */
    size_t n_names;
    time_t not_after;
};

/* Reads both files; KEY_PATH may be the same one. Blocks: on the disk.
 * Fails: NULL, and *fault. */
struct weir_tls_certificate *weir_tls_certificate_load(const char *path, const char *key_path,
                                                       struct weir_tls_fault *fault);
void weir_tls_certificate_destroy(struct weir_tls_certificate *certificate);

/* Is there a key that can be read? Blocks: on the disk. Fails: false, and *fault. */
bool weir_tls_key_check(const char *path, struct weir_tls_fault *fault);

/* Notes what is wrong with PART, and what OpenSSL has to say of it (if WITH_REASON). */
void weir_tls_fault_set(struct weir_tls_fault *fault, enum weir_tls_part part, bool with_reason,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));

struct bio_st;
/* The content of a plain file of no more than WEIR_TLS_FILE_BYTES_MAX. Blocks: on the disk.
 * Fails: NULL, and *fault about PART. */
struct bio_st *weir_tls_file_read(const char *path, enum weir_tls_part part,
                                  struct weir_tls_fault *fault);

#endif
