/* Certificates of origins: who signs them, and what is wrong with them. */
#define T_HARNESS
#include "support/certificate.h"
#include "t_tls_origin.h"

enum { DAY_S = 86400 };

/* Written once, so that all certificates of a test have the same signer. */
static void write_ca(bool *is_written, const char *name, const char *common_name)
{
    if (!*is_written)
        certificate_write(t_dir(), name,
                          &(struct certificate_wish){.is_ca = true, .common_name = common_name});
    *is_written = true;
}

void(t_ca_write)(void)
{
    static bool is_written;

    write_ca(&is_written, "ca", "the test's CA");
}

static const char *find_signer(const struct t_certificate *certificate)
{
    static bool is_written;

    if (certificate->is_self_signed)
        return NULL;
    if (certificate->is_by_stranger) {
        write_ca(&is_written, "stranger", "another CA");
        return "stranger";
    }
    (t_ca_write)();
    return "ca";
}

void(t_certificate_write)(const char *name, const struct t_certificate *certificate)
{
    static const struct t_certificate plain;
    const struct t_certificate *wanted = certificate ? certificate : &plain;
    const char *names = wanted->names ? wanted->names : "IP:127.0.0.1,DNS:origin.test";
    struct certificate_wish wish = {.names = names,
                                    .common_name = wanted->common_name,
                                    .signer = find_signer(wanted),
                                    .valid_s = wanted->is_expired ? -DAY_S : 0};

    certificate_write(t_dir(), name, &wish);
}
