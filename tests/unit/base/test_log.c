#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define TIME_LEAST 20 /* of "2026-11-22T05:29:21Z" */

static FILE *file;
static char text[1 << 20];

static int setup(void **state)
{
	file = tmpfile();
	return file == NULL;
}

static int teardown(void **state)
{
	return fclose(file);
}

/* Everything that was written so far; the file is empty afterwards. */
static const char *written(void)
{
	int fd = fileno(file);
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	assert_int_equal(ftruncate(fd, 0), 0);
	lseek(fd, 0, SEEK_SET);
	return text;
}

/* The single line behind its time stamp, without the newline. */
static const char *line(void)
{
	char *s = text;
	char *end;

	written();
	end = strchr(s, '\n');
	assert_non_null(end);
	assert_string_equal(end, "\n");
	*end = '\0';
	if (*s == '{') {
		assert_true(wm_str_starts(s, "{\"time\":\"2"));
		s = strchr(s, ',');
	} else {
		assert_true(strlen(s) > TIME_LEAST && s[4] == '-' && s[10] == 'T');
		s = strchr(s, ' ') + 1;
	}
	assert_non_null(s);
	return s;
}

static struct wm_log *new_log(enum wm_log_format format)
{
	return wm_log_new(fileno(file), WM_LOG_INFO, format);
}

static void test_a_text_line(void **state)
{
	struct wm_log *log = new_log(WM_LOG_TEXT);

	wm_info(log, "peer.up", "node=%s rtt_ms=%u", "edge-3", 12);
	assert_string_equal(line(), "INFO  peer.up node=edge-3 rtt_ms=12");
	wm_error(log, "x", "%s", "");
	assert_string_equal(line(), "ERROR x");
	wm_warn(log, "y", "a=%d", 1);
	assert_string_equal(line(), "WARN  y a=1");
	wm_log_free(log);
}

static void test_text_cannot_forge_a_line(void **state)
{
	struct wm_log *log = new_log(WM_LOG_TEXT);

	wm_info(log, "e", "name=%s", "a\nb\r\x1b[31m\x7f");
	assert_string_equal(line(), "INFO  e name=a?b??[31m?");
	wm_log_free(log);
}

static void test_a_json_line(void **state)
{
	struct wm_log *log = new_log(WM_LOG_JSON);

	wm_info(log, "peer.up", "node=%s rtt_ms=%u", "edge-3", 12);
	assert_string_equal(
		line(),
		",\"level\":\"info\",\"event\":\"peer.up\",\"node\":\"edge-3\",\"rtt_ms\":\"12\"}");
	wm_info(log, "e", "%s", "");
	assert_string_equal(line(), ",\"level\":\"info\",\"event\":\"e\"}");
	wm_log_free(log);
}

static void test_json_values(void **state)
{
	static const char *const rows[][2] = {
		{"k=", "\"k\":\"\""},
		{"k=\"\"", "\"k\":\"\""},
		{"k=a\"b", "\"k\":\"a\\\"b\""},
		{"k=\"a \\\"b\\\" \\\\ \\n\\r\\t\"", "\"k\":\"a \\\"b\\\" \\\\ \\n\\r\\t\""},
		{"k=\"\\x1b\"", "\"k\":\"\\\\x1b\""},
		{"k=C:\\dir", "\"k\":\"C:\\\\dir\""},
		{"k=a\x01\n", "\"k\":\"a\\u0001\\u000a\""},
		{"k=\xc3\xa9", "\"k\":\"\xc3\xa9\""},
		{"k=\xc3", "\"k\":\"\xef\xbf\xbd\""},
		{"k=a=b", "\"k\":\"a=b\""},
		{"  a=1   b=2  ", "\"a\":\"1\",\"b\":\"2\""},
		{"err=no such device code=5", "\"err\":\"no such device\",\"code\":\"5\""},
		{"just words here", "\"message\":\"just words here\""},
		{"words then=1", "\"message\":\"words\",\"then\":\"1\""},
		{"k=\"never closed", "\"k\":\"never closed\""},
		{"k=\"ends in \\", "\"k\":\"ends in \""},
		{"=x", "\"message\":\"=x\""},
		{"k=\"a\"b c=2", "\"k\":\"ab\",\"c\":\"2\""},
	};
	struct wm_log *log = new_log(WM_LOG_JSON);

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		char expected[256];

		snprintf(expected, sizeof(expected), ",\"level\":\"info\",\"event\":\"e\",%s}",
			 rows[i][1]);
		wm_info(log, "e", "%s", rows[i][0]);
		assert_string_equal(line(), expected);
	}
	wm_log_free(log);
}

static void test_children_add_fields(void **state)
{
	for (int format = WM_LOG_TEXT; format <= WM_LOG_JSON; format++) {
		struct wm_log *log = new_log((enum wm_log_format)format);
		struct wm_log *wg = wm_log_child(log, "wg", "mesh=m1");
		struct wm_log *peer = wm_log_child(wg, NULL, "peer=x");
		struct wm_log *rpc = wm_log_child(wg, "rpc", NULL);
		bool is_text = format == WM_LOG_TEXT;

		wm_info(peer, "e", "a=1");
		assert_string_equal(line(), is_text ? "INFO  e component=wg mesh=m1 peer=x a=1"
						    : ",\"level\":\"info\",\"event\":\"e\","
						      "\"component\":\"wg\",\"mesh\":\"m1\","
						      "\"peer\":\"x\",\"a\":\"1\"}");
		wm_info(rpc, "e", "a=1");
		assert_string_equal(line(), is_text ? "INFO  e component=rpc mesh=m1 a=1"
						    : ",\"level\":\"info\",\"event\":\"e\","
						      "\"component\":\"rpc\",\"mesh\":\"m1\","
						      "\"a\":\"1\"}");
		wm_log_free(rpc);
		wm_log_free(peer);
		wm_log_free(wg);
		wm_log_free(log);
	}
}

static int n_evaluated;

static int evaluate(void)
{
	return ++n_evaluated;
}

static void test_levels(void **state)
{
	struct wm_log *log = new_log(WM_LOG_TEXT), *child = wm_log_child(log, "c", NULL);

	n_evaluated = 0;
	wm_debug(child, "e", "n=%d", evaluate());
	assert_int_equal(n_evaluated, 0); /* arguments of a silent level cost nothing */
	assert_string_equal(written(), "");
	wm_log_set_level(child, WM_LOG_TRACE); /* of the whole family */
	assert_true(wm_log_is_on(log, WM_LOG_TRACE));
	wm_trace(log, "e", "n=%d", evaluate());
	assert_string_equal(line(), "TRACE e n=1");
	wm_log_set_level(log, WM_LOG_OFF);
	assert_false(wm_log_is_on(child, WM_LOG_ERROR));
	assert_false(wm_log_is_on(child, WM_LOG_OFF));
	wm_log_write(child, WM_LOG_ERROR, "e", "a=1");
	assert_string_equal(written(), "");
	wm_log_free(child);
	wm_log_free(log);
}

static void test_no_logger_swallows(void **state)
{
	assert_null(wm_log_child(NULL, "x", "y=1"));
	assert_false(wm_log_is_on(NULL, WM_LOG_ERROR));
	wm_error(NULL, "e", "a=1");
	wm_log_write(NULL, WM_LOG_ERROR, "e", "a=1");
	wm_log_set_level(NULL, WM_LOG_INFO);
	wm_log_free(NULL);
}

static void test_level_names(void **state)
{
	static const char *const names[] = {"trace", "debug", "info", "warn", "error"};
	static const char *const none[] = {"silent", "off", ""};
	static const char *const bad[] = {"INFO", "warning", "info ", "7", NULL};
	enum wm_log_level level;

	for (size_t i = 0; i < WM_ARRAY_LEN(names); i++) {
		assert_true(wm_log_level_parse(names[i], &level));
		assert_int_equal(level, i);
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(none); i++) {
		level = WM_LOG_INFO;
		assert_true(wm_log_level_parse(none[i], &level));
		assert_int_equal(level, WM_LOG_OFF);
	}
	level = WM_LOG_WARN;
	for (size_t i = 0; i < WM_ARRAY_LEN(bad); i++)
		assert_false(wm_log_level_parse(bad[i], &level));
	assert_int_equal(level, WM_LOG_WARN);
}

static void test_long_lines_are_cut_and_whole(void **state)
{
	for (size_t n = 3800; n < 4300; n += 1) {
		char *value = wm_alloc(n + 1);

		memset(value, 'v', n);
		for (int format = WM_LOG_TEXT; format <= WM_LOG_JSON; format++) {
			struct wm_log *log = new_log((enum wm_log_format)format);
			const char *s;
			size_t len;

			wm_info(log, "e", "a=%s b=2", value);
			s = line();
			len = strlen(s);
			assert_true(len < 4096);
			if (format == WM_LOG_JSON)
				assert_true(wm_str_ends(s, "v...\"}") || wm_str_ends(s, "vv\"}") ||
					    wm_str_ends(s, "\"b\":\"2\"}"));
			else
				assert_true(wm_str_ends(s, "...") || wm_str_ends(s, " b=2"));
			wm_log_free(log);
		}
		wm_free(value);
	}
}

static void test_cutting_spares_characters(void **state)
{
	for (int shift = 0; shift < 4; shift++) {
		char value[4096 + 8] = "";

		memset(value, 'x', (size_t)shift);
		for (size_t at = (size_t)shift; at + 3 < 4090; at += 3)
			memcpy(value + at, "\xe2\x82\xac", 3);
		for (int format = WM_LOG_TEXT; format <= WM_LOG_JSON; format++) {
			struct wm_log *log = new_log((enum wm_log_format)format);
			const char *s;

			wm_info(log, "e", "a=%s", value);
			s = line();
			assert_true(wm_utf8_is_valid(s, strlen(s)));
			assert_non_null(strstr(s, "..."));
			wm_log_free(log);
		}
	}
}

static void test_many_keys_end_at_a_whole_pair(void **state)
{
	struct wm_log *log = new_log(WM_LOG_JSON);
	char pairs[4000] = "";

	for (int i = 0; i < 650; i++)
		snprintf(pairs + strlen(pairs), sizeof(pairs) - strlen(pairs), "k%d=1 ", i % 10);
	wm_info(log, "e", "%s", pairs);
	assert_true(wm_str_ends(line(), "\"}"));
	wm_log_free(log);
}

static void test_quote(void **state)
{
	static const char *const rows[][2] = {
		{"plain", "plain"},
		{"", "\"\""},
		{"two words", "\"two words\""},
		{"a=b", "\"a=b\""},
		{"q\"q", "\"q\\\"q\""},
		{"b\\b", "\"b\\\\b\""},
		{"l\nr\rt\t", "\"l\\nr\\rt\\t\""},
		{"\x1b[m", "\"\\x1b[m\""},
		{"\x7f", "\"\\x7f\""},
		{"\xc3\xa9", "\xc3\xa9"},
		{"\xc3\xa9 \xff", "\"\xc3\xa9 \\xff\""},
		{"[::1]:5", "[::1]:5"},
	};
	char out[64];

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++)
		assert_string_equal(wm_log_quote(rows[i][0], out, sizeof(out)), rows[i][1]);
	assert_string_equal(wm_log_quote(NULL, out, sizeof(out)), "\"\"");
}

static void test_quote_cuts(void **state)
{
	char out[12];

	assert_string_equal(wm_log_quote("0123456789a", out, 12), "0123456789a");
	assert_string_equal(wm_log_quote("0123456789ab", out, 12), "\"012345...\"");
	assert_string_equal(wm_log_quote("12345 789", out, 12), "\"12345 789\"");
	assert_string_equal(wm_log_quote("12345 7890", out, 12), "\"12345 ...\"");
	for (size_t size = 0; size < 40; size++) {
		char *exact = wm_alloc(size); /* AddressSanitizer watches its end */

		wm_log_quote("a \"quoted\" \n text \xe2\x82\xac of some length", exact, size);
		if (size > 0)
			assert_true(strlen(exact) < size);
		if (size >= 6)
			assert_true(exact[0] == '"' && wm_str_ends(exact, "\""));
		wm_free(exact);
	}
}

static void test_limit(void **state)
{
	struct wm_log_limit l = {0};
	int64_t t = 5 * WM_NS_PER_S;

	for (int i = 0; i < 3; i++) {
		assert_true(wm_log_limit_allow(&l, 3, t + i));
		assert_int_equal(l.suppressed, 0);
	}
	for (int i = 0; i < 7; i++)
		assert_false(wm_log_limit_allow(&l, 3, t + 10 + i));
	assert_false(wm_log_limit_allow(&l, 3, t + WM_NS_PER_S - 1));
	assert_true(wm_log_limit_allow(&l, 3, t + WM_NS_PER_S));
	assert_int_equal(l.suppressed, 8);
	assert_true(wm_log_limit_allow(&l, 3, t + WM_NS_PER_S + 1));
	assert_int_equal(l.suppressed, 0);         /* told already */
	assert_true(wm_log_limit_allow(&l, 3, t)); /* a clock that went back opens a new second */
}

static void test_limit_of_one_line(void **state)
{
	struct wm_log_limit l = {0}, never = {0};

	for (int64_t s = 1; s < 5; s++) {
		assert_true(wm_log_limit_allow(&l, 1, s * WM_NS_PER_S));
		assert_int_equal(l.suppressed, s == 1 ? 0 : 4);
		for (int i = 0; i < 4; i++)
			assert_false(wm_log_limit_allow(&l, 1, s * WM_NS_PER_S + i));
		assert_int_equal(l.suppressed, 4);
	}
	assert_false(wm_log_limit_allow(&never, 0, 1));
	assert_false(wm_log_limit_allow(&never, 0, 2 * WM_NS_PER_S));
	assert_int_equal(never.suppressed, 2);
}

static void *write_many(void *arg)
{
	for (int i = 0; i < 300; i++)
		wm_info((struct wm_log *)arg, "e", "i=%d", i);
	return NULL;
}

static void test_lines_of_threads_do_not_mix(void **state)
{
	struct wm_log *log = new_log(WM_LOG_TEXT);
	pthread_t threads[4];
	char *rest = text;
	int n = 0;

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_many, log), 0);
	wm_log_set_level(log, WM_LOG_DEBUG);
	for (unsigned i = 0; i < 1000; i++) {
		char recent[WM_LOG_RECENT_LINE];
		assert_true(wm_log_recent(log, i % WM_LOG_RECENT, recent) < 80);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	written();
	for (char *s = wm_str_cut(&rest, '\n'); rest != NULL; s = wm_str_cut(&rest, '\n')) {
		assert_non_null(strstr(s, "Z INFO  e i="));
		assert_true(strlen(s) < 60);
		n++;
	}
	assert_int_equal(n, 1200);
	wm_log_free(log);
}

static void test_the_format_changes_for_all(void **state)
{
	struct wm_log *log = new_log(WM_LOG_TEXT), *child = wm_log_child(log, "c", NULL);

	wm_log_set_format(child, WM_LOG_JSON);
	wm_info(log, "e", "a=1");
	assert_string_equal(line(), ",\"level\":\"info\",\"event\":\"e\",\"a\":\"1\"}");
	wm_log_set_format(log, WM_LOG_TEXT);
	wm_info(child, "e", "a=1");
	assert_string_equal(line(), "INFO  e component=c a=1");
	wm_log_set_format(NULL, WM_LOG_JSON);
	wm_log_free(child);
	wm_log_free(log);
}

/* sd-daemon(3): severities of syslog, and no time. */
static void test_a_journal(void **state)
{
	static const char *const severities[] = {"<7>", "<7>", "<6>", "<4>", "<3>"};
	struct wm_log *log = new_log(WM_LOG_TEXT), *child = wm_log_child(log, NULL, "m=1");

	wm_log_set_journal(child, true);
	wm_log_set_level(log, WM_LOG_TRACE);
	for (int level = WM_LOG_TRACE; level <= WM_LOG_ERROR; level++) {
		wm_log_write(log, (enum wm_log_level)level, "e", "a=1");
		assert_true(wm_str_starts(written(), severities[level]));
		assert_true(wm_str_ends(text, " e a=1\n") && strlen(text) == 15);
	}
	wm_warn(child, "e", "a=1");
	assert_string_equal(written(), "<4>WARN  e m=1 a=1\n");
	wm_log_set_format(log, WM_LOG_JSON);
	wm_error(child, "e", "a=1");
	assert_string_equal(written(), "<3>{\"level\":\"error\",\"event\":\"e\","
				       "\"m\":\"1\",\"a\":\"1\"}\n");
	wm_log_set_journal(log, false);
	wm_error(log, "e", "a=1");
	assert_true(wm_str_starts(line(), ",\"level\":\"error\""));
	wm_log_set_journal(NULL, true);
	wm_log_free(child);
	wm_log_free(log);
}

static const char *recent(const struct wm_log *log, unsigned i)
{
	static char out[WM_LOG_RECENT_LINE + 1];
	size_t n = wm_log_recent(log, i, out);

	out[n] = '\0';
	return n == 0 ? "" : strchr(out, ' ') + 1; /* behind the time */
}

static void test_the_last_lines_are_remembered(void **state)
{
	struct wm_log *log = new_log(WM_LOG_TEXT), *child = wm_log_child(log, NULL, "m=1");
	char expected[64], value[1000];

	assert_string_equal(recent(log, 0), "");
	wm_debug(log, "not.written", "a=1");
	wm_info(child, "e", "i=0");
	assert_string_equal(recent(child, 0), "INFO  e m=1 i=0");
	assert_string_equal(recent(log, 1), "");
	for (int i = 1; i < WM_LOG_RECENT + 5; i++)
		wm_info(log, "e", "i=%d", i);
	for (unsigned i = 0; i < WM_LOG_RECENT; i++) {
		snprintf(expected, sizeof(expected), "INFO  e i=%u", i + 5);
		assert_string_equal(recent(log, i), expected);
	}
	memset(value, 'v', sizeof(value));
	wm_info(log, "e", "a=%.999s", value);
	assert_true(wm_str_ends(recent(log, WM_LOG_RECENT - 1), "vvv"));
	assert_true(strlen(recent(log, WM_LOG_RECENT - 1)) < WM_LOG_RECENT_LINE);
	wm_log_set_format(log, WM_LOG_JSON);
	wm_info(log, "e", "a=1");
	assert_string_equal(recent(log, WM_LOG_RECENT - 1),
			    "{\"level\":\"info\",\"event\":\"e\",\"a\":\"1\"}");
	wm_log_free(child);
	wm_log_free(log);
}

static void test_a_line_that_was_torn(void **state)
{
	const struct rlimit small = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
	struct rlimit before;
	struct wm_log *log = new_log(WM_LOG_TEXT);
	void (*old)(int) = signal(SIGXFSZ, SIG_IGN);

	/* A file that may not grow beyond 100 bytes: the kernel writes what still fits. */
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	wm_info(log, "torn", "a=%s",
		"0123456789012345678901234567890123456789012345678901234567890123456789");
	wm_info(log, "lost", "a=1");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	wm_info(log, "whole", "a=1");
	written();
	signal(SIGXFSZ, old);
	assert_null(strstr(text, "lost"));
	assert_true(wm_str_ends(text, "INFO  whole a=1\n"));
	assert_non_null(strchr(text, '\n')); /* between the two */
	assert_ptr_not_equal(strchr(text, '\n'), strrchr(text, '\n'));
	wm_log_free(log);
}

static void test_a_closed_descriptor_is_survived(void **state)
{
	struct wm_log *log = wm_log_new(-1, WM_LOG_INFO, WM_LOG_TEXT);

	wm_info(log, "e", "a=1");
	wm_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_a_text_line),
		T(test_text_cannot_forge_a_line),
		T(test_a_json_line),
		T(test_json_values),
		T(test_children_add_fields),
		T(test_levels),
		T(test_no_logger_swallows),
		T(test_level_names),
		T(test_long_lines_are_cut_and_whole),
		T(test_cutting_spares_characters),
		T(test_many_keys_end_at_a_whole_pair),
		T(test_quote),
		T(test_quote_cuts),
		T(test_limit),
		T(test_limit_of_one_line),
		T(test_lines_of_threads_do_not_mix),
		T(test_the_format_changes_for_all),
		T(test_a_journal),
		T(test_the_last_lines_are_remembered),
		T(test_a_line_that_was_torn),
		T(test_a_closed_descriptor_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
