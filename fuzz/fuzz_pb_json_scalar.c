/*
 * Any text as each of the values that JSON holds in words and digits of its own. What parses must
 * come back unchanged through its printed form.
 */
#include "base/mem.h"
#include "pb/json_number.h"
#include "pb/json_time.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

static void check_times(const char *s)
{
	char text[WM_JSON_TIME_SIZE];
	int64_t seconds, seconds2;
	int32_t nanos, nanos2;

	if (wm_json_timestamp_parse(s, &seconds, &nanos)) {
		assert(wm_json_timestamp_format(seconds, nanos, text));
		assert(wm_json_timestamp_parse(text, &seconds2, &nanos2));
		assert(seconds == seconds2 && nanos == nanos2);
	}
	if (wm_json_duration_parse(s, &seconds, &nanos)) {
		assert(wm_json_duration_format(seconds, nanos, text));
		assert(wm_json_duration_parse(text, &seconds2, &nanos2));
		assert(seconds == seconds2 && nanos == nanos2);
	}
}

static void check_real(const char *s, bool is_float)
{
	char text[WM_JSON_REAL_SIZE];
	double value, again;

	if (!wm_json_real_parse(s, is_float, &value) || !wm_json_real_is_finite(value))
		return;
	wm_json_real_format(value, is_float, text);
	assert(wm_json_real_parse(text, is_float, &again));
	assert(memcmp(&value, &again, sizeof(value)) == 0);
}

static void check_whole(const char *s)
{
	int64_t i;
	uint64_t u;

	bool is_int = wm_json_int_parse(s, INT64_MIN, INT64_MAX, &i);
	bool is_uint = wm_json_uint_parse(s, UINT64_MAX, &u);
	if (is_int && is_uint)
		assert(i >= 0 && (uint64_t)i == u);
	else if (is_int)
		assert(i < 0);
	else if (is_uint)
		assert(u > INT64_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *s = wm_strndup((const char *)data, size);

	check_times(s);
	check_real(s, false);
	check_real(s, true);
	check_whole(s);
	wm_free(s);
	return 0;
}
