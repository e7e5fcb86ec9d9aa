#include "weir/proxy/forward.h"

#include "weir/http/upgrade.h"

/* Where the I-th field's line begins; of the one after the last: where the lines end. */
static uint32_t line_at(const struct weir_head *head, uint32_t i)
{
    return i < head->n_fields ? head->fields[i].at : head->fields_end;
}

/* Lines that lie together and go on as they came go in one piece. */
static void add_lines(struct weir_gather *out, const char *base, uint32_t from, uint32_t to)
{
    if (to > from)
        weir_gather_join(out, weir_slice_make(base + from, to - from));
}

/* Is there a field that concerns this connection alone because Connection says so? */
static bool has_options(const struct weir_head *head, const char *base)
{
    return (weir_head_options(head, base) & WEIR_OPTION_OTHER) != 0;
}

static inline void add_text(struct weir_gather *out, const char *text)
{
    weir_gather_copy(out, weir_slice_from(text));
}

static void add_framing(struct weir_gather *out, struct weir_framing framing)
{
    if (framing.kind == WEIR_FRAMING_CHUNKED)
        add_text(out, "Transfer-Encoding: chunked\r\n");
    else if (framing.kind == WEIR_FRAMING_LENGTH ||
             (framing.kind == WEIR_FRAMING_NONE && framing.length != UINT64_MAX)) {
        add_text(out, "Content-Length: ");
        weir_gather_number(out, framing.length);
        add_text(out, "\r\n");
    }
}

/* Is this one of the fields by which a proxy tells whom it forwards for? */
static bool tells_forwarding(enum weir_field_id id)
{
    return id == WEIR_FIELD_FORWARDED || id == WEIR_FIELD_X_FORWARDED_FOR ||
           id == WEIR_FIELD_X_FORWARDED_HOST || id == WEIR_FIELD_X_FORWARDED_PROTO ||
           id == WEIR_FIELD_X_FORWARDED_OTHER;
}

/* Does a field of this kind reach the server as it came, seen from the forwarding fields alone? */
static bool keeps_forwarding(const struct weir_forward_request *forward, enum weir_field_id id)
{
    if (!tells_forwarding(id) || forward->forwarded == WEIR_FORWARDED_OFF)
        return true;
    if (!forward->peer_is_trusted)
        return false;
    /* These two are rewritten with one element more. */
    return !(id == WEIR_FIELD_X_FORWARDED_FOR && forward->forwarded != WEIR_FORWARDED_RFC7239) &&
           !(id == WEIR_FIELD_FORWARDED && forward->forwarded != WEIR_FORWARDED_X);
}

/* All values that came with the field, each followed by ", ", where the peer is believed. */
static void add_former(struct weir_gather *out, const struct weir_forward_request *forward,
                       enum weir_field_id id)
{
    for (uint32_t i = 0; forward->peer_is_trusted && i < forward->head->n_fields; i++) {
        const struct weir_field *field = &forward->head->fields[i];
        if (field->id != id || field->value_len == 0)
            continue;
        weir_gather_join(out, weir_field_value(forward->base, field));
        add_text(out, ", ");
    }
}

/* Does a line of this name, which weir would write, go on? */
static bool is_wanted(const struct weir_editor *editor, const char *name)
{
    return !weir_editor_drops(editor, weir_slice_from(name));
}

static void add_via(struct weir_gather *out, const struct weir_head *head,
                    const struct weir_editor *editor)
{
    if (!is_wanted(editor, "Via"))
        return;
    if (head->minor == 1) {
        add_text(out, "Via: 1.1 weir\r\n");
        return;
    }
    add_text(out, "Via: 1.");
    weir_gather_number(out, head->minor);
    add_text(out, " weir\r\n");
}

static bool has_believed(const struct weir_forward_request *forward, enum weir_field_id id)
{
    return forward->peer_is_trusted && weir_head_find(forward->head, id) != NULL;
}

static void add_x_forwarded(struct weir_gather *out, const struct weir_forward_request *forward)
{
    const struct weir_editor *editor = forward->editor;

    if (is_wanted(editor, "X-Forwarded-For")) {
        add_text(out, "X-Forwarded-For: ");
        add_former(out, forward, WEIR_FIELD_X_FORWARDED_FOR);
        weir_gather_copy(out, weir_slice_from(forward->peer_host));
        add_text(out, "\r\n");
    }
    if (!has_believed(forward, WEIR_FIELD_X_FORWARDED_PROTO) &&
        is_wanted(editor, "X-Forwarded-Proto"))
        add_text(out, forward->is_secure ? "X-Forwarded-Proto: https\r\n"
                                         : "X-Forwarded-Proto: http\r\n");
    if (!has_believed(forward, WEIR_FIELD_X_FORWARDED_HOST) &&
        forward->request->authority.len > 0 && is_wanted(editor, "X-Forwarded-Host")) {
        add_text(out, "X-Forwarded-Host: ");
        weir_gather_join(out, forward->request->authority);
        add_text(out, "\r\n");
    }
}

/* RFC 7239; an IPv6 address stands in brackets and quotes, what is no address is `unknown`
 * (section 6). */
static void add_rfc7239(struct weir_gather *out, const struct weir_forward_request *forward)
{
    const char *host = strpbrk(forward->peer_host, ".:") ? forward->peer_host : "unknown";

    if (!is_wanted(forward->editor, "Forwarded"))
        return;
    add_text(out, "Forwarded: ");
    add_former(out, forward, WEIR_FIELD_FORWARDED);
    add_text(out, strchr(host, ':') ? "for=\"[" : "for=");
    weir_gather_copy(out, weir_slice_from(host));
    add_text(out, strchr(host, ':') ? "]\"" : "");
    if (forward->request->authority.len > 0) {
        add_text(out, ";host=\"");
        weir_gather_join(out, forward->request->authority);
        add_text(out, "\"");
    }
    add_text(out, forward->is_secure ? ";proto=https\r\n" : ";proto=http\r\n");
}

static void add_host(struct weir_gather *out, const struct weir_forward_request *forward)
{
    bool is_unix = strncmp(forward->server_name, "unix:", 5) == 0;

    if (!is_wanted(forward->editor, "Host"))
        return;
    add_text(out, "Host: ");
    if (forward->request->authority.len > 0)
        weir_gather_join(out, forward->request->authority);
    else
        add_text(out, is_unix ? "localhost" : forward->server_name);
    add_text(out, "\r\n");
}

/* The request line as weir writes it, where it can't go as it came. */
static void add_request_line(struct weir_gather *out, const struct weir_forward_request *forward)
{
    weir_gather_join(out, weir_span_in(forward->base, forward->head->method));
    add_text(out, " ");
    weir_gather_join(out, forward->request->forward);
    add_text(out, " HTTP/1.1\r\n");
}

/* X-Request-Id, which is not known by its kind: it matters only to who asks for it. */
static bool is_request_id(struct weir_slice name)
{
    return weir_edit_name_has(WEIR_REQUEST_ID_FIELD, name);
}

static bool request_field_goes(const struct weir_forward_request *forward, uint32_t i)
{
    const struct weir_head *head = forward->head;
    const struct weir_field *field = &head->fields[i];
    struct weir_slice name = weir_field_name(forward->base, field);

    if (weir_editor_drops(forward->editor, name) || (forward->request_id && is_request_id(name)))
        return false;
    if (field->id == WEIR_FIELD_HOST)
        return !forward->request->has_absolute_target;
    if (field->id == WEIR_FIELD_EXPECT && head->minor == 0)
        return false; /* RFC 9110 section 10.1.1: not from an HTTP/1.0 client */
    if (field->id == WEIR_FIELD_TRAILER && forward->request->framing.kind != WEIR_FRAMING_CHUNKED)
        return false;
    return keeps_forwarding(forward, field->id) &&
           weir_field_is_forwarded(head, forward->base, field, forward->request->has_options);
}

/* Kinds of which every field goes on, whatever its name: a bit each, as in weir_head.kinds. */
static uint64_t kinds_that_go(bool has_options, const struct weir_editor *editor)
{
    const uint64_t known = 1u << WEIR_FIELD_VIA | 1u << WEIR_FIELD_IDEMPOTENCY_KEY;

    if (editor && editor->edits)
        return 0;
    return known | (has_options ? 0 : 1u << WEIR_FIELD_OTHER);
}

/* The head's lines as they came, but for those that do not go on. FROM: where the first begins. */
static void add_request_lines(struct weir_gather *out, const struct weir_forward_request *forward,
                              uint32_t from)
{
    const struct weir_head *head = forward->head;
    uint64_t going = forward->request_id
                         ? 0
                         : kinds_that_go(forward->request->has_options, forward->editor);

    if (going != 0 && !forward->request->has_absolute_target)
        going |= 1u << WEIR_FIELD_HOST;
    for (uint32_t i = 0; (head->kinds & ~going) != 0 && i < head->n_fields; i++) {
        if ((going >> head->fields[i].id & 1) != 0 || request_field_goes(forward, i))
            continue;
        add_lines(out, forward->base, from, head->fields[i].at);
        from = line_at(head, i + 1);
    }
    add_lines(out, forward->base, from, head->fields_end);
}

/* The protocols of this head that may go on, and the option without which they mean nothing. */
static void add_upgrade(struct weir_gather *out, const struct weir_head *head, const char *base)
{
    struct weir_protocols protocols = weir_protocols_of(head, base);
    struct weir_slice protocol;
    const char *before = "Connection: upgrade\r\nUpgrade: ";

    for (; weir_protocols_next(&protocols, &protocol); before = ", ") {
        add_text(out, before);
        weir_gather_join(out, protocol);
    }
    add_text(out, "\r\n");
}

void weir_forward_request(struct weir_gather *out, const struct weir_forward_request *forward)
{
    const struct weir_head *head = forward->head;
    struct weir_framing framing = forward->request->framing;
    bool has_host = !forward->request->has_absolute_target && weir_head_has(head, WEIR_FIELD_HOST);
    uint32_t from = head->start;

    if (!has_host || head->minor != 1) {
        add_request_line(out, forward);
        from = line_at(head, 0);
    }
    if (!has_host)
        add_host(out, forward);
    add_request_lines(out, forward, from);
    if (framing.kind == WEIR_FRAMING_NONE)
        framing.length = UINT64_MAX;
    add_framing(out, framing);
    if (forward->request->asks_upgrade)
        add_upgrade(out, head, forward->base);
    if (forward->forwarded == WEIR_FORWARDED_X || forward->forwarded == WEIR_FORWARDED_BOTH)
        add_x_forwarded(out, forward);
    if (forward->forwarded == WEIR_FORWARDED_RFC7239 || forward->forwarded == WEIR_FORWARDED_BOTH)
        add_rfc7239(out, forward);
    add_via(out, head, forward->editor);
    if (forward->request_id && is_wanted(forward->editor, WEIR_REQUEST_ID_FIELD)) {
        add_text(out, WEIR_REQUEST_ID_FIELD ": ");
        weir_gather_copy(out, weir_slice_from(forward->request_id));
        add_text(out, "\r\n");
    }
    weir_editor_add(forward->editor, out);
    add_text(out, "\r\n");
}

/* The status line, where it can't go as it came. */
static void add_status_line(struct weir_gather *out, const struct weir_head *head, const char *base)
{
    add_text(out, "HTTP/1.1 ");
    weir_gather_number(out, head->status);
    add_text(out, " ");
    weir_gather_join(out, weir_span_in(base, head->reason));
    add_text(out, "\r\n");
}

/* The status line, and the lines that go on, as they came. */
static void add_response_lines(struct weir_gather *out, const struct weir_head *head,
                               const char *base, bool has_options, bool has_trailers,
                               const struct weir_editor *editor)
{
    bool is_whole = base[head->reason.at - 1] == ' ';
    uint64_t going = kinds_that_go(has_options, editor);
    uint32_t from = head->start;

    if (head->minor != 1 || !is_whole) {
        add_status_line(out, head, base);
        from = line_at(head, 0);
    }
    for (uint32_t i = 0; (head->kinds & ~going) != 0 && i < head->n_fields; i++) {
        const struct weir_field *field = &head->fields[i];
        if ((going >> field->id & 1) != 0 ||
            (weir_field_is_forwarded(head, base, field, has_options) &&
             (has_trailers || field->id != WEIR_FIELD_TRAILER) &&
             !weir_editor_drops(editor, weir_field_name(base, field))))
            continue;
        add_lines(out, base, from, field->at);
        from = line_at(head, i + 1);
    }
    add_lines(out, base, from, head->fields_end);
}

void weir_forward_response(struct weir_gather *out, const struct weir_forward_response *forward)
{
    const struct weir_head *head = forward->head;

    add_response_lines(out, head, forward->base, forward->has_options,
                       forward->framing.kind == WEIR_FRAMING_CHUNKED, forward->editor);
    if (head->status != 204)
        add_framing(out, forward->framing);
    add_via(out, head, forward->editor);
    weir_editor_add(forward->editor, out);
    if (!forward->keeps_client)
        add_text(out, "Connection: close\r\n");
    else if (forward->client_is_http10)
        add_text(out, "Connection: keep-alive\r\n");
    add_text(out, "\r\n");
}

void weir_forward_interim(struct weir_gather *out, const struct weir_head *head, const char *base,
                          const struct weir_editor *editor)
{
    add_response_lines(out, head, base, has_options(head, base), false, editor);
    add_via(out, head, editor);
    add_text(out, "\r\n");
}

void weir_forward_switch(struct weir_gather *out, const struct weir_head *head, const char *base,
                         const struct weir_editor *editor)
{
    add_response_lines(out, head, base, has_options(head, base), false, editor);
    add_upgrade(out, head, base);
    add_via(out, head, editor);
    weir_editor_add(editor, out);
    add_text(out, "\r\n");
}

void weir_forward_trailers(struct weir_gather *out, const struct weir_head *head, const char *base,
                           const struct weir_edits *edits)
{
    for (uint32_t i = 0; i < head->n_fields; i++) {
        if (weir_field_is_trailer(&head->fields[i]) &&
            !weir_edits_drop(edits, weir_field_name(base, &head->fields[i])))
            add_lines(out, base, head->fields[i].at, line_at(head, i + 1));
    }
}

struct weir_framing weir_forward_framing(struct weir_framing source, bool client_is_http10)
{
    if (source.kind == WEIR_FRAMING_CHUNKED || source.kind == WEIR_FRAMING_CLOSE)
        source.kind = client_is_http10 ? WEIR_FRAMING_CLOSE : WEIR_FRAMING_CHUNKED;
    return source;
}
