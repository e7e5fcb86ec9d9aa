/* A small HTTP client for the admin endpoint: one request, one answer, then the connection ends.
 * Blocks, but never for longer than it is told. */
#ifndef WEIR_CLI_HTTP_CLIENT_H
#define WEIR_CLI_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

enum { WEIR_FAULT_MAX = 512 };

struct weir_ask {
    const char *admin;  /* an ADDR */
    const char *method; /* GET or POST */
    const char *target;
    const char *token; /* NULL: none is shown */
    bool is_patient;   /* the answer may take as long as it likes to begin */
};

struct weir_told {
    unsigned status;
    bool is_misasked; /* ADMIN is no address: wrong usage */
    char *body;       /* ends with NUL */
    size_t len;
    char *memory; /* that the body is in */
};

/* Fails: false, FAULT is a line for people, and there is nothing to free; told->is_misasked says
 * whose fault it is. */
bool weir_http_ask(const struct weir_ask *ask, struct weir_told *told, char fault[WEIR_FAULT_MAX]);
void weir_told_fini(struct weir_told *told);

#endif
