/* Certificates are read with the configuration, and each fault of theirs is told with its place. */
#include "support/certificate.h"
#include "unit/support/config_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory with two certificates, and a file `weir.yaml` that is said to lie in it. */
struct place {
    char directory[64];
    char source[96];
};

static void init(struct place *place)
{
    strcpy(place->directory, "/tmp/weir-config-tls-XXXXXX");
    cr_assert_not_null(mkdtemp(place->directory));
    snprintf(place->source, sizeof(place->source), "%s/weir.yaml", place->directory);
    certificate_write(place->directory, "a", &(struct certificate_wish){.names = "DNS:a.test"});
    certificate_write(place->directory, "b", &(struct certificate_wish){.names = "DNS:b.test"});
}

static void write_file(const struct place *place, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", place->directory, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

/* Loads a listener with TLS; what comes back of the errors begins behind the file's name. */
static struct weir_config *load(const struct place *place, const char *tls, char **errors)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(errors, &len);

    cr_assert_geq(asprintf(&text, "listeners: {w: {listen: \":80\", tls: %s}}\n", tls), 0);
    struct weir_config *config = weir_config_load_text(place->source, text, strlen(text), out);
    fclose(out);
    free(text);
    return config;
}

static void expect_fault(const struct place *place, const char *tls, const char *expected)
{
    char *errors, *whole = NULL;

    cr_expect_null(load(place, tls, &errors));
    cr_assert_geq(asprintf(&whole, "%s:%s", place->source, expected), 0);
    cr_expect(strncmp(errors, whole, strlen(whole)) == 0, "%s\nbut: %s", whole, errors);
    cr_expect(strchr(errors, '\n') && !strchr(errors, '\n')[1], "one line: %s", errors);
    free(whole);
    free(errors);
}

Test(config_tls, paths_begin_where_the_configuration_lies)
{
    struct place place;
    char *errors;

    init(&place);
    struct weir_config *config = load(
        &place, "{certificates: [{certificate: a.pem, key: a.key}, {certificate: b.both}]}",
        &errors);
    cr_expect_not_null(config, "%s", errors);
    cr_expect_not_null(config->listeners[0].front);
    cr_expect_eq(weir_tls_front_n(config->listeners[0].front), 2);
    weir_config_unref(config);
    free(errors);
}

Test(config_tls, each_fault_has_its_place)
{
    struct place place;

    init(&place);
    write_file(&place, "none.pem", "nothing of the kind\n");
    certificate_write(place.directory, "sealed",
                      &(struct certificate_wish){.names = "DNS:c.test", .passphrase = "secret"});
    expect_fault(&place, "{}", "1:37: listeners.w.tls: has no `certificates`; ");
    expect_fault(&place, "{certificates: []}", "1:37: listeners.w.tls: has no `certificates`; ");
    expect_fault(&place, "{certificates: [{key: a.key}]}",
                 "1:53: listeners.w.tls.certificates[0]: `certificate` is missing; ");
    expect_fault(&place, "{certificates: [{certificate: no.pem, key: a.key}]}",
                 "1:67: listeners.w.tls.certificates[0].certificate: `");
    expect_fault(&place, "{certificates: [{certificate: a.pem, key: no.key}]}",
                 "1:79: listeners.w.tls.certificates[0].key: `");
    expect_fault(&place, "{certificates: [{certificate: a.pem, key: b.key}]}",
                 "1:79: listeners.w.tls.certificates[0].key: `");
    expect_fault(&place, "{certificates: [{certificate: none.pem, key: b.key}]}",
                 "1:67: listeners.w.tls.certificates[0].certificate: `");
    expect_fault(&place, "{certificates: [{certificate: ., key: b.key}]}",
                 "1:67: listeners.w.tls.certificates[0].certificate: `");
    expect_fault(&place, "{certificates: [{certificate: a.pem}]}",
                 "1:53: listeners.w.tls.certificates[0].key: `");
    expect_fault(&place, "{certificates: [{certificate: sealed.pem, key: sealed.key}]}",
                 "1:84: listeners.w.tls.certificates[0].key: `");
    expect_fault(&place, "{certificates: [{certificate: b.both}], ciphers: NONE-SUCH}",
                 "1:86: listeners.w.tls.ciphers: `NONE-SUCH` has no cipher");
    expect_fault(&place, "{certificates: [{certificate: b.both}], client_ca: none.pem}",
                 "1:88: listeners.w.tls.client_ca: `");
    expect_fault(&place, "{certificates: [{certificate: b.both}], min_version: \"1.1\"}",
                 "1:90: listeners.w.tls.min_version: `1.1` ");
}

Test(config_tls, every_fault_is_told)
{
    struct place place;
    char *errors;

    init(&place);
    cr_expect_null(load(&place,
                        "{certificates: [{certificate: a.pem, key: b.key}, {certificate: a.pem, "
                        "key: a.key}, {certificate: no, key: neither}]}",
                        &errors));
    cr_expect_not_null(strstr(errors, "certificates[0].key: `"));
    cr_expect_null(strstr(errors, "certificates[1]"));
    cr_expect_not_null(strstr(errors, "certificates[2].certificate: `"));
    cr_expect_not_null(strstr(errors, "certificates[2].key: `"));
    free(errors);
}

Test(config_tls, what_was_loaded_prints_and_reads_back)
{
    struct place place;
    char *errors;

    init(&place);
    struct weir_config *config = load(&place,
                                      "{certificates: [{certificate: a.pem, key: a.key}], "
                                      "min_version: 1.3, unknown_name: refuse, sessions: off}",
                                      &errors);
    cr_assert_not_null(config, "%s", errors);
    char *printed = config_text_print(config);
    cr_expect_not_null(strstr(printed, "      min_version: 1.3\n"));
    cr_expect_not_null(strstr(printed, "      unknown_name: refuse\n"));
    cr_expect_not_null(strstr(printed, "      sessions: off\n") ||
                       strstr(printed, "sessions: 0\n"));
    free(errors);
    FILE *out = open_memstream(&errors, &(size_t){0});
    struct weir_config *again = weir_config_load_text(place.source, printed, strlen(printed), out);
    fclose(out);
    cr_expect_not_null(again, "%s", errors);
    char *reprinted = config_text_print(again);
    cr_expect_str_eq(printed, reprinted);
    free(printed);
    free(reprinted);
    free(errors);
    weir_config_unref(config);
    weir_config_unref(again);
}
