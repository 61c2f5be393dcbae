/* The wire protocol of plantar for boards: frames out of bytes and back. C99, no allocation, no I/O, of libc only what
 * string.h has. PROTOCOL.md says what stands where; the same golden vectors hold this and the Python codec. */
#ifndef PLANTAR_WIRE_H
#define PLANTAR_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PW_VERSION 1u
#define PW_HEADER 14u /* bytes before the payload */
#define PW_OVERHEAD 18u /* header and CRC */
#define PW_MAX_PAYLOAD 32768u

enum pw_type {
    PW_PRESSURE_GRID = 0x10,
    PW_PRESSURE_CELLS = 0x11,
    PW_IMU = 0x12,
    PW_ENVIRONMENT = 0x13,
    PW_POSITION = 0x14,
    PW_BATTERY = 0x15,
    PW_MEMORY = 0x16,
    PW_MARK = 0x17,
    PW_TIME_REQUEST = 0x20,
    PW_TIME_REPLY = 0x21,
    PW_CHUNK = 0x22,
    PW_HELLO = 0x40,
    PW_CONFIGURE = 0x41,
    PW_START = 0x42,
    PW_STOP = 0x43,
    PW_ACTUATE = 0x44,
    PW_FETCH = 0x45,
    PW_ACK = 0x46
};
enum pw_imu_field { PW_ACCELERATION = 1, PW_ANGULAR_RATE = 2, PW_MAGNETIC_FIELD = 4, PW_QUATERNION = 8 };
enum pw_cell_format { PW_CELL_8_BIT = 1, PW_CELL_16_BIT = 2 };
enum pw_chunk_kind { PW_CALIBRATION = 0, PW_LOG = 1 };
enum pw_mark_kind { PW_TAP = 0, PW_RISE = 1, PW_FALL = 2, PW_BUTTON = 3 };

/* ------------------------------------------------------------------ frames */

typedef struct {
    uint8_t version, type;
    uint16_t length, sequence;
    uint32_t time_us;
    const uint8_t *payload; /* valid until the handler returns */
} pw_frame;

/* CRC-32C: begin with 0, feed what comes next with what came out. "123456789" gives 0xE3069283. */
uint32_t pw_crc32c(uint32_t crc, const void *data, size_t size);

/* Writes header and CRC around a payload that already stands at `frame + PW_HEADER`; the bytes of the whole frame. */
size_t pw_finish(uint8_t *frame, uint8_t type, size_t length, uint16_t sequence, uint32_t time_us);

/* The same around a payload that stands elsewhere; 0 where `room` is too small or the payload too long. */
size_t pw_encode(uint8_t *out, size_t room, uint8_t type, const void *payload, size_t length, uint16_t sequence,
                 uint32_t time_us);

/* A stream that comes in pieces. `buffer` must hold the longest frame that is to be read and PW_HEADER more; longer
 * ones are passed over. `skipped` counts bytes that belong to no frame, `damaged` frames whose payload was. */
typedef struct {
    uint8_t *buffer;
    size_t room, held;
    uint32_t frames, skipped, damaged;
} pw_reader;
typedef void (*pw_handler)(void *owner, const pw_frame *frame);

void pw_reader_start(pw_reader *reader, uint8_t *buffer, size_t room);
void pw_feed(pw_reader *reader, const uint8_t *data, size_t size, pw_handler handler, void *owner);
void pw_end(pw_reader *reader, pw_handler handler, void *owner); /* no more bytes will come */

/* ------------------------------------------------------------------ numbers, little-endian; each returns what is next */

uint8_t *pw_put8(uint8_t *at, uint8_t value);
uint8_t *pw_put16(uint8_t *at, uint16_t value);
uint8_t *pw_put32(uint8_t *at, uint32_t value);
uint8_t *pw_put64(uint8_t *at, uint64_t value);
uint16_t pw_get16(const uint8_t *at);
uint32_t pw_get32(const uint8_t *at);
uint64_t pw_get64(const uint8_t *at);

/* ------------------------------------------------------------------ payloads: what stands before the samples, or all */

uint8_t *pw_grid(uint8_t *at, uint8_t stream, uint8_t format, uint16_t rows, uint16_t cols);
uint8_t *pw_cells(uint8_t *at, uint8_t stream, uint8_t format, uint16_t frames, uint16_t cells, uint32_t interval_us);
uint8_t *pw_imu(uint8_t *at, uint8_t stream, uint8_t fields, uint16_t samples, uint32_t interval_us);
uint8_t *pw_environment(uint8_t *at, int16_t centi_c, uint16_t centi_percent, uint32_t deci_pa);
uint8_t *pw_position(uint8_t *at, int32_t latitude_e7, int32_t longitude_e7, int32_t altitude_cm, uint16_t speed_cm_s,
                     uint16_t heading_centi_deg, uint16_t accuracy_cm);
uint8_t *pw_battery(uint8_t *at, uint8_t percent, uint8_t state, uint16_t millivolts);
uint8_t *pw_memory(uint8_t *at, uint64_t total, uint64_t free_bytes);
uint8_t *pw_mark(uint8_t *at, uint8_t kind, uint8_t channel);
uint8_t *pw_time_reply(uint8_t *at, uint64_t host_ns, uint64_t received_us, uint64_t sent_us);
uint8_t *pw_chunk(uint8_t *at, uint8_t kind, uint8_t table, uint32_t offset, uint32_t total);

typedef struct {
    uint8_t kind, table;
    uint32_t offset, total, size;
    const uint8_t *data;
} pw_piece;
bool pw_read_time_request(const pw_frame *frame, uint64_t *host_ns);
bool pw_read_chunk(const pw_frame *frame, pw_piece *piece);

/* ------------------------------------------------------------------ control messages: CBOR maps */

typedef struct {
    uint8_t *at, *end;
    bool full; /* something did not fit: what was written is no message */
} pw_cbor;
void pw_cbor_start(pw_cbor *out, uint8_t *buffer, size_t room);
void pw_cbor_map(pw_cbor *out, size_t pairs);
void pw_cbor_list(pw_cbor *out, size_t items);
void pw_cbor_text(pw_cbor *out, const char *text);
void pw_cbor_bytes(pw_cbor *out, const void *data, size_t size);
void pw_cbor_int(pw_cbor *out, int64_t value);
void pw_cbor_bool(pw_cbor *out, bool value);
void pw_cbor_float(pw_cbor *out, float value);

enum pw_kind { PW_NOTHING, PW_INT, PW_TEXT, PW_BYTES, PW_LIST, PW_MAP, PW_BOOL, PW_NULL, PW_FLOAT };
typedef struct {
    enum pw_kind kind;
    int64_t number; /* of an int, a bool, and as a whole number of a float */
    const uint8_t *data; /* of text or bytes, not ended by a 0 */
    size_t size; /* of text or bytes; items of a list, pairs of a map */
} pw_value;
/* The value of `key` in the map of a control message; false where the payload is no such map or has no such key. */
bool pw_find(const uint8_t *payload, size_t size, const char *key, pw_value *value);
bool pw_is_text(const pw_value *value, const char *text);

#ifdef __cplusplus
}
#endif
#endif
