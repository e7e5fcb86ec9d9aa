#include "weir/net/srv.h"

#include <string.h>

enum {
    HEADER_BYTES = 12,
    RECORD_BYTES = 10,    /* type, class, TTL, length */
    SRV_BYTES = 6,        /* priority, weight, port; the target follows */
    NAME_BYTES_MAX = 255, /* RFC 1035 section 2.3.4 */
    POINTERS_MAX = 64,
    CLASS_IN = 1,
    TYPE_CNAME = 5,
    TYPE_SRV = 33,
    IS_ANSWER = 0x80,
    LABEL_MASK = 0xc0
};

/* RFC 2181 section 8: a TTL with its first bit set is 0. */
#define TTL_MAX 0x7fffffffu

struct reader {
    const uint8_t *data;
    size_t len, at;
};

struct record {
    unsigned type, class;
    uint32_t ttl_s;
    size_t data, end; /* where its data begins and ends in the message */
};

static unsigned number_at(const struct reader *reader, size_t at)
{
    return (unsigned)reader->data[at] << 8 | reader->data[at + 1];
}

static bool is_host_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Adds a label to TEXT, which is left empty for good when it can be no host name. */
static bool add_label(char *text, const uint8_t *label, size_t len)
{
    size_t used = strlen(text);

    if (used + len + 1 > WEIR_SRV_TARGET_MAX)
        return false;
    if (used > 0)
        text[used++] = '.';
    for (size_t i = 0; i < len; i++) {
        if (!is_host_char(label[i]))
            return false;
        text[used++] = (char)(label[i] >= 'A' && label[i] <= 'Z' ? label[i] - 'A' + 'a' : label[i]);
    }
    text[used] = '\0';
    return true;
}

/* Reads the name at reader->at, and moves behind it. *is_host: TEXT holds all of it. A pointer may
 * only lead back, and there are at most so many of them. Fails: false, not valid. */
static bool read_name(struct reader *reader, char *text, bool *is_host)
{
    size_t at = reader->at, behind = 0, total = 0;
    int pointers = 0;

    text[0] = '\0';
    *is_host = true;
    while (at < reader->len && reader->data[at] != 0) {
        size_t len = reader->data[at];
        if ((len & LABEL_MASK) == LABEL_MASK) {
            if (at + 2 > reader->len || ++pointers > POINTERS_MAX)
                return false;
            size_t to = number_at(reader, at) & 0x3fffu;
            if (to >= at)
                return false;
            behind = behind > 0 ? behind : at + 2;
            at = to;
            continue;
        }
        total += 1 + len;
        if ((len & LABEL_MASK) != 0 || at + 1 + len > reader->len || total >= NAME_BYTES_MAX)
            return false;
        *is_host = *is_host && add_label(text, reader->data + at + 1, len);
        at += 1 + len;
    }
    if (at >= reader->len)
        return false;
    *is_host = *is_host && text[0] != '\0';
    reader->at = behind > 0 ? behind : at + 1;
    return true;
}

static bool skip_questions(struct reader *reader, unsigned count)
{
    char name[WEIR_SRV_TARGET_MAX + 1];
    bool is_host;

    while (count-- > 0) {
        if (!read_name(reader, name, &is_host) || reader->len - reader->at < 4)
            return false;
        reader->at += 4;
    }
    return true;
}

static bool read_record(struct reader *reader, struct record *record)
{
    char owner[WEIR_SRV_TARGET_MAX + 1];
    bool is_host;

    if (!read_name(reader, owner, &is_host) || reader->len - reader->at < RECORD_BYTES)
        return false;
    size_t at = reader->at;
    record->type = number_at(reader, at);
    record->class = number_at(reader, at + 2);
    record->ttl_s = (uint32_t)number_at(reader, at + 4) << 16 | number_at(reader, at + 6);
    if (record->ttl_s > TTL_MAX)
        record->ttl_s = 0;
    record->data = at + RECORD_BYTES;
    record->end = record->data + number_at(reader, at + 8);
    if (record->end > reader->len)
        return false;
    reader->at = record->end;
    return true;
}

/* Fails: false, not valid; *is_usable says whether it leads anywhere. */
static bool read_srv(const struct reader *message, const struct record *record,
                     struct weir_srv *srv, bool *is_usable)
{
    struct reader reader = *message;

    if (record->end - record->data <= SRV_BYTES)
        return false;
    srv->priority = (uint16_t)number_at(message, record->data);
    srv->weight = (uint16_t)number_at(message, record->data + 2);
    srv->port = (uint16_t)number_at(message, record->data + 4);
    reader.at = record->data + SRV_BYTES;
    if (!read_name(&reader, srv->target, is_usable) || reader.at != record->end)
        return false;
    *is_usable = *is_usable && srv->port != 0;
    return true;
}

bool weir_srv_parse(const uint8_t *message, size_t len, struct weir_srv *records, size_t n_max,
                    size_t *n, uint64_t *ttl_s)
{
    struct reader reader = {.data = message, .len = len, .at = HEADER_BYTES};
    struct record record;
    bool is_usable;

    *n = 0;
    *ttl_s = TTL_MAX;
    if (len < HEADER_BYTES || (message[2] & IS_ANSWER) == 0 ||
        !skip_questions(&reader, number_at(&reader, 4)))
        return false;
    for (unsigned count = number_at(&reader, 6); count > 0; count--) {
        if (!read_record(&reader, &record))
            return false;
        if (record.class != CLASS_IN || (record.type != TYPE_SRV && record.type != TYPE_CNAME))
            continue;
        if (record.ttl_s < *ttl_s)
            *ttl_s = record.ttl_s;
        if (record.type == TYPE_CNAME || *n == n_max)
            continue;
        if (!read_srv(&reader, &record, &records[*n], &is_usable))
            return false;
        *n += is_usable;
    }
    return true;
}
