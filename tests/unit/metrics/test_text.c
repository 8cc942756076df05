/* The text format: what each kind of sample looks like, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "metrics/text.h"

static struct wm_buf out;

static int setup(void **state)
{
	wm_buf_clear(&out);
	return 0;
}

static struct wm_metrics_family family(enum wm_metrics_kind kind)
{
	return (struct wm_metrics_family){.out = &out, .name = "x", .help = "Help.", .kind = kind};
}

#define HEAD(kind) "# HELP x Help.\n# TYPE x " kind "\n"

static void test_samples(void **state)
{
	struct wm_metrics_family f = family(WM_METRICS_COUNTER);
	const struct wm_label labels[] = {{"a", "1"}, {"b", ""}};
	wm_metrics_add(&f, NULL, 0, 0);
	wm_metrics_add(&f, labels, 1, UINT64_MAX);
	wm_metrics_add(&f, labels, 2, 7);
	assert_string_equal(wm_buf_str(&out), HEAD("counter") "x 0\n"
							      "x{a=\"1\"} 18446744073709551615\n"
							      "x{a=\"1\",b=\"\"} 7\n");
}

static void test_seconds(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} rows[] = {
		{0, "0"},
		{1, "0.000000001"},
		{10, "0.00000001"},
		{250000, "0.00025"},
		{1500000000, "1.5"},
		{2000000000, "2"},
		{INT64_C(1795341015677217406), "1795341015.677217406"},
		{INT64_MAX, "9223372036.854775807"},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_metrics_family f = family(WM_METRICS_GAUGE);
		wm_buf_clear(&out);
		wm_metrics_add_ns(&f, NULL, 0, rows[i].ns);
		char *value = (char *)out.data + strlen(HEAD("gauge") "x ");
		assert_int_equal(out.data[out.len - 1], '\n');
		out.data[out.len - 1] = '\0';
		assert_string_equal(value, rows[i].text);
	}
}

static void test_escapes(void **state)
{
	struct wm_metrics_family f = family(WM_METRICS_GAUGE);
	f.help = "a \"b\" \\ c\nd";
	wm_metrics_add(&f, &(struct wm_label){"l", "a \"b\" \\ c\nd \xc3\xa4 \xff\xc3 }"}, 1, 1);
	assert_string_equal(
		wm_buf_str(&out),
		"# HELP x a \"b\" \\\\ c\\nd\n# TYPE x gauge\n"
		"x{l=\"a \\\"b\\\" \\\\ c\\nd \xc3\xa4 \xef\xbf\xbd\xef\xbf\xbd }\"} 1\n");
}

static void test_histogram(void **state)
{
	struct wm_metrics_family f = family(WM_METRICS_HISTOGRAM);
	struct wm_histogram h = {.sum_ns = 0};
	wm_histogram_add(&h, 90000);
	wm_histogram_add(&h, 200000);
	wm_histogram_add(&h, 200000);
	wm_histogram_add(&h, INT64_C(11000000000));
	wm_metrics_add_histogram(&f, &(struct wm_label){"m", "y"}, 1, &h);
	const char *text = wm_buf_str(&out);
	assert_ptr_equal(strstr(text, HEAD("histogram") "x_bucket{m=\"y\",le=\"0.0001\"} 1\n"
							"x_bucket{m=\"y\",le=\"0.00025\"} 3\n"
							"x_bucket{m=\"y\",le=\"0.0005\"} 3\n"),
			 text);
	assert_non_null(strstr(text, "x_bucket{m=\"y\",le=\"10\"} 3\n"
				     "x_bucket{m=\"y\",le=\"+Inf\"} 4\n"
				     "x_sum{m=\"y\"} 11.00049\n"
				     "x_count{m=\"y\"} 4\n"));
}

static int teardown(void **state)
{
	wm_buf_fini(&out);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_samples, setup),
		cmocka_unit_test_setup(test_seconds, setup),
		cmocka_unit_test_setup(test_escapes, setup),
		cmocka_unit_test_setup(test_histogram, setup),
	};
	return cmocka_run_group_tests(tests, NULL, teardown);
}
