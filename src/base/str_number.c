/* The parts of base/str.h that read and write numbers, truth values and durations. */
#include "base/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads decimal digits into *@v and returns the first character behind them; NULL on overflow. */
static const char *read_digits(const char *s, uint64_t max, uint64_t *v)
{
	*v = 0;
	for (; is_digit(*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (*v > (max - digit) / 10)
			return NULL;
		*v = *v * 10 + digit;
	}
	return s;
}

char *wm_put_u64(char *out, uint64_t v)
{
	char digits[20];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + v % 10);
	while ((v /= 10) != 0);
	while (n > 0)
		*out++ = digits[--n];
	return out;
}

bool wm_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out)
{
	const char *end;
	uint64_t v;

	if (s == NULL || !is_digit(*s))
		return false;
	end = read_digits(s, UINT64_MAX, &v);
	if (end == NULL || *end != '\0' || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool wm_parse_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s != NULL && *s == '-';
	uint64_t magnitude;
	int64_t v;

	if (!wm_parse_u64(negative ? s + 1 : s, 0, (uint64_t)INT64_MAX + negative, &magnitude))
		return false;
	v = (int64_t)(negative ? 0 - magnitude : magnitude);
	if (v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool wm_parse_bool(const char *s, bool *out)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};

	for (size_t i = 0; i < WM_ARRAY_LEN(yes); i++) {
		if (wm_streq(s, yes[i]) || wm_streq(s, no[i])) {
			*out = wm_streq(s, yes[i]);
			return true;
		}
	}
	return false;
}

static const struct unit {
	const char *name;
	uint64_t ns;
} units[] = {
	{"ns", 1},
	{"us", 1000},
	{"\xc2\xb5s", 1000}, /* micro sign */
	{"\xce\xbcs", 1000}, /* Greek mu */
	{"ms", WM_NS_PER_MS},
	{"s", WM_NS_PER_S},
	{"m", 60 * WM_NS_PER_S},
	{"h", 3600 * WM_NS_PER_S},
};

static const struct unit *find_unit(const char *s, size_t n)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(units); i++) {
		if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
			return &units[i];
	}
	return NULL;
}

/* The digits behind a point, *@digits / *@scale; those that no longer fit are dropped. */
static const char *read_fraction(const char *s, uint64_t *digits, double *scale)
{
	*digits = 0;
	*scale = 1;
	for (; is_digit(*s); s++) {
		if (*digits < UINT64_MAX / 20) {
			*digits = *digits * 10 + (uint64_t)(*s - '0');
			*scale *= 10;
		}
	}
	return s;
}

#define DURATION_MAX ((uint64_t)INT64_MAX + 1) /* the magnitude of the smallest one */

/* One "<number><unit>" is added to *@total; returns what follows, or NULL on bad input. */
static const char *read_term(const char *s, uint64_t *total)
{
	const char *start = s;
	const struct unit *unit;
	uint64_t whole, fraction = 0;
	double scale = 1;
	bool has_digits;
	size_t n;

	s = read_digits(s, DURATION_MAX, &whole);
	if (s == NULL)
		return NULL;
	has_digits = s != start;
	if (*s == '.') {
		start = s + 1;
		s = read_fraction(start, &fraction, &scale);
		has_digits = has_digits || s != start;
	}
	n = strcspn(s, ".0123456789");
	unit = find_unit(s, n);
	if (!has_digits || unit == NULL || whole > DURATION_MAX / unit->ns)
		return NULL;
	whole = whole * unit->ns + (uint64_t)((double)fraction * ((double)unit->ns / scale));
	if (whole > DURATION_MAX || *total > DURATION_MAX - whole)
		return NULL;
	*total += whole;
	return s + n;
}

bool wm_parse_duration(const char *s, int64_t *out_ns)
{
	bool negative;
	uint64_t total = 0;

	if (s == NULL)
		return false;
	negative = *s == '-';
	if (*s == '-' || *s == '+')
		s++;
	if (*s == '\0')
		return false;
	if (wm_streq(s, "0"))
		s++;
	while (*s != '\0') {
		s = read_term(s, &total);
		if (s == NULL)
			return false;
	}
	if (!negative && total == DURATION_MAX)
		return false;
	*out_ns = (int64_t)(negative ? 0 - total : total);
	return true;
}

/* "<whole>.<fraction><name>" without the fraction's trailing zeros; returns the place behind it. */
static char *put_unit(char *out, uint64_t v, uint64_t unit, const char *name)
{
	uint64_t fraction = v % unit;
	size_t width = 0, name_len = strlen(name);

	out = wm_put_u64(out, v / unit);
	for (uint64_t u = unit; u > 1 && fraction != 0; u /= 10)
		width++;
	if (width > 0)
		*out++ = '.';
	for (size_t i = width; i > 0; i--, fraction /= 10)
		out[i - 1] = (char)('0' + fraction % 10);
	while (width > 0 && out[width - 1] == '0')
		width--;
	memcpy(out + width, name, name_len);
	return out + width + name_len;
}

static char *put_less_than_second(char *out, uint64_t ns)
{
	if (ns == 0)
		return put_unit(out, 0, 1, "s");
	if (ns < 1000)
		return put_unit(out, ns, 1, "ns");
	if (ns < WM_NS_PER_MS)
		return put_unit(out, ns, 1000, "\xc2\xb5s");
	return put_unit(out, ns, WM_NS_PER_MS, "ms");
}

static char *put_magnitude(char *out, uint64_t ns)
{
	const uint64_t second = WM_NS_PER_S;
	uint64_t minutes = ns / (60 * second);

	if (ns < second)
		return put_less_than_second(out, ns);
	if (minutes >= 60)
		out = put_unit(out, minutes / 60, 1, "h");
	if (minutes > 0)
		out = put_unit(out, minutes % 60, 1, "m");
	return put_unit(out, ns % (60 * second), second, "s");
}

char *wm_format_duration(int64_t ns, char *out, size_t size)
{
	char text[40], *end = text; /* the longest: -2562047h47m16.854775808s */

	if (ns < 0)
		*end++ = '-';
	end = put_magnitude(end, ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns);
	*end = '\0';
	(void)wm_str_copy(out, size, text);
	return out;
}

/* ---- sizes ---- */

static const struct {
	const char *name;
	int64_t bytes;
} size_units[] = {
	{"TiB", INT64_C(1) << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20},
	{"KiB", 1 << 10},          {"B", 1},         {"TB", INT64_C(1000000000000)},
	{"GB", 1000000000},        {"MB", 1000000},  {"kB", 1000},
};

bool wm_parse_size(const char *s, int64_t *out)
{
	char digits[24];
	size_t n = s != NULL ? strspn(s, "0123456789") : 0;
	int64_t count, unit = s != NULL && s[n] == '\0' ? 1 : 0;

	if (n == 0 || n >= sizeof(digits))
		return false;
	memcpy(digits, s, n);
	digits[n] = '\0';
	for (size_t i = 0; unit == 0 && i < WM_ARRAY_LEN(size_units); i++) {
		if (wm_streq(s + n, size_units[i].name))
			unit = size_units[i].bytes;
	}
	return unit != 0 && wm_parse_i64(digits, 0, INT64_MAX, &count) &&
	       !__builtin_mul_overflow(count, unit, out);
}

char *wm_format_size(int64_t bytes, char *out, size_t size)
{
	size_t i = 0;

	while (size_units[i].bytes > 1 && (bytes == 0 || bytes % size_units[i].bytes != 0))
		i++;
	snprintf(out, size, "%" PRId64 "%s", bytes / size_units[i].bytes,
		 size_units[i].bytes > 1 ? size_units[i].name : "");
	return out;
}
