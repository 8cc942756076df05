/* Two loads of one table: what differs, and what changes places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "conf/conf.h"

struct values {
	char *level, *secret, *stays;
	int64_t count, wait;
	bool on;
	uint16_t port;
	struct wm_conf_list list, kept_list;
	struct wm_conf_map map;
	struct wm_prefix net;
	struct wm_endpoint at;
	struct wm_addr ip;
};

#define ROW(k, f, ...)                         \
	{.section = "",                        \
	 .name = #f,                           \
	 .kind = WM_CONF_##k,                  \
	 .offset = offsetof(struct values, f), \
	 .help = #f,                           \
	 __VA_ARGS__}
#define RELOAD .attrs = WM_CONF_RELOAD

static const struct wm_conf_option rows[] = {
	ROW(WORD, level, .def = "info", .words = "info|debug", RELOAD),
	ROW(STRING, secret, .def = "", .attrs = WM_CONF_RELOAD | WM_CONF_SECRET),
	ROW(STRING, stays, .def = "old"),
	ROW(INT, count, .def = "1", .max = 9, RELOAD),
	ROW(DURATION, wait, .def = "1s", .max = INT64_MAX, RELOAD),
	ROW(BOOL, on, .def = "false", RELOAD),
	ROW(PORT, port, .def = "1", RELOAD),
	ROW(LIST, list, .def = "", .of = WM_CONF_STRING, RELOAD),
	ROW(LIST, kept_list, .def = "a", .of = WM_CONF_STRING),
	ROW(MAP, map, .def = "", .of = WM_CONF_STRING, RELOAD),
	ROW(PREFIX, net, .def = "", RELOAD),
	ROW(ENDPOINT, at, .def = "", RELOAD),
	ROW(IP, ip, .def = "", RELOAD),
};
static const struct wm_conf_section sections[] = {{"", "All"}};
static const struct wm_conf_table table = {.rows = rows,
					   .n_rows = WM_ARRAY_LEN(rows),
					   .sections = sections,
					   .n_sections = 1,
					   .size = sizeof(struct values)};

static struct wm_conf *load(const char *const *argv)
{
	struct wm_conf *c = wm_conf_new(&table, 0);
	struct wm_err err;
	int argc = 0;
	while (argv[argc] != NULL)
		argc++;
	if (wm_conf_load(c, argc, (char *const *)(uintptr_t)argv, NULL, &err) != 0)
		fail_msg("%s", err.text);
	return c;
}

#define LOAD(...) load((const char *[]){"program", __VA_ARGS__, NULL})

static void note(void *arg, const struct wm_conf_option *o)
{
	wm_buf_printf(arg, "%s ", o->name);
}

static void differ(const struct wm_conf *a, const struct wm_conf *b, const char *names, size_t n)
{
	struct wm_buf found = {0};
	assert_int_equal(wm_conf_compare(a, b, note, &found), n);
	assert_string_equal(wm_buf_str(&found), names);
	assert_int_equal(wm_conf_compare(b, a, NULL, NULL), n);
	wm_buf_fini(&found);
}

static void test_the_same(void **state)
{
	struct wm_conf *a = LOAD("--list", "a,b"),
		       *b = LOAD("--list=a", "--list=b", "--wait=1000ms");
	differ(a, b, "", 0);
	wm_conf_exchange(a, b);
	differ(a, b, "", 0);
	wm_conf_free(a);
	wm_conf_free(b);
}

static void test_every_kind_changes_places(void **state)
{
	struct wm_conf *a = LOAD("--stays=old");
	struct wm_conf *b = LOAD("--level=debug", "--secret=s", "--stays=new", "--count=2",
				 "--wait=2s", "--on", "--port=2", "--list=x,y", "--kept_list=b",
				 "--map=k=v", "--net=10.0.0.0/8", "--at=[::1]:5", "--ip=10.0.0.1");
	struct values *v = wm_conf_values(a), *w = wm_conf_values(b);
	const char *kept = v->stays;
	differ(a, b, "level secret stays count wait on port list kept_list map net at ip ", 13);
	wm_conf_exchange(a, b);
	assert_ptr_equal(wm_conf_values(a), v);
	assert_ptr_equal(v->stays, kept);
	assert_string_equal(v->stays, "old");
	assert_string_equal(v->level, "debug");
	assert_string_equal(v->secret, "s");
	assert_int_equal(v->count, 2);
	assert_int_equal(v->wait, 2000000000);
	assert_true(v->on && v->port == 2 && v->list.n == 2 && v->map.n == 1 && v->net.bits == 8);
	assert_true(v->at.port == 5 && wm_addr_is_valid(&v->ip));
	assert_string_equal(v->list.items[1], "y");
	assert_string_equal(v->map.items[0].value, "v");
	assert_string_equal(v->kept_list.items[0], "a");
	/* Origins go along, and outlive who they came from. */
	assert_string_equal(wm_conf_where(a, "count"), "--count");
	assert_int_equal(wm_conf_source(a, "count"), WM_CONF_BY_FLAG);
	assert_int_equal(wm_conf_source(b, "count"), WM_CONF_BY_DEFAULT);
	assert_string_equal(w->level, "info");
	wm_conf_free(b);
	assert_string_equal(wm_conf_where(a, "count"), "--count");
	assert_string_equal(v->list.items[0], "x");
	wm_conf_free(a);
}

static void test_twice_is_never(void **state)
{
	struct wm_conf *a = LOAD("--count=3", "--list=p"), *b = LOAD("--count=4", "--map=k=v");
	struct values *v = wm_conf_values(a);
	wm_conf_exchange(a, b);
	wm_conf_exchange(a, b);
	assert_int_equal(v->count, 3);
	assert_int_equal(v->map.n, 0);
	assert_string_equal(v->list.items[0], "p");
	assert_int_equal(wm_conf_source(a, "map"), WM_CONF_BY_DEFAULT);
	wm_conf_free(b);
	wm_conf_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same),
		cmocka_unit_test(test_every_kind_changes_places),
		cmocka_unit_test(test_twice_is_never),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
