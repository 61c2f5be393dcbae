#include "plantar_wire.h"

#include <string.h>

#define SYNC_0 0xC3u
#define SYNC_1 0x5Au
#define MAX_LEVELS 8

/* ------------------------------------------------------------------ numbers */

uint8_t *pw_put8(uint8_t *at, uint8_t value) {
    at[0] = value;
    return at + 1;
}

uint8_t *pw_put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)value;
    at[1] = (uint8_t)(value >> 8);
    return at + 2;
}

uint8_t *pw_put32(uint8_t *at, uint32_t value) { return pw_put16(pw_put16(at, (uint16_t)value), (uint16_t)(value >> 16)); }

uint8_t *pw_put64(uint8_t *at, uint64_t value) { return pw_put32(pw_put32(at, (uint32_t)value), (uint32_t)(value >> 32)); }

uint16_t pw_get16(const uint8_t *at) { return (uint16_t)(at[0] | (at[1] << 8)); }

uint32_t pw_get32(const uint8_t *at) { return pw_get16(at) | ((uint32_t)pw_get16(at + 2) << 16); }

uint64_t pw_get64(const uint8_t *at) { return pw_get32(at) | ((uint64_t)pw_get32(at + 4) << 32); }

/* ------------------------------------------------------------------ frames */

/* four bits at a time: 64 bytes of table, small enough for any board */
static const uint32_t NIBBLES[16] = {0x00000000u, 0x105EC76Fu, 0x20BD8EDEu, 0x30E349B1u, 0x417B1DBCu, 0x5125DAD3u,
                                     0x61C69362u, 0x7198540Du, 0x82F63B78u, 0x92A8FC17u, 0xA24BB5A6u, 0xB21572C9u,
                                     0xC38D26C4u, 0xD3D3E1ABu, 0xE330A81Au, 0xF36E6F75u};

uint32_t pw_crc32c(uint32_t crc, const void *data, size_t size) {
    const uint8_t *at = data;
    crc = ~crc;
    while (size--) {
        crc ^= *at++;
        crc = (crc >> 4) ^ NIBBLES[crc & 15u];
        crc = (crc >> 4) ^ NIBBLES[crc & 15u];
    }
    return ~crc;
}

size_t pw_finish(uint8_t *frame, uint8_t type, size_t length, uint16_t sequence, uint32_t time_us) {
    uint8_t *at = frame;
    if (length > PW_MAX_PAYLOAD) return 0;
    at = pw_put8(pw_put8(at, SYNC_0), SYNC_1);
    at = pw_put8(pw_put8(at, PW_VERSION), type);
    at = pw_put32(pw_put16(pw_put16(at, (uint16_t)length), sequence), time_us);
    at = pw_put16(at, (uint16_t)pw_crc32c(0, frame + 2, 10));
    pw_put32(at + length, pw_crc32c(0, frame + 2, PW_HEADER - 2 + length));
    return PW_OVERHEAD + length;
}

size_t pw_encode(uint8_t *out, size_t room, uint8_t type, const void *payload, size_t length, uint16_t sequence,
                 uint32_t time_us) {
    if (length > PW_MAX_PAYLOAD || room < PW_OVERHEAD + length) return 0;
    if (length) memmove(out + PW_HEADER, payload, length);
    return pw_finish(out, type, length, sequence, time_us);
}

static bool sound_header(const uint8_t *at) {
    return at[0] == SYNC_0 && at[1] == SYNC_1 && pw_get16(at + 4) <= PW_MAX_PAYLOAD &&
           (uint16_t)pw_crc32c(0, at + 2, 10) == pw_get16(at + 12);
}

/* Hands on all frames of the buffer; how many bytes of it are done with. */
static size_t take(pw_reader *reader, bool ended, pw_handler handler, void *owner) {
    const uint8_t *data = reader->buffer;
    size_t size = reader->held, at = 0;
    while (at < size) {
        size_t left = size - at, total;
        pw_frame frame;
        /* the next sync with a sound header */
        if (data[at] != SYNC_0 || (left > 1 && data[at + 1] != SYNC_1)) {
            at++, reader->skipped++;
            continue;
        }
        if (left < PW_HEADER) {
            if (!ended) return at;
            at++, reader->skipped++;
            continue;
        }
        total = PW_OVERHEAD + (size_t)pw_get16(data + at + 4);
        if (!sound_header(data + at) || total > reader->room) {
            at++, reader->skipped++;
            continue;
        }
        /* its payload, if it is all there */
        if (left < total) {
            if (!ended) return at;
            at++, reader->skipped++;
            continue;
        }
        if (pw_crc32c(0, data + at + 2, total - 6) == pw_get32(data + at + total - 4)) {
            frame.version = data[at + 2];
            frame.type = data[at + 3];
            frame.length = pw_get16(data + at + 4);
            frame.sequence = pw_get16(data + at + 6);
            frame.time_us = pw_get32(data + at + 8);
            frame.payload = data + at + PW_HEADER;
            reader->frames++;
            if (handler) handler(owner, &frame);
            at += total;
            continue;
        }
        /* damaged: is the next frame where it should be? */
        if (left < total + PW_HEADER && !ended && total + PW_HEADER <= reader->room) return at;
        reader->damaged++;
        total = left >= total + PW_HEADER && sound_header(data + at + total) ? total : 1;
        at += total;
        reader->skipped += (uint32_t)total;
    }
    return at;
}

void pw_reader_start(pw_reader *reader, uint8_t *buffer, size_t room) {
    memset(reader, 0, sizeof *reader);
    reader->buffer = buffer;
    reader->room = room;
}

void pw_feed(pw_reader *reader, const uint8_t *data, size_t size, pw_handler handler, void *owner) {
    while (size) {
        size_t piece = reader->room - reader->held, done;
        if (piece > size) piece = size;
        memcpy(reader->buffer + reader->held, data, piece);
        reader->held += piece;
        data += piece, size -= piece;
        done = take(reader, false, handler, owner);
        if (!done && reader->held == reader->room) done = 1, reader->skipped++; /* never stand still */
        memmove(reader->buffer, reader->buffer + done, reader->held - done);
        reader->held -= done;
    }
}

void pw_end(pw_reader *reader, pw_handler handler, void *owner) {
    take(reader, true, handler, owner);
    reader->held = 0;
}

/* ------------------------------------------------------------------ payloads */

uint8_t *pw_grid(uint8_t *at, uint8_t stream, uint8_t format, uint16_t rows, uint16_t cols) {
    return pw_put16(pw_put16(pw_put8(pw_put8(at, stream), format), rows), cols);
}

uint8_t *pw_cells(uint8_t *at, uint8_t stream, uint8_t format, uint16_t frames, uint16_t cells, uint32_t interval_us) {
    return pw_put32(pw_grid(at, stream, format, frames, cells), interval_us);
}

uint8_t *pw_imu(uint8_t *at, uint8_t stream, uint8_t fields, uint16_t samples, uint32_t interval_us) {
    return pw_put32(pw_put16(pw_put8(pw_put8(at, stream), fields), samples), interval_us);
}

uint8_t *pw_environment(uint8_t *at, int16_t centi_c, uint16_t centi_percent, uint32_t deci_pa) {
    return pw_put32(pw_put16(pw_put16(at, (uint16_t)centi_c), centi_percent), deci_pa);
}

uint8_t *pw_position(uint8_t *at, int32_t latitude_e7, int32_t longitude_e7, int32_t altitude_cm, uint16_t speed_cm_s,
                     uint16_t heading_centi_deg, uint16_t accuracy_cm) {
    at = pw_put32(pw_put32(pw_put32(at, (uint32_t)latitude_e7), (uint32_t)longitude_e7), (uint32_t)altitude_cm);
    return pw_put16(pw_put16(pw_put16(at, speed_cm_s), heading_centi_deg), accuracy_cm);
}

uint8_t *pw_battery(uint8_t *at, uint8_t percent, uint8_t state, uint16_t millivolts) {
    return pw_put16(pw_put8(pw_put8(at, percent), state), millivolts);
}

uint8_t *pw_memory(uint8_t *at, uint64_t total, uint64_t free_bytes) { return pw_put64(pw_put64(at, total), free_bytes); }

uint8_t *pw_mark(uint8_t *at, uint8_t kind, uint8_t channel) { return pw_put8(pw_put8(at, kind), channel); }

uint8_t *pw_time_reply(uint8_t *at, uint64_t host_ns, uint64_t received_us, uint64_t sent_us) {
    return pw_put64(pw_put64(pw_put64(at, host_ns), received_us), sent_us);
}

uint8_t *pw_chunk(uint8_t *at, uint8_t kind, uint8_t table, uint32_t offset, uint32_t total) {
    return pw_put32(pw_put32(pw_put8(pw_put8(at, kind), table), offset), total);
}

bool pw_read_time_request(const pw_frame *frame, uint64_t *host_ns) {
    if (frame->type != PW_TIME_REQUEST || frame->length < 8) return false;
    *host_ns = pw_get64(frame->payload);
    return true;
}

bool pw_read_chunk(const pw_frame *frame, pw_piece *piece) {
    if (frame->type != PW_CHUNK || frame->length < 10) return false;
    piece->kind = frame->payload[0];
    piece->table = frame->payload[1];
    piece->offset = pw_get32(frame->payload + 2);
    piece->total = pw_get32(frame->payload + 6);
    piece->data = frame->payload + 10;
    piece->size = (uint32_t)frame->length - 10u;
    return piece->size <= piece->total && piece->offset <= piece->total - piece->size;
}

/* ------------------------------------------------------------------ CBOR out */

void pw_cbor_start(pw_cbor *out, uint8_t *buffer, size_t room) {
    out->at = buffer;
    out->end = buffer + room;
    out->full = false;
}

static void put(pw_cbor *out, const void *data, size_t size) {
    if (out->full || (size_t)(out->end - out->at) < size) {
        out->full = true;
        return;
    }
    if (size) memcpy(out->at, data, size);
    out->at += size;
}

/* The first byte of an item and its number, big-endian and as short as it can be. */
static void head(pw_cbor *out, uint8_t major, uint64_t number) {
    uint8_t bytes[9];
    int size = number < 24 ? 0 : number <= 0xFFu ? 1 : number <= 0xFFFFu ? 2 : number <= 0xFFFFFFFFu ? 4 : 8, k;
    bytes[0] = (uint8_t)(major << 5 | (size == 0   ? (uint8_t)number
                                       : size == 1 ? 24
                                       : size == 2 ? 25
                                       : size == 4 ? 26
                                                   : 27));
    for (k = 0; k < size; k++) bytes[1 + k] = (uint8_t)(number >> 8 * (size - 1 - k));
    put(out, bytes, 1 + (size_t)size);
}

void pw_cbor_map(pw_cbor *out, size_t pairs) { head(out, 5, pairs); }

void pw_cbor_list(pw_cbor *out, size_t items) { head(out, 4, items); }

void pw_cbor_text(pw_cbor *out, const char *text) {
    size_t size = strlen(text);
    head(out, 3, size);
    put(out, text, size);
}

void pw_cbor_bytes(pw_cbor *out, const void *data, size_t size) {
    head(out, 2, size);
    put(out, data, size);
}

void pw_cbor_int(pw_cbor *out, int64_t value) {
    if (value < 0)
        head(out, 1, (uint64_t)(-(value + 1)));
    else
        head(out, 0, (uint64_t)value);
}

void pw_cbor_bool(pw_cbor *out, bool value) { put(out, value ? "\xf5" : "\xf4", 1); }

void pw_cbor_float(pw_cbor *out, float value) {
    uint8_t bytes[5] = {0xFA};
    uint32_t bits;
    int k;
    memcpy(&bits, &value, 4);
    for (k = 0; k < 4; k++) bytes[1 + k] = (uint8_t)(bits >> 8 * (3 - k));
    put(out, bytes, 5);
}

/* ------------------------------------------------------------------ CBOR in */

static int64_t whole_part(double value) {
    return value > -9e18 && value < 9e18 ? (int64_t)value : 0; /* NaN too */
}

/* Reads one item and all that is in it; where the next begins, NULL where it is none. */
static const uint8_t *item(const uint8_t *at, const uint8_t *end, pw_value *value, int level) {
    uint8_t major, low;
    uint64_t number = 0, k;
    size_t size;
    if (at >= end || level > MAX_LEVELS) return NULL;
    major = *at >> 5;
    low = *at++ & 31u;
    size = low < 24 ? 0 : low <= 27 ? (size_t)1 << (low - 24) : 99;
    if (size > 8 || (size_t)(end - at) < size) return NULL;
    if (!size) number = low;
    for (k = 0; k < size; k++) number = number << 8 | *at++;
    value->data = at;
    value->size = 0;
    value->number = 0;
    switch (major) {
        case 0:
        case 1:
            if (number > INT64_MAX) return NULL;
            value->kind = PW_INT;
            value->number = major ? -1 - (int64_t)number : (int64_t)number;
            return at;
        case 2:
        case 3:
            if (number > (uint64_t)(end - at)) return NULL;
            value->kind = major == 2 ? PW_BYTES : PW_TEXT;
            value->size = (size_t)number;
            return at + number;
        case 4:
        case 5:
            if (number > (uint64_t)(end - at)) return NULL;
            value->kind = major == 4 ? PW_LIST : PW_MAP;
            value->size = (size_t)number;
            for (k = 0; k < (major == 4 ? number : 2 * number); k++) {
                pw_value inner;
                at = item(at, end, &inner, level + 1);
                if (!at) return NULL;
            }
            return at;
        case 7:
            if (low == 20 || low == 21) {
                value->kind = PW_BOOL;
                value->number = low == 21;
                return at;
            }
            if (low == 22) {
                value->kind = PW_NULL;
                return at;
            }
            if (low < 25) return NULL;
            value->kind = PW_FLOAT;
            if (low == 26) {
                uint32_t bits = (uint32_t)number;
                float real;
                memcpy(&real, &bits, 4);
                value->number = whole_part((double)real);
            } else if (low == 27) {
                double real;
                memcpy(&real, &number, 8);
                value->number = whole_part(real);
            } else {
                /* half: a whole part needs ten bits and the exponent */
                int exponent = (int)(number >> 10 & 31u), shift = exponent - 25;
                int64_t digits = (int64_t)((number & 1023u) | 1024u);
                if (exponent < 15 || exponent == 31) digits = 0;
                digits = shift >= 0 ? digits << shift : digits >> -shift;
                value->number = number >> 15 & 1u ? -digits : digits;
            }
            return at;
        default:
            return NULL; /* tags have no place here */
    }
}

bool pw_is_text(const pw_value *value, const char *text) {
    return value->kind == PW_TEXT && value->size == strlen(text) && !memcmp(value->data, text, value->size);
}

bool pw_find(const uint8_t *payload, size_t size, const char *key, pw_value *value) {
    const uint8_t *end = payload + size, *at;
    pw_value map, found = {PW_NOTHING, 0, NULL, 0};
    size_t k;
    at = item(payload, end, &map, 1);
    if (at != end || map.kind != PW_MAP) return false;
    at = map.data;
    for (k = 0; k < map.size; k++) {
        pw_value name, what;
        at = item(at, end, &name, 2);
        at = item(at, end, &what, 2);
        if (name.kind != PW_TEXT) return false;
        if (pw_is_text(&name, key)) found = what;
    }
    *value = found;
    return found.kind != PW_NOTHING;
}
