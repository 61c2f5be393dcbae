/* What the tests ask of firmware_bridge/c/plantar_wire.c, on the command line:
 *   read PIECE   frames of stdin, fed PIECE bytes at a time: a line each, then skipped and damaged
 *   write        the golden messages, made with the payload helpers: a frame in hex a line
 *   find KEY     for each line of hex on stdin: what pw_find says of KEY in it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plantar_wire.h"

static uint8_t buffer[PW_OVERHEAD + PW_MAX_PAYLOAD + PW_HEADER], frame[1024];
static unsigned number;

static void print_hex(const uint8_t *data, size_t size) {
    while (size--) printf("%02x", *data++);
    printf("\n");
}

static void on_frame(void *owner, const pw_frame *seen) {
    (void)owner;
    printf("%u %u %u %lu ", seen->version, seen->type, seen->sequence, (unsigned long)seen->time_us);
    print_hex(seen->payload, seen->length);
}

static void read_stream(size_t piece) {
    static uint8_t data[1 << 16];
    pw_reader reader;
    size_t size;
    pw_reader_start(&reader, buffer, sizeof buffer);
    while ((size = fread(data, 1, piece < sizeof data ? piece : sizeof data, stdin)) > 0)
        pw_feed(&reader, data, size, on_frame, NULL);
    pw_end(&reader, on_frame, NULL);
    printf("%lu %lu\n", (unsigned long)reader.skipped, (unsigned long)reader.damaged);
}

/* sequence and time as tests/wire_frames.py gives them, by place */
static void done(uint8_t type, const uint8_t *end) {
    uint16_t sequence = (uint16_t)(65530u + number);
    uint32_t time_us = 4294900000u + 7919u * number;
    number++;
    print_hex(frame, pw_finish(frame, type, (size_t)(end - frame) - PW_HEADER, sequence, time_us));
}

static uint8_t *put_words(uint8_t *at, const int *words, size_t count) {
    while (count--) at = pw_put16(at, (uint16_t)*words++);
    return at;
}

static pw_cbor *map(pw_cbor *out, size_t pairs) {
    pw_cbor_start(out, frame + PW_HEADER, sizeof frame - PW_OVERHEAD);
    pw_cbor_map(out, pairs);
    return out;
}

static void entry(pw_cbor *out, const char *key, int64_t value) {
    pw_cbor_text(out, key);
    pw_cbor_int(out, value);
}

static void write_messages(void) {
    static const int image[12] = {0, 5000, 10000, 15000, 20000, 25000, 30000, 35000, 40000, 45000, 50000, 55000};
    static const int cells[6] = {1, 2, 65535, 4, 5, 6};
    static const int imu[13] = {1, -2, 3, 4, 5, -6, 7, 8, 9, 16384, 0, 0, -32768};
    static const int imu_2[12] = {1, -2, 3, 4, 5, -6, 7, 8, 9, 0, 0, 1};
    uint8_t *start = frame + PW_HEADER, *at;
    pw_cbor out;
    done(PW_PRESSURE_GRID, put_words(pw_grid(start, 1, PW_CELL_16_BIT, 3, 4), image, 12));
    at = pw_grid(start, 2, PW_CELL_8_BIT, 2, 2);
    done(PW_PRESSURE_GRID, pw_put8(pw_put8(pw_put8(pw_put8(at, 0), 255), 7), 8));
    done(PW_PRESSURE_CELLS, put_words(pw_cells(start, 3, PW_CELL_16_BIT, 2, 3, 10000), cells, 6));
    done(PW_IMU, put_words(pw_imu(start, 4, 15, 1, 5000), imu, 13));
    done(PW_IMU, put_words(pw_imu(start, 4, PW_ACCELERATION | PW_ANGULAR_RATE, 2, 5000), imu_2, 12));
    done(PW_ENVIRONMENT, pw_environment(start, -1250, 4725, 1013250));
    done(PW_ENVIRONMENT, pw_environment(start, INT16_MIN, UINT16_MAX, UINT32_MAX));
    done(PW_POSITION, pw_position(start, 495981187, -110045812, -250, 125, 35999, UINT16_MAX));
    done(PW_BATTERY, pw_battery(start, 87, 2, 3912));
    done(PW_MEMORY, pw_memory(start, (uint64_t)1 << 33, ((uint64_t)1 << 33) - 1));
    done(PW_MARK, pw_mark(start, PW_RISE, 3));
    done(PW_TIME_REQUEST, pw_put64(start, 0x0102030405060708u));
    done(PW_TIME_REPLY, pw_time_reply(start, 5, (uint64_t)1 << 40, ((uint64_t)1 << 40) + 9));
    at = pw_chunk(start, PW_LOG, 2, 100, 104);
    memcpy(at, "abcd", 4);
    done(PW_CHUNK, at + 4);
    number = 21; /* the acknowledgement */
    map(&out, 2);
    entry(&out, "of", 7);
    pw_cbor_text(&out, "ok");
    pw_cbor_bool(&out, true);
    done(PW_ACK, out.at);
    number = 16; /* configure, with a negative number; its keys in canonical order */
    map(&out, 2);
    entry(&out, "gain", -3);
    entry(&out, "rate_hz", 250);
    done(PW_CONFIGURE, out.at);
}

static void find(const char *key) {
    static char line[2 * 4096 + 2];
    static uint8_t payload[4096];
    while (fgets(line, sizeof line, stdin)) {
        size_t size = 0;
        unsigned byte;
        pw_value value;
        while (sscanf(line + 2 * size, "%2x", &byte) == 1) payload[size++] = (uint8_t)byte;
        if (!pw_find(payload, size, key, &value)) {
            printf("nothing\n");
            continue;
        }
        printf("%d %lld ", (int)value.kind, (long long)value.number);
        if (value.kind == PW_TEXT || value.kind == PW_BYTES)
            print_hex(value.data, value.size);
        else
            printf("%lu\n", (unsigned long)value.size);
    }
}

int main(int count, char **words) {
    if (count == 3 && !strcmp(words[1], "read")) read_stream((size_t)atol(words[2]));
    if (count == 2 && !strcmp(words[1], "write")) write_messages();
    if (count == 3 && !strcmp(words[1], "find")) find(words[2]);
    return 0;
}
