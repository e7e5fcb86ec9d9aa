#include "weir/proxy/editor.h"

#include "weir/base/assert.h"
#include "weir/proxy/exchange.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

/* ---- Facts ---- */

static void set(struct weir_edit_facts *facts, enum weir_variable variable, const char *value)
{
    facts->values[variable] = weir_slice_from(value ? value : "");
}

static void find_facts(struct weir_edit_facts *facts, const struct weir_exchange *x,
                       const struct weir_edits *edits)
{
    const struct weir_client *client = x->client;
    struct weir_address peer;

    weir_client_address(client, &peer);
    facts->port[0] = '\0';
    if (weir_address_port(&peer) > 0)
        snprintf(facts->port, sizeof(facts->port), "%u", (unsigned)weir_address_port(&peer));
    set(facts, WEIR_VARIABLE_client_ip, weir_address_describe_host(&peer, facts->host));
    set(facts, WEIR_VARIABLE_client_port, facts->port);
    set(facts, WEIR_VARIABLE_listener, client->listener->name);
    set(facts, WEIR_VARIABLE_request_id, weir_exchange_request_id(x));
    set(facts, WEIR_VARIABLE_tls_version, weir_stream_tls_version(&client->stream));
    facts->subject[0] = '\0';
    if (weir_edits_use(edits, WEIR_VARIABLE_tls_client_subject))
        (void)weir_stream_tls_subject(&client->stream, facts->subject, sizeof(facts->subject));
    set(facts, WEIR_VARIABLE_tls_client_subject, facts->subject);
}

void weir_editor_init(struct weir_editor *editor, const struct weir_exchange *x,
                      enum weir_edit_side side)
{
    const struct weir_config_listener *config = x->plan->config;
    const struct weir_edits *edits = side == WEIR_EDIT_REQUEST ? &config->request_edits
                                                               : &config->response_edits;

    editor->edits = weir_edits_are_empty(edits) ? NULL : edits;
    if (editor->edits)
        find_facts(&editor->facts, x, edits);
}

/* ---- Lines ---- */

bool weir_edits_drop(const struct weir_edits *edits, struct weir_slice name)
{
    for (size_t i = 0; edits && i < edits->n_remove; i++) {
        if (weir_edit_name_has(edits->remove[i], name))
            return true;
    }
    for (size_t i = 0; edits && i < edits->n_set; i++) {
        if (weir_edit_name_has(edits->set[i].name, name))
            return true;
    }
    return false;
}

/* What could end a line or be read in two ways becomes a question mark. */
static void add_value(struct weir_gather *out, struct weir_slice value)
{
    size_t clean = 0;

    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.data[i];
        if (c >= 0x20 && c != 0x7f)
            continue;
        weir_gather_copy(out, weir_slice_make(value.data + clean, i - clean));
        weir_gather_copy(out, weir_slice_from("?"));
        clean = i + 1;
    }
    weir_gather_copy(out, weir_slice_make(value.data + clean, value.len - clean));
}

static void add_line(const struct weir_editor *editor, const struct weir_edit *edit,
                     struct weir_gather *out)
{
    bool is_empty = !edit->has_text;

    for (size_t i = 0; i < edit->n_parts && is_empty; i++)
        is_empty = edit->parts[i].text.data ||
                   editor->facts.values[edit->parts[i].variable].len == 0;
    for (size_t i = 0; i < edit->n_parts && !is_empty; i++) {
        const struct weir_edit_part *part = &edit->parts[i];
        if (part->text.data)
            weir_gather_add(out, part->text);
        else
            add_value(out, editor->facts.values[part->variable]);
    }
}

void weir_editor_add(const struct weir_editor *editor, struct weir_gather *out)
{
    const struct weir_edits *edits = editor ? editor->edits : NULL;

    if (!edits)
        return;
    for (size_t i = 0; i < edits->n_set; i++)
        add_line(editor, &edits->set[i], out);
    for (size_t i = 0; i < edits->n_add; i++)
        add_line(editor, &edits->add[i], out);
}

/* ---- Request ids ---- */

static void restock(struct weir_request_ids *ids)
{
    size_t got = 0;

    while (got < sizeof(ids->bytes)) {
        ssize_t n = getrandom(ids->bytes + got, sizeof(ids->bytes) - got, 0);
        WEIR_ASSERT(n > 0 || errno == EINTR);
        got += n > 0 ? (size_t)n : 0;
    }
    ids->left = sizeof(ids->bytes);
}

void weir_request_ids_make(struct weir_request_ids *ids, char text[WEIR_REQUEST_ID_MADE + 1])
{
    static const char digits[] = "0123456789abcdef";

    if (ids->left == 0)
        restock(ids);
    ids->left -= WEIR_REQUEST_ID_MADE / 2;
    for (int i = 0; i < WEIR_REQUEST_ID_MADE / 2; i++) {
        text[2 * i] = digits[ids->bytes[ids->left + (unsigned)i] >> 4];
        text[2 * i + 1] = digits[ids->bytes[ids->left + (unsigned)i] & 15];
    }
    text[WEIR_REQUEST_ID_MADE] = '\0';
}

bool weir_request_id_is_sane(struct weir_slice text)
{
    return text.len <= WEIR_REQUEST_ID_MAX && weir_is_token(text);
}
