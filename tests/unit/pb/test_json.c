/*
 * protojson: what protojson_test.py, which compares with Google's implementation, cannot reach from
 * outside: limits, the caller's buffer, foreign locales, and the scalars one by one.
 */
#include "base/mem.h"
#include "pb/json.h"
#include "pb/json_number.h"
#include "pb/json_time.h"
#include "pb/message.h"
#include "pb/v1.h"
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TYPE_VALUE (&google__protobuf__value__descriptor)
#define TYPE_NODE  (&v1__mesh_node__descriptor)

static const char node_text[] =
	"{\"id\":\"n\",\"features\":[{\"feature\":\"MEMBERSHIP\",\"port\":8443},{\"port\":1}],"
	"\"joinedAt\":\"2023-12-15T10:00:00.500Z\"}";
static const char edge_text[] =
	"{\"source\":\"a\",\"weight\":99,\"attributes\":{\"x\":\"1\",\"y\":\"2\",\"z\":\"\"}}";

static int parse(struct wm_arena *a, const ProtobufCMessageDescriptor *type, const char *text,
		 ProtobufCMessage **out, struct wm_err *err)
{
	/* An exact copy without a NUL behind it. */
	WM_AUTO(wm_autofree) char *exact = wm_memdup(text, strlen(text));
	return wm_pb_json_parse(a, type, exact, strlen(text), 0, out, err);
}

static void test_round_trip(void **state)
{
	struct wm_arena a;
	struct wm_buf out = {0};
	ProtobufCMessage *m;

	wm_arena_init(&a, 0);
	assert_int_equal(parse(&a, TYPE_NODE, node_text, &m, NULL), 0);
	const V1__MeshNode *node = (const V1__MeshNode *)m;
	assert_int_equal(node->n_features, 2);
	assert_int_equal(node->features[0]->feature, V1__FEATURE__MEMBERSHIP);
	assert_int_equal(node->joinedat->seconds, 1702634400);
	assert_int_equal(node->joinedat->nanos, 500000000);
	wm_buf_add_str(&out, "kept ");
	assert_int_equal(wm_pb_json_format(m, 0, &out, NULL), 0);
	assert_memory_equal(out.data, "kept ", 5);
	assert_string_equal(wm_buf_str(&out) + 5, node_text);
	wm_buf_fini(&out);
	wm_arena_fini(&a);
}

static void test_map_is_printed_in_order(void **state)
{
	struct wm_arena a;
	struct wm_buf out = {0};
	ProtobufCMessage *m;

	wm_arena_init(&a, 0);
	assert_int_equal(parse(&a, &v1__mesh_edge__descriptor, edge_text, &m, NULL), 0);
	V1__MeshEdge *edge = (V1__MeshEdge *)m;
	V1__MeshEdge__AttributesEntry *first = edge->attributes[0];
	edge->attributes[0] = edge->attributes[2];
	edge->attributes[2] = first;
	assert_int_equal(wm_pb_json_format(m, 0, &out, NULL), 0);
	assert_string_equal(wm_buf_str(&out), edge_text);
	wm_buf_fini(&out);
	wm_arena_fini(&a);
}

/* A message that cannot be printed leaves the buffer as it was and names the field. */
static void test_failure_keeps_the_buffer(void **state)
{
	struct wm_buf out = {0};
	struct wm_err err;
	V1__FeaturePort port = V1__FEATURE_PORT__INIT;
	V1__FeaturePort *ports[] = {&port};
	V1__MeshNode node = V1__MESH_NODE__INIT;
	char bad[] = "\xff";

	port.port = 1;
	node.features = ports;
	node.n_features = 1;
	node.zoneawarenessid = bad;
	assert_int_equal(wm_pb_json_format(&node.base, 0, &out, &err), WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, "MeshNode.zoneAwarenessID: not UTF-8");
	assert_int_equal(out.len, 0);
	wm_buf_add_str(&out, "kept");
	assert_int_equal(wm_pb_json_format(&node.base, 0, &out, NULL), WM_INVALID_ARGUMENT);
	assert_string_equal(wm_buf_str(&out), "kept");
	wm_buf_fini(&out);
}

static void test_null_text_prints_as_empty(void **state)
{
	struct wm_buf out = {0};
	V1__MeshEdge__AttributesEntry entry = V1__MESH_EDGE__ATTRIBUTES_ENTRY__INIT;
	V1__MeshEdge__AttributesEntry *entries[] = {&entry};
	V1__MeshEdge edge = V1__MESH_EDGE__INIT;

	entry.key = entry.value = edge.source = NULL;
	edge.attributes = entries;
	edge.n_attributes = 1;
	assert_int_equal(wm_pb_json_format(&edge.base, 0, &out, NULL), 0);
	assert_string_equal(wm_buf_str(&out), "{\"attributes\":{\"\":\"\"}}");
	wm_buf_fini(&out);
}

/* Whatever the limit, the answer is the message or RESOURCE_EXHAUSTED. */
static void check_every_limit(const ProtobufCMessageDescriptor *type, const char *text)
{
	ProtobufCMessage *m;
	struct wm_err err;
	int rc = WM_RESOURCE_EXHAUSTED;

	for (size_t limit = 1; rc != 0; limit += 8) {
		struct wm_arena a;
		wm_arena_init(&a, limit);
		rc = parse(&a, type, text, &m, &err);
		assert_true(rc == 0 || rc == WM_RESOURCE_EXHAUSTED);
		wm_arena_fini(&a);
		assert_true(limit < 10000);
	}
}

static void test_every_limit(void **state)
{
	check_every_limit(TYPE_NODE, node_text);
	check_every_limit(&v1__mesh_edge__descriptor, edge_text);
	check_every_limit(&v1__publish_request__descriptor,
			  "{\"key\":\"AAECAwQF\",\"value\":\"\",\"ttl\":\"1.5s\"}");
	check_every_limit(TYPE_VALUE, "[{\"a\":[1,2,3,4,5]},null,true,\"x\"]");
}

static void test_every_cut_is_refused(void **state)
{
	struct wm_arena a;
	struct wm_err err;
	ProtobufCMessage *m;

	wm_arena_init(&a, 0);
	for (size_t n = 0; n < sizeof(node_text) - 1; n++) {
		WM_AUTO(wm_autofree) char *cut = wm_memdup(node_text, n);
		assert_int_equal(wm_pb_json_parse(&a, TYPE_NODE, cut, n, 0, &m, &err),
				 WM_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, "line 1, column "));
	}
	wm_arena_fini(&a);
}

static void check_real(double value, bool is_float, const char *text)
{
	char printed[WM_JSON_REAL_SIZE];
	double back = 7;

	wm_json_real_format(value, is_float, printed);
	assert_string_equal(printed, text);
	if (isfinite(value)) {
		assert_true(wm_json_real_parse(printed, is_float, &back));
		assert_memory_equal(&back, &value, sizeof(value));
	}
}

static void check_reals(void)
{
	double out = 7;

	check_real(0.1, false, "0.1");
	check_real(1.0 / 3, false, "0.3333333333333333");
	check_real(1e21, false, "1e+21");
	check_real(-0.0, false, "-0");
	check_real(5e-324, false, "5e-324");
	check_real(1.7976931348623157e308, false, "1.7976931348623157e+308");
	check_real((double)0.1f, true, "0.1");
	check_real((double)1e-45f, true, "1e-45");
	check_real((double)16777217.0f, true, "16777216");
	check_real(NAN, false, "\"NaN\"");
	check_real(-INFINITY, true, "\"-Infinity\"");
	assert_true(wm_json_real_parse("1.5e3", false, &out));
	assert_true(out == 1500);
	assert_true(wm_json_real_parse("Infinity", false, &out));
	assert_true(isinf(out));
	assert_false(wm_json_real_parse("1,5", false, &out));
	assert_false(wm_json_real_parse("1e309", false, &out));
	assert_false(wm_json_real_parse("3.5e38", true, &out));
	assert_false(wm_json_real_parse("inf", false, &out));
	assert_false(wm_json_real_parse("", false, &out));
	assert_true(isinf(out));
}

static void test_reals(void **state)
{
	check_reals();
}

/* In a process whose locale writes 0,1 the texts are the same. */
static void test_reals_with_a_decimal_comma(void **state)
{
	char folder[] = "/tmp/wm-locale-XXXXXX";
	char command[256];

	assert_non_null(mkdtemp(folder));
	snprintf(command, sizeof(command), "localedef -i de_DE -f UTF-8 %s/comma", folder);
	assert_int_equal(system(command), 0);
	assert_int_equal(setenv("LOCPATH", folder, 1), 0);
	assert_non_null(setlocale(LC_NUMERIC, "comma"));
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	assert_string_equal(localeconv()->decimal_point, ",");
	check_reals();
	setlocale(LC_NUMERIC, "C");
}

static void test_whole_numbers(void **state)
{
	static const struct {
		const char *text;
		bool ok;
		int64_t value;
	} cases[] = {
		{"0", true, 0},
		{"-0", true, 0},
		{"0e99999999999", true, 0},
		{"0.000e-5", true, 0},
		{"1e3", true, 1000},
		{"120.0", true, 120},
		{"1200e-2", true, 12},
		{"0.0012E4", true, 12},
		{"9223372036854775807", true, INT64_MAX},
		{"-9223372036854775808", true, INT64_MIN},
		{"9223372036854775808", false, 0},
		{"-9223372036854775809", false, 0},
		{"18446744073709551616", false, 0},
		{"1e19", false, 0},
		{"1e99999999999", false, 0},
		{"1e-1", false, 0},
		{"0.5", false, 0},
		{"12a", false, 0},
		{" 1", false, 0},
		{"", false, 0},
		{"-", false, 0},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(cases); i++) {
		int64_t v = 7;
		bool ok = wm_json_int_parse(cases[i].text, INT64_MIN, INT64_MAX, &v);
		if (ok != cases[i].ok || v != (ok ? cases[i].value : 7))
			fail_msg("%s", cases[i].text);
	}
	uint64_t u = 7;
	assert_true(wm_json_uint_parse("18446744073709551615", UINT64_MAX, &u));
	assert_true(u == UINT64_MAX);
	assert_false(wm_json_uint_parse("18446744073709551616", UINT64_MAX, &u));
	assert_false(wm_json_uint_parse("4294967296", UINT32_MAX, &u));
	assert_false(wm_json_uint_parse("-1", UINT64_MAX, &u));
	assert_true(wm_json_uint_parse("-0", UINT64_MAX, &u));
	assert_true(u == 0);
}

/* Every day of 0001 to 9999 in steps, both ways, against a calendar counted by hand. */
static void test_every_date(void **state)
{
	static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	int64_t at = -62135596800;
	char expected[WM_JSON_TIME_SIZE], printed[WM_JSON_TIME_SIZE];

	for (int year = 1; year <= 9999; year++) {
		bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
		for (int month = 1; month <= 12; month++) {
			int days = lengths[month - 1] + (month == 2 && leap);
			int64_t back;
			int32_t nanos;
			snprintf(expected, sizeof(expected), "%04d-%02d-%02dT23:59:59Z", year,
				 month, days);
			int64_t last = at + days * 86400LL - 1;
			assert_true(wm_json_timestamp_format(last, 0, printed));
			assert_string_equal(printed, expected);
			assert_true(wm_json_timestamp_parse(printed, &back, &nanos));
			assert_true(back == last && nanos == 0);
			at = last + 1;
		}
	}
	assert_false(wm_json_timestamp_format(at, 0, printed));
	assert_false(wm_json_timestamp_format(0, -1, printed));
	assert_false(wm_json_timestamp_format(0, 1000000000, printed));
	assert_false(wm_json_timestamp_format(-62135596801, 0, printed));
}

static void test_durations(void **state)
{
	char text[WM_JSON_TIME_SIZE];
	int64_t seconds;
	int32_t nanos;

	assert_true(wm_json_duration_format(-1, -500000000, text));
	assert_string_equal(text, "-1.500s");
	assert_true(wm_json_duration_format(0, -1, text));
	assert_string_equal(text, "-0.000000001s");
	assert_true(wm_json_duration_parse("-0.5s", &seconds, &nanos));
	assert_true(seconds == 0 && nanos == -500000000);
	assert_false(wm_json_duration_format(1, -1, text));
	assert_false(wm_json_duration_format(-1, 1, text));
	assert_false(wm_json_duration_format(0, 1000000000, text));
	assert_false(wm_json_duration_format(315576000001, 0, text));
	assert_false(wm_json_duration_parse("99999999999999999999s", &seconds, &nanos));
	assert_false(wm_json_duration_parse("1.s", &seconds, &nanos));
	assert_false(wm_json_duration_parse("1m", &seconds, &nanos));
	assert_false(wm_json_duration_parse("1sx", &seconds, &nanos));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_map_is_printed_in_order),
		cmocka_unit_test(test_failure_keeps_the_buffer),
		cmocka_unit_test(test_null_text_prints_as_empty),
		cmocka_unit_test(test_every_limit),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_reals),
		cmocka_unit_test(test_reals_with_a_decimal_comma),
		cmocka_unit_test(test_whole_numbers),
		cmocka_unit_test(test_every_date),
		cmocka_unit_test(test_durations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
