/* The dashboard: files of src/control/page and dygraphs, built into the binary by cmake/page.cmake,
 * and its history. */
#ifndef WEIR_CONTROL_PAGE_H
#define WEIR_CONTROL_PAGE_H

#include "weir/control/admin.h"

/* Everything the page needs comes from where it came from; nothing else is asked for. */
#define WEIR_PAGE_FIELDS(etag)                                                                     \
    "ETag: " etag "\r\nCache-Control: no-cache\r\nX-Content-Type-Options: nosniff\r\n"             \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "           \
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "                    \
    "frame-ancestors 'none'\r\n"

struct weir_page {
    const char *path, *type, *etag;
    const char *fields; /* of an answer */
    const char *data;   /* text, without NULs */
};

/* Of the generated page_data.c; the last has no path. */
extern const struct weir_page weir_pages[];

/* Is it a request of the dashboard's? Then *answer is filled in. */
bool weir_page_route(struct weir_control *control, const struct weir_request *request,
                     const struct weir_head *head, const char *base, struct weir_answer *answer);

#endif
