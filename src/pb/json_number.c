#include "pb/json_number.h"
#include "pb/json_read.h"
#include "base/mem.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool wm_json_real_is_finite(double value)
{
	return isfinite(value);
}

/* Puts '.' for whatever printf wrote between the digits; that may be more than one byte. */
static void fix_point(char *s)
{
	char *to = s;
	for (bool in_point = false; *s != '\0'; s++) {
		bool plain = strchr("0123456789+-e", *s) != NULL;
		if (plain)
			*to++ = *s;
		else if (!in_point)
			*to++ = '.';
		in_point = !plain;
	}
	*to = '\0';
}

static bool reads_back(const char *s, double value, bool is_float)
{
	return is_float ? strtof(s, NULL) == (float)value : strtod(s, NULL) == value;
}

void wm_json_real_format(double value, bool is_float, char out[WM_JSON_REAL_SIZE])
{
	/* A number below the normal range may be told from its neighbours by a single digit. */
	bool normal = is_float ? isnormal((float)value) : isnormal(value);
	int digits = !normal ? 1 : is_float ? FLT_DIG : DBL_DIG;

	if (isnan(value)) {
		strcpy(out, "\"NaN\"");
		return;
	}
	if (isinf(value)) {
		strcpy(out, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	do
		snprintf(out, WM_JSON_REAL_SIZE, "%.*g", digits, value);
	while (!reads_back(out, value, is_float) && ++digits <= DBL_DECIMAL_DIG);
	fix_point(out);
}

/* strtod wants the decimal point of the locale, so where that is not '.', it gets a copy. */
static bool read_real(const char *s, bool is_float, double *out)
{
	const char *point = localeconv()->decimal_point;
	size_t n = strlen(s), before = strcspn(s, ".");
	WM_AUTO(wm_autofree) char *copy = NULL;

	if (s[before] == '.' && strcmp(point, ".") != 0) {
		size_t size = n + strlen(point) + 1;
		copy = wm_try_alloc(size);
		if (copy == NULL)
			return false;
		snprintf(copy, size, "%.*s%s%s", (int)before, s, point, s + before + 1);
		s = copy;
	}
	*out = is_float ? (double)strtof(s, NULL) : strtod(s, NULL);
	return isfinite(*out);
}

bool wm_json_real_parse(const char *s, bool is_float, double *out)
{
	static const struct {
		const char *word;
		double value;
	} words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

	for (size_t i = 0; i < WM_ARRAY_LEN(words); i++) {
		if (strcmp(s, words[i].word) == 0) {
			*out = words[i].value;
			return true;
		}
	}
	size_t n = strlen(s);
	if (n == 0 || wm_json_number_span(s, n) != n)
		return false;
	double value;
	if (!read_real(s, is_float, &value))
		return false;
	*out = value;
	return true;
}

/* A number taken apart: sign, its digits without the point, and the power of ten they stand for. */
struct decimal {
	bool negative;
	const char *s; /* the digits, with a point among them that is to be passed over */
	size_t n;      /* significant ones; the rest are zeros */
	long exponent; /* of the last significant digit */
};

#define EXPONENT_BOUND 1000000 /* beyond any text that fits a message */

static bool take_apart(const char *s, struct decimal *d)
{
	size_t len = strlen(s);
	if (len == 0 || len > EXPONENT_BOUND || wm_json_number_span(s, len) != len)
		return false;
	d->negative = *s == '-';
	s += d->negative;
	d->s = s;
	d->n = 0;
	size_t seen = 0, places = strspn(s, "0123456789");
	for (; *s != '\0' && *s != 'e' && *s != 'E'; s++) {
		if (*s == '.')
			continue;
		seen++;
		if (*s != '0')
			d->n = seen;
	}
	long exponent = *s != '\0' ? strtol(s + 1, NULL, 10) : 0;
	if (exponent > EXPONENT_BOUND)
		exponent = EXPONENT_BOUND;
	if (exponent < -EXPONENT_BOUND)
		exponent = -EXPONENT_BOUND;
	d->exponent = exponent + (long)places - (long)d->n;
	return true;
}

static bool push_digit(uint64_t *v, unsigned digit)
{
	return !__builtin_mul_overflow(*v, 10u, v) && !__builtin_add_overflow(*v, digit, v);
}

static bool parse_whole(const char *s, bool *negative, uint64_t *out)
{
	struct decimal d;
	uint64_t v = 0;

	if (!take_apart(s, &d))
		return false;
	*negative = d.negative;
	*out = 0;
	if (d.n == 0)
		return true;
	if (d.exponent < 0)
		return false;
	for (size_t i = 0; i < d.n; d.s++) {
		if (*d.s == '.')
			continue;
		if (!push_digit(&v, (unsigned)(*d.s - '0')))
			return false;
		i++;
	}
	for (long i = 0; i < d.exponent; i++)
		if (!push_digit(&v, 0))
			return false;
	*out = v;
	return true;
}

bool wm_json_int_parse(const char *s, int64_t min, int64_t max, int64_t *out)
{
	bool negative;
	uint64_t magnitude;

	if (!parse_whole(s, &negative, &magnitude))
		return false;
	if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return false;
	int64_t v = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool wm_json_uint_parse(const char *s, uint64_t max, uint64_t *out)
{
	bool negative;
	uint64_t magnitude;

	if (!parse_whole(s, &negative, &magnitude) || magnitude > max ||
	    (negative && magnitude != 0))
		return false;
	*out = magnitude;
	return true;
}
