// What a Dodona module written in C talks to its host with: the whole of the guest interface dodona_v1 (spec/abi.md),
// and exact decimals. One header, no libc. A module exports its one function so, and returns 0 for an answered event:
//
//     DODONA_EXPORT("dodona_run") int32_t run(void) { … }
//
// Only the functions that a module calls become imports of it. Negative results are -errno.
#ifndef DODONA_H
#define DODONA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DODONA_EXPORT(name) __attribute__((export_name(name)))
#define DODONA_IMPORT(name) extern __attribute__((import_module("dodona_v1"), import_name(#name)))

enum { // refusals, negated; http_get also has 1000 + status
	DODONA_ENOENT = 2,
	DODONA_EIO = 5,
	DODONA_EAGAIN = 11,
	DODONA_EACCES = 13,
	DODONA_EINVAL = 22,
	DODONA_ENOSPC = 28,
	DODONA_ERANGE = 34,
	DODONA_ETIMEDOUT = 110,
};

enum { DODONA_GOOD, DODONA_UNCERTAIN, DODONA_BAD };                // qualities; the number of a bad point does not count
enum { DODONA_DEBUG, DODONA_INFO, DODONA_WARN, DODONA_ERROR };     // levels of the log
enum { DODONA_SOURCE, DODONA_ITEM, DODONA_CONTENT_TYPE, DODONA_RECEIVED, DODONA_SOURCE_TIME, DODONA_QUALITY }; // keys of input_meta
enum { DODONA_ED25519, DODONA_SECP256K1 };                         // algorithms of verify

#define DODONA_UNKNOWN_TIME (-62135596800000LL) // what the host says where it knows no time
#define DODONA_EVENT_TIME INT64_MIN             // the time of the event's oldest reading
#define DODONA_ID 255                           // bytes of the longest id of a point

// Core: always there.

DODONA_IMPORT(input_count) int32_t input_count(void);
DODONA_IMPORT(input_size) int32_t input_size(int32_t i);
DODONA_IMPORT(input_read) int32_t input_read(int32_t i, void *dst, uint32_t off, uint32_t len);
DODONA_IMPORT(input_meta) int32_t input_meta(int32_t i, int32_t key, void *dst, uint32_t cap);
DODONA_IMPORT(input_json) int32_t input_json(int32_t i, const char *path, uint32_t len, int64_t *mantissa, int32_t *exponent);
DODONA_IMPORT(from_count) int32_t from_count(void);
DODONA_IMPORT(from_id) int32_t from_id(int32_t i, char *dst, uint32_t cap);
DODONA_IMPORT(from_value) int32_t from_value(int32_t i, int64_t *mantissa, int32_t *exponent, int64_t *time_ms);
DODONA_IMPORT(point) int32_t point(const char *id, uint32_t id_len, int64_t mantissa, int32_t exponent,
	const char *unit, uint32_t unit_len, int64_t time_ms, int32_t quality);
DODONA_IMPORT(point_reason) int32_t point_reason(const char *text, uint32_t len);
DODONA_IMPORT(output_write) int32_t output_write(const void *p, uint32_t len);
DODONA_IMPORT(param) int32_t param(const char *name, uint32_t name_len, char *dst, uint32_t cap);
DODONA_IMPORT(fail) void fail(int32_t code, const char *text, uint32_t len);
DODONA_IMPORT(log) void dodona_log(int32_t level, const char *text, uint32_t len);

// Capabilities: they run only where the module's manifest asks for them and the operator grants them.

DODONA_IMPORT(now_ms) int64_t now_ms(void);
DODONA_IMPORT(random) int32_t dodona_random(void *dst, uint32_t len);
DODONA_IMPORT(http_get) int32_t http_get(const char *url, uint32_t len);
DODONA_IMPORT(read_sensor) int32_t read_sensor(const char *source, uint32_t len);
DODONA_IMPORT(result_read) int32_t result_read(void *dst, uint32_t off, uint32_t len);
DODONA_IMPORT(result_ms) int64_t result_ms(void);
DODONA_IMPORT(verify) int32_t verify(int32_t algorithm, const void *key, uint32_t key_len, const void *sig, uint32_t sig_len,
	const void *message, uint32_t message_len);
DODONA_IMPORT(state_get) int32_t state_get(const char *key, uint32_t len);
DODONA_IMPORT(state_put) int32_t state_put(const char *key, uint32_t len, const void *value, uint32_t value_len);
DODONA_IMPORT(serial_open) int32_t serial_open(const char *name, uint32_t len);
DODONA_IMPORT(serial_read) int32_t serial_read(int32_t port, void *dst, uint32_t len, uint32_t timeout_ms);
DODONA_IMPORT(serial_write) int32_t serial_write(int32_t port, const void *p, uint32_t len);
DODONA_IMPORT(serial_close) int32_t serial_close(int32_t port);

// Texts are bytes and a length. TEXT("…") is both.
#define TEXT(literal) (literal), (sizeof(literal) - 1)

#define DODONA_TEXT 512 // bytes of the longest text for people

// A dodona_text collects such a text. What does not fit is cut.
typedef struct {
	uint32_t len;
	char bytes[DODONA_TEXT];
} dodona_text;

static inline void dodona_append(dodona_text *t, const char *s, uint32_t len) {
	for (uint32_t i = 0; i < len && t->len < sizeof t->bytes; i++) {
		t->bytes[t->len++] = s[i];
	}
}

// A decimal is the number mantissa × 10^exponent, exactly. Arithmetic returns whether the result fits in 64 bits and
// exponents of -57 to 57, and leaves it without trailing zeros.
typedef struct {
	int64_t mantissa;
	int32_t exponent;
} decimal;

#define DODONA_MAX_EXPONENT 57

static inline bool decimal_normal(decimal *d) {
	if (d->mantissa == 0) {
		d->exponent = 0;
		return true;
	}
	for (; d->mantissa % 10 == 0; d->mantissa /= 10) {
		d->exponent++;
	}
	return d->exponent >= -DODONA_MAX_EXPONENT && d->exponent <= DODONA_MAX_EXPONENT;
}

static inline bool decimal_digit(char c) { return c >= '0' && c <= '9'; }

// Reads what follows the digits: nothing, or e and an integer of up to six digits.
static inline bool decimal_parse_exponent(const char *s, uint32_t len, int32_t *e) {
	*e = 0;
	if (len == 0) {
		return true;
	}
	if (s[0] != 'e' && s[0] != 'E') {
		return false;
	}
	uint32_t at = 1;
	bool negative = false;
	if (at < len && (s[at] == '-' || s[at] == '+')) {
		negative = s[at++] == '-';
	}
	if (at == len || len - at > 6) {
		return false;
	}
	for (; at < len; at++) {
		if (!decimal_digit(s[at])) {
			return false;
		}
		*e = *e * 10 + (s[at] - '0');
	}
	if (negative) {
		*e = -*e;
	}
	return true;
}

// Reads digits with at most one point, such as -12.5 or 3e2. False for anything else, for what does not fit, and for more than 256
// characters.
static inline bool decimal_parse(const char *s, uint32_t len, decimal *d) {
	uint32_t at = 0;
	bool negative = false, digits = false, point = false;
	if (at < len && (s[at] == '-' || s[at] == '+')) {
		negative = s[at++] == '-';
	}
	// Zeros count only if another digit follows, so that 1.000 is 1 and 1000 is 1e3.
	int64_t mantissa = 0;
	int32_t zeros = 0, exponent = 0, e;
	if (len > 256) {
		return false;
	}
	for (; at < len; at++) {
		if (s[at] == '.' && digits && !point) {
			point = true;
			digits = false;
			continue;
		}
		if (!decimal_digit(s[at])) {
			break;
		}
		digits = true;
		exponent -= point;
		zeros++;
		if (s[at] == '0') {
			continue;
		}
		for (; zeros > 0 && mantissa != 0; zeros--) {
			if (mantissa > INT64_MAX / 10) {
				return false;
			}
			mantissa *= 10;
		}
		zeros = 0;
		if (mantissa > INT64_MAX - (s[at] - '0')) {
			return false;
		}
		mantissa += s[at] - '0';
	}
	if (!digits || !decimal_parse_exponent(s + at, len - at, &e)) {
		return false;
	}
	*d = (decimal){negative ? -mantissa : mantissa, exponent + zeros + e};
	return decimal_normal(d);
}

// Multiplies by 10^n.
static inline bool decimal_scale(int64_t *m, int32_t n) {
	for (; n > 0 && *m != 0; n--) {
		if (*m > INT64_MAX / 10 || *m < INT64_MIN / 10) {
			return false;
		}
		*m *= 10;
	}
	return true;
}

static inline uint64_t decimal_magnitude(int64_t m) { return m < 0 ? -(uint64_t)m : (uint64_t)m; }

static inline bool decimal_mul(decimal a, decimal b, decimal *product) {
	if (!decimal_normal(&a) || !decimal_normal(&b)) {
		return false;
	}
	uint64_t x = decimal_magnitude(a.mantissa), y = decimal_magnitude(b.mantissa);
	if (y != 0 && x > INT64_MAX / y) {
		return false;
	}
	*product = (decimal){a.mantissa * b.mantissa, a.exponent + b.exponent};
	return decimal_normal(product);
}

static inline bool decimal_add(decimal a, decimal b, decimal *sum) {
	if (!decimal_normal(&a) || !decimal_normal(&b)) {
		return false;
	}
	if (a.mantissa == 0 || b.mantissa == 0) {
		*sum = a.mantissa == 0 ? b : a;
		return true;
	}
	if (a.exponent < b.exponent) {
		decimal swap = a;
		a = b;
		b = swap;
	}
	if (!decimal_scale(&a.mantissa, a.exponent - b.exponent)) {
		return false;
	}
	int64_t m = (int64_t)((uint64_t)a.mantissa + (uint64_t)b.mantissa);
	if ((a.mantissa < 0) == (b.mantissa < 0) && (m < 0) != (a.mantissa < 0)) {
		return false;
	}
	*sum = (decimal){m, b.exponent};
	return decimal_normal(sum);
}

// Returns -1, 0 or 1 as a is less than, equal to or greater than b.
static inline int decimal_compare(decimal a, decimal b) {
	int sign = 1;
	if (a.exponent < b.exponent) {
		decimal swap = a;
		a = b;
		b = swap;
		sign = -1;
	}
	int64_t m = a.mantissa;
	if (!decimal_scale(&m, a.exponent - b.exponent)) {
		return a.mantissa < 0 ? -sign : sign;
	}
	return m < b.mantissa ? -sign : m > b.mantissa ? sign : 0;
}

// Appends d without exponent and without trailing zeros; "?" if its exponent is out of range.
static inline void decimal_append(dodona_text *t, decimal d) {
	if (!decimal_normal(&d)) {
		dodona_append(t, "?", 1);
		return;
	}
	uint64_t m = decimal_magnitude(d.mantissa);
	char b[DODONA_MAX_EXPONENT + 22]; // from the right: 57 zeros or decimals, a point, 20 digits and a sign at most
	uint32_t at = sizeof b;
	for (int32_t n = d.exponent; n > 0; n--) {
		b[--at] = '0';
	}
	for (int32_t left = -d.exponent; m > 0 || left >= 0; left--) {
		if (left == 0 && d.exponent < 0) {
			b[--at] = '.';
		}
		b[--at] = (char)('0' + m % 10);
		m /= 10;
	}
	if (d.mantissa < 0) {
		b[--at] = '-';
	}
	dodona_append(t, b + at, sizeof b - at);
}

#endif
