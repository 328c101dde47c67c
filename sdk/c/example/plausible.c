// Plausible converts every point that the feed asks for, and marks as bad what cannot be true:
// value × factor + offset, which must be within min and max. All four are parameters, decimals, and optional.
#include "dodona.h"

enum { BAD_PARAM = 1, BAD_POINT = 2 }; // the codes of fail

// The parameters of the feed's rules.
typedef struct {
	decimal factor, offset, min, max;
	bool has_min, has_max;
	char unit[64]; // the longest that a point may have
	int32_t unit_len;
} limits;

static int32_t refuse(int32_t code, const char *what, uint32_t what_len, const char *name, uint32_t name_len, const char *why, uint32_t why_len) {
	dodona_text t = {0};
	dodona_append(&t, what, what_len);
	dodona_append(&t, name, name_len);
	dodona_append(&t, why, why_len);
	fail(code, t.bytes, t.len);
	return code;
}

// Sets *d and *given if the feed has the parameter, else leaves them.
static int32_t read_param(const char *name, uint32_t len, decimal *d, bool *given) {
	char text[256];
	int32_t n = param(name, len, text, sizeof text);
	if (n == -DODONA_ENOENT) {
		return 0;
	}
	if (n < 0 || n > (int32_t)sizeof text || !decimal_parse(text, (uint32_t)n, d)) {
		return refuse(BAD_PARAM, TEXT("param "), name, len, TEXT(": want a decimal such as -12.5"));
	}
	*given = true;
	return 0;
}

static int32_t read_limits(limits *l) {
	bool given;
	int32_t code;
	l->factor.mantissa = 1;
	if ((code = read_param(TEXT("factor"), &l->factor, &given)) || (code = read_param(TEXT("offset"), &l->offset, &given)) ||
		(code = read_param(TEXT("min"), &l->min, &l->has_min)) || (code = read_param(TEXT("max"), &l->max, &l->has_max))) {
		return code;
	}
	l->unit_len = param(TEXT("unit"), l->unit, sizeof l->unit);
	if (l->unit_len > (int32_t)sizeof l->unit) {
		return refuse(BAD_PARAM, TEXT("param "), TEXT("unit"), TEXT(": want at most 64 bytes"));
	}
	if (l->unit_len < 0) {
		l->unit_len = 0;
	}
	return 0;
}

// Writes why the converted value is bad, or nothing.
static void judge(const limits *l, decimal *d, dodona_text *reason) {
	decimal converted;
	if (!decimal_mul(*d, l->factor, &converted) || !decimal_add(converted, l->offset, &converted)) {
		decimal_append(reason, *d);
		dodona_append(reason, TEXT(" does not fit in 64 bits after conversion"));
		return;
	}
	*d = converted;
	if (l->has_min && decimal_compare(*d, l->min) < 0) {
		decimal_append(reason, *d);
		dodona_append(reason, TEXT(" is below min "));
		decimal_append(reason, l->min);
	} else if (l->has_max && decimal_compare(*d, l->max) > 0) {
		decimal_append(reason, *d);
		dodona_append(reason, TEXT(" is above max "));
		decimal_append(reason, l->max);
	}
}

static int32_t check(const limits *l, int32_t i) {
	decimal d = {0};
	int64_t time = DODONA_EVENT_TIME;
	int32_t quality = from_value(i, &d.mantissa, &d.exponent, &time);
	if (quality == -DODONA_ENOENT) {
		return 0; // the feed knows what to do about a missing point
	}
	dodona_text reason = {0};
	if (quality == -DODONA_ERANGE) {
		dodona_append(&reason, TEXT("the value does not fit in 64 bits"));
	} else if (quality < 0 || quality == DODONA_BAD) {
		dodona_append(&reason, TEXT("the value is bad already"));
	} else {
		judge(l, &d, &reason);
	}
	if (reason.len > 0) {
		quality = DODONA_BAD;
	}
	char id[DODONA_ID];
	int32_t id_len = from_id(i, id, sizeof id);
	if (id_len < 0 || id_len > DODONA_ID) {
		id_len = 0;
	}
	int32_t refused = point(id, (uint32_t)id_len, d.mantissa, d.exponent, l->unit, (uint32_t)l->unit_len, time, quality);
	if (refused == 0 && reason.len > 0) {
		refused = point_reason(reason.bytes, reason.len);
	}
	if (refused == 0) {
		return 0;
	}
	dodona_text error = {0};
	dodona_append(&error, TEXT(": error "));
	decimal_append(&error, (decimal){-refused, 0});
	return refuse(BAD_POINT, TEXT("point "), id, (uint32_t)id_len, error.bytes, error.len);
}

DODONA_EXPORT("dodona_run") int32_t run(void) {
	limits l = {0};
	int32_t code = read_limits(&l);
	for (int32_t i = 0; code == 0 && i < from_count(); i++) {
		code = check(&l, i);
	}
	return code;
}
