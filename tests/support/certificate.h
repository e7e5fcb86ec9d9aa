/* Certificates made for a test: self-signed, or signed by one that was made before. */
#ifndef WEIR_TEST_CERTIFICATE_H
#define WEIR_TEST_CERTIFICATE_H

#include <stdbool.h>

struct certificate_wish {
    const char *names;       /* of the alternative names: "DNS:a.test,DNS:*.b.test"; NULL: none */
    const char *common_name; /* NULL: "test" */
    const char *country;     /* further parts of the subject; NULL: none */
    bool is_rsa;             /* else its key is of P-256 */
    bool is_ca;
    const char *signer;     /* the NAME of one in the same directory; NULL: itself */
    const char *passphrase; /* of the key; NULL: it is not encrypted */
    long valid_s;           /* from now on, may be negative; 0: 90 days */
};

/* Writes DIRECTORY/NAME.pem (the certificate and its signers', but for the root), NAME.key and
 * NAME.both. Aborts when that can't be done. */
void certificate_write(const char *directory, const char *name,
                       const struct certificate_wish *wish);

#endif
