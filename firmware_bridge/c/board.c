/* An example board: a mat of 16 x 8 cells, an IMU, a battery, a thermometer, a calibration table, a log, an LED.
 *
 * On a PC it is a program that speaks on stdin and stdout, or on the terminal that is named:
 *
 *     cc -std=c99 -O2 board.c plantar_wire.c -o board && ./board /dev/pts/7
 *
 * On an ESP32 or nRF board only the part "the machine" changes: board_read and board_write become the UART, USB or
 * Bluetooth calls of its SDK, board_clock_us its timer, and scan_mat reads the converter.
 * No byte is allocated at run time. */
#define _XOPEN_SOURCE 600
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "plantar_wire.h"

#define ROWS 16
#define COLS 8
#define MAT 1 /* ids of the streams */
#define MOTION 2
#define POWER 3
#define AIR 4
#define STORE 5
#define RATE_HZ 100
#define ROOM 1024

/* ------------------------------------------------------------------ the machine: this is what a port replaces */

static int in_fd = 0, out_fd = 1;

static bool board_open(const char *path) {
    struct termios raw;
    if (path) in_fd = out_fd = open(path, O_RDWR | O_NOCTTY);
    if (in_fd < 0) return false;
    if (tcgetattr(in_fd, &raw) == 0) {
        raw.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
        raw.c_oflag &= ~(tcflag_t)OPOST;
        raw.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
        raw.c_cflag = (raw.c_cflag & ~(tcflag_t)(CSIZE | PARENB)) | CS8;
        tcsetattr(in_fd, TCSANOW, &raw);
    }
    return true;
}

static uint64_t board_clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* Bytes that have come, waiting until `until_us` at most; -1 at the end. */
static int board_read(uint8_t *data, size_t room, uint64_t until_us) {
    struct pollfd port = {in_fd, POLLIN, 0};
    uint64_t now_us = board_clock_us();
    int ready = poll(&port, 1, until_us > now_us ? (int)((until_us - now_us + 999) / 1000) : 0);
    if (ready < 0) return errno == EINTR ? 0 : -1;
    if (!ready) return 0;
    ready = (int)read(in_fd, data, room);
    return ready > 0 ? ready : ready < 0 && errno == EINTR ? 0 : -1;
}

static bool board_write(const uint8_t *data, size_t size) {
    while (size) {
        ssize_t sent = write(out_fd, data, size);
        if (sent < 0 && errno != EINTR) return false;
        if (sent > 0) data += sent, size -= (size_t)sent;
    }
    return true;
}

/* A foot that rolls over the mat from heel to toe, once in 1.1 s, as the converter of a real mat would see it. */
static void scan_mat(uint8_t *cells, uint32_t at_ms) {
    int32_t phase = (int32_t)(at_ms % 1100u), row, col;
    int32_t centre = 2 * 16 + phase * (12 * 16) / 700; /* sixteenths of a row */
    for (row = 0; row < ROWS; row++)
        for (col = 0; col < COLS; col++) {
            int32_t along = row * 16 - centre, across = (2 * col - (COLS - 1)) * 10;
            int32_t raw = phase < 700 ? 3000 - (along * along) / 2 - across * across / 2 : 0;
            cells = pw_put16(cells, (uint16_t)(raw > 0 ? raw : 0));
        }
}

/* ------------------------------------------------------------------ the board */

static uint8_t frame[PW_OVERHEAD + ROOM], received[PW_OVERHEAD + ROOM + PW_HEADER];
static uint16_t sequence;
static bool streaming, alive = true;
static uint32_t rate_hz = RATE_HZ, led;
static uint8_t calibration[2 * ROWS * COLS]; /* a factor a cell, 1/1000 */
static const char log_text[] = "2026-01-01 board started\n2026-01-01 battery replaced\n2026-01-02 mat calibrated\n";

/* The payload stands at frame + PW_HEADER up to `end`. */
static void send(uint8_t type, const uint8_t *end, uint64_t at_us) {
    size_t size = pw_finish(frame, type, (size_t)(end - frame) - PW_HEADER, sequence++, (uint32_t)at_us);
    alive = alive && board_write(frame, size);
}

static void acknowledge(uint16_t of, const char *error) {
    pw_cbor out;
    pw_cbor_start(&out, frame + PW_HEADER, ROOM);
    pw_cbor_map(&out, error ? 3 : 2);
    pw_cbor_text(&out, "of");
    pw_cbor_int(&out, of);
    pw_cbor_text(&out, "ok");
    pw_cbor_bool(&out, !error);
    if (error) {
        pw_cbor_text(&out, "error");
        pw_cbor_text(&out, error);
    }
    send(PW_ACK, out.at, board_clock_us());
}

static void describe(pw_cbor *out, int id, const char *kind, const char *name, size_t more) {
    pw_cbor_map(out, 3 + more);
    pw_cbor_text(out, "id");
    pw_cbor_int(out, id);
    pw_cbor_text(out, "kind");
    pw_cbor_text(out, kind);
    pw_cbor_text(out, "name");
    pw_cbor_text(out, name);
}

static void pair_text(pw_cbor *out, const char *key, const char *value) {
    pw_cbor_text(out, key);
    pw_cbor_text(out, value);
}

static void pair_float(pw_cbor *out, const char *key, float value) {
    pw_cbor_text(out, key);
    pw_cbor_float(out, value);
}

static void hello(void) {
    pw_cbor out;
    pw_cbor_start(&out, frame + PW_HEADER, ROOM);
    pw_cbor_map(&out, 8);
    pair_text(&out, "board", "example mat");
    pair_text(&out, "firmware", "1.0");
    pair_text(&out, "serial", "EX-0001");
    pair_text(&out, "side", "left");
    pw_cbor_text(&out, "versions");
    pw_cbor_list(&out, 1);
    pw_cbor_int(&out, PW_VERSION);
    pw_cbor_text(&out, "max_payload");
    pw_cbor_int(&out, ROOM);
    pw_cbor_text(&out, "actuators");
    pw_cbor_list(&out, 1);
    pw_cbor_text(&out, "led");
    pw_cbor_text(&out, "streams");
    pw_cbor_list(&out, 5);
    describe(&out, MAT, "grid", "pressure", 6);
    pair_text(&out, "unit", "kPa");
    pair_float(&out, "scale", 0.1f);
    pair_float(&out, "rate_hz", (float)rate_hz);
    pw_cbor_text(&out, "rows");
    pw_cbor_int(&out, ROWS);
    pw_cbor_text(&out, "cols");
    pw_cbor_int(&out, COLS);
    pw_cbor_text(&out, "pitch_mm");
    pw_cbor_list(&out, 2);
    pw_cbor_float(&out, 15.0f);
    pw_cbor_float(&out, 10.0f);
    describe(&out, MOTION, "imu", "motion", 2);
    pair_float(&out, "rate_hz", (float)rate_hz);
    pw_cbor_text(&out, "scales");
    pw_cbor_map(&out, 2);
    pair_float(&out, "acceleration", 1.0f / 2048.0f);
    pair_float(&out, "angular_rate", 0.07f);
    describe(&out, POWER, "battery", "battery", 0);
    describe(&out, AIR, "environment", "air", 0);
    describe(&out, STORE, "memory", "memory", 0);
    if (!out.full) send(PW_HELLO, out.at, board_clock_us());
}

static void send_chunks(uint8_t kind, const uint8_t *data, uint32_t total, uint32_t offset, uint32_t length) {
    uint32_t end = length < total - offset ? offset + length : total;
    while (offset < end) {
        uint32_t size = end - offset < 128 ? end - offset : 128;
        uint8_t *at = pw_chunk(frame + PW_HEADER, kind, 0, offset, total);
        memcpy(at, data + offset, size);
        send(PW_CHUNK, at + size, board_clock_us());
        offset += size;
    }
}

static const char *fetch(const pw_frame *asked) {
    pw_value kind, value;
    uint32_t offset = 0, length = UINT32_MAX, total;
    const uint8_t *data;
    if (!pw_find(asked->payload, asked->length, "kind", &kind)) return "which kind?";
    if (pw_find(asked->payload, asked->length, "table", &value) && value.number) return "there is only table 0";
    if (pw_find(asked->payload, asked->length, "offset", &value)) offset = (uint32_t)value.number;
    if (pw_find(asked->payload, asked->length, "length", &value)) length = (uint32_t)value.number;
    if (pw_is_text(&kind, "calibration"))
        data = calibration, total = sizeof calibration;
    else if (pw_is_text(&kind, "log"))
        data = (const uint8_t *)log_text, total = sizeof log_text - 1;
    else
        return "kind is calibration or log";
    if (offset > total) return "offset is behind the end";
    send_chunks(pw_is_text(&kind, "log") ? PW_LOG : PW_CALIBRATION, data, total, offset, length);
    return NULL;
}

static const char *command(const pw_frame *asked) {
    pw_value value;
    pw_piece piece;
    switch (asked->type) {
        case PW_CONFIGURE:
            if (!pw_find(asked->payload, asked->length, "rate_hz", &value)) return "only rate_hz can be set";
            if (value.number < 1 || value.number > 200) return "rate_hz is 1 to 200";
            rate_hz = (uint32_t)value.number;
            return NULL;
        case PW_START:
        case PW_STOP:
            streaming = asked->type == PW_START;
            return NULL;
        case PW_ACTUATE:
            if (!pw_find(asked->payload, asked->length, "actuator", &value) || !pw_is_text(&value, "led"))
                return "the only actuator is led";
            if (!pw_find(asked->payload, asked->length, "value", &value) || value.number < 0 || value.number > 255)
                return "value is 0 to 255";
            led = (uint32_t)value.number;
            return NULL;
        case PW_FETCH:
            return fetch(asked);
        case PW_CHUNK:
            if (!pw_read_chunk(asked, &piece) || piece.kind != PW_CALIBRATION || piece.table) return "not my table";
            if (piece.total != sizeof calibration) return "the table has another size";
            memcpy(calibration + piece.offset, piece.data, piece.size);
            return NULL;
        default:
            return "this board does not know that";
    }
}

static void answer(void *owner, const pw_frame *asked) {
    uint64_t came_us = board_clock_us(), host_ns;
    pw_value value;
    (void)owner;
    if (pw_read_time_request(asked, &host_ns)) {
        send(PW_TIME_REPLY, pw_time_reply(frame + PW_HEADER, host_ns, came_us, board_clock_us()), came_us);
    } else if (asked->type == PW_HELLO) {
        if (pw_find(asked->payload, asked->length, "ask", &value)) hello();
    } else if (asked->type != PW_ACK) {
        const char *error = command(asked); /* sends in between: the frame it came in stays in `received` */
        acknowledge(asked->sequence, error);
    }
}

static void send_samples(uint32_t number, uint64_t at_us) {
    uint32_t at_ms = (uint32_t)(at_us / 1000u);
    uint8_t *at = pw_grid(frame + PW_HEADER, MAT, PW_CELL_16_BIT, ROWS, COLS);
    scan_mat(at, at_ms);
    send(PW_PRESSURE_GRID, at + 2 * ROWS * COLS, at_us);
    at = pw_imu(frame + PW_HEADER, MOTION, PW_ACCELERATION | PW_ANGULAR_RATE, 1, 1000000u / rate_hz);
    at = pw_put16(pw_put16(pw_put16(at, 0), 0), 2048);
    at = pw_put16(pw_put16(pw_put16(at, (uint16_t)(at_ms % 1000u)), 0), 0);
    send(PW_IMU, at, at_us);
    if (number % (5 * rate_hz) == 0) {
        send(PW_BATTERY, pw_battery(frame + PW_HEADER, 87, 1, 3912), at_us);
        send(PW_ENVIRONMENT, pw_environment(frame + PW_HEADER, 2150, 4700, 1013250), at_us);
        send(PW_MEMORY, pw_memory(frame + PW_HEADER, 4096, 4096 - (sizeof log_text - 1)), at_us);
    }
}

int main(int count, char **words) {
    pw_reader reader;
    uint8_t piece[256];
    uint64_t due_us = 0;
    uint32_t number = 0;
    if (!board_open(count > 1 ? words[1] : NULL)) return 1;
    memset(calibration, 0, sizeof calibration);
    pw_reader_start(&reader, received, sizeof received);
    while (alive) {
        int size = board_read(piece, sizeof piece, streaming ? due_us : board_clock_us() + 1000000u);
        if (size < 0) break;
        pw_feed(&reader, piece, (size_t)size, answer, NULL);
        if (!streaming) {
            due_us = board_clock_us();
            number = 0;
        }
        for (; streaming && alive && board_clock_us() >= due_us; due_us += 1000000u / rate_hz)
            send_samples(number++, due_us);
    }
    return 0;
}
