#include "weir/control/page.h"
#include "weir/control/recorder.h"

#include <string.h>

/* Does an If-None-Match name what the client would get (RFC 9110 section 13.1.2)? */
static bool has_it(const struct weir_head *head, const char *base, const char *etag)
{
    struct weir_slice weak = WEIR_SLICE("W/"), list, element;

    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (!weir_slice_is_like(weir_field_name(base, &head->fields[i]), "if-none-match"))
            continue;
        list = weir_field_value(base, &head->fields[i]);
        while (weir_slice_next_element(&list, &element)) {
            if (weir_slice_has_prefix(element, weak))
                element = weir_slice_make(element.data + weak.len, element.len - weak.len);
            if (weir_slice_is(element, etag) || weir_slice_is(element, "*"))
                return true;
        }
    }
    return false;
}

/* What the query (a target's, with or without one) says of KEY. */
static bool find_parameter(struct weir_slice target, const char *key, struct weir_slice *value)
{
    const char *at = memchr(target.data, '?', target.len), *end = target.data + target.len, *next;
    size_t key_len = strlen(key);

    for (; at; at = next) {
        size_t len;
        at++;
        next = memchr(at, '&', (size_t)(end - at));
        len = (size_t)((next ? next : end) - at);
        if (len <= key_len || memcmp(at, key, key_len) != 0 || at[key_len] != '=')
            continue;
        *value = weir_slice_make(at + key_len + 1, len - key_len - 1);
        return true;
    }
    return false;
}

static struct weir_answer get_history(const struct weir_control *control,
                                      const struct weir_request *request)
{
    char pool[WEIR_ORDER_NAME_MAX];
    struct weir_slice value;
    uint64_t since = 0;
    bool is_of_pool = find_parameter(request->forward, "pool", &value), found;
    char *text;

    if (!control->recorder)
        return weir_answer_line(503, "weir is starting\n");
    if (is_of_pool && !weir_order_decode(value, pool))
        return weir_answer_line(404, "there is no such pool\n");
    if (find_parameter(request->forward, "since", &value) && !weir_slice_to_number(value, &since))
        return weir_answer_line(400, "since takes a number, `round` of an earlier answer\n");
    text = weir_history_print(weir_recorder_history(control->recorder), is_of_pool ? pool : NULL,
                              since, &found);
    if (!text)
        return found ? weir_answer_line(503, "out of memory\n")
                     : weir_answer_line(404, "there is no such pool\n");
    return (struct weir_answer){200, "application/json", "Cache-Control: no-store\r\n", text, text};
}

static struct weir_answer get_page(const struct weir_page *page, const struct weir_head *head,
                                   const char *base)
{
    unsigned status = has_it(head, base, page->etag) ? 304 : 200;

    return (struct weir_answer){status, page->type, page->fields, page->data, NULL};
}

bool weir_page_route(struct weir_control *control, const struct weir_request *request,
                     const struct weir_head *head, const char *base, struct weir_answer *answer)
{
    const struct weir_page *page = weir_pages;
    bool is_history = weir_slice_is(request->path, "/history");

    while (page->path && !weir_slice_is(request->path, page->path))
        page++;
    if (!page->path && !is_history)
        return false;
    if (request->method != WEIR_METHOD_GET && request->method != WEIR_METHOD_HEAD) {
        *answer = weir_answer_line(405, "this path takes another method, see Allow\n");
        answer->fields = "Allow: GET, HEAD\r\n";
    } else {
        *answer = is_history ? get_history(control, request) : get_page(page, head, base);
    }
    return true;
}
