/* Which endpoint is sent to: the tables of texts and of zones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "fabric/desired.h"
#include "fabric/endpoint.h"

static void test_texts(void **state)
{
	static const struct {
		const char *text;
		enum wm_endpoint_kind kind;
		const char *shown; /* literal, or host */
		uint16_t port;
	} rows[] = {
		{"", WM_ENDPOINT_ABSENT, "", 0},
		{"invalid IP", WM_ENDPOINT_ABSENT, "", 0},
		{"invalid IP:51820", WM_ENDPOINT_ABSENT, "", 0},
		{"invalid Prefix", WM_ENDPOINT_ABSENT, "", 0},
		{"198.51.100.7", WM_ENDPOINT_ABSENT, "", 0},
		{"198.51.100.7:0", WM_ENDPOINT_ABSENT, "", 0},
		{"198.51.100.7:65536", WM_ENDPOINT_ABSENT, "", 0},
		{"198.51.100.7:51820", WM_ENDPOINT_LITERAL, "198.51.100.7:51820", 51820},
		{"[::ffff:198.51.100.7]:51820", WM_ENDPOINT_LITERAL, "198.51.100.7:51820", 51820},
		{"[2001:db8::1]:7", WM_ENDPOINT_LITERAL, "[2001:db8::1]:7", 7},
		{"0.0.0.0:51820", WM_ENDPOINT_ABSENT, "", 0},
		{"[::]:51820", WM_ENDPOINT_ABSENT, "", 0},
		{"224.0.0.1:51820", WM_ENDPOINT_ABSENT, "", 0},
		{"300.1.2.3:51820", WM_ENDPOINT_ABSENT, "", 0},
		{"1.2.3:51820", WM_ENDPOINT_ABSENT, "", 0},
		{"gate.example.net:51820", WM_ENDPOINT_NAME, "gate.example.net", 51820},
		{"gate:1", WM_ENDPOINT_NAME, "gate", 1},
		{"ga te:1", WM_ENDPOINT_ABSENT, "", 0},
		{"-gate:1", WM_ENDPOINT_ABSENT, "", 0},
		{"gate.example.net:", WM_ENDPOINT_ABSENT, "", 0},
		{":51820", WM_ENDPOINT_ABSENT, "", 0},
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		struct wm_endpoint_text t;
		char shown[WM_ENDPOINT_TEXT];

		wm_endpoint_text_parse(rows[i].text, &t);
		if (t.kind != rows[i].kind)
			fail_msg("\"%s\": kind %d", rows[i].text, t.kind);
		if (t.kind == WM_ENDPOINT_LITERAL)
			assert_string_equal(wm_endpoint_format(&t.literal, shown), rows[i].shown);
		if (t.kind == WM_ENDPOINT_NAME) {
			assert_string_equal(t.host, rows[i].shown);
			assert_int_equal(t.port, rows[i].port);
		}
	}
}

static const struct wm_endpoint *resolve(void *arg, const char *host, uint16_t port)
{
	static struct wm_endpoint answer;

	if (!wm_streq(host, "known.example"))
		return NULL;
	assert_true(wm_addr_parse("203.0.113.9", &answer.addr));
	answer.port = port;
	return &answer;
}

static void test_choice(void **state)
{
	static const struct {
		const char *why;
		const char *own_zone, *zone, *endpoint, *candidates[3];
		const char *chosen; /* NULL = none */
	} rows[] = {
		{"as configured", "", "", "198.51.100.7:1", {0}, "198.51.100.7:1"},
		{"nothing known", "", "", "", {"10.0.0.2:1"}, NULL},
		{"junk", "", "", "invalid IP", {"10.0.0.2:1"}, NULL},
		{"a name", "", "", "known.example:5", {0}, "203.0.113.9:5"},
		{"a name without answer", "", "", "unknown.example:5", {0}, NULL},
		{"bare address takes its candidate",
		 "",
		 "",
		 "10.0.0.1",
		 {"10.0.0.10:1", "10.0.0.1:2"},
		 "10.0.0.1:2"},
		{"bare address without candidate", "", "", "10.0.0.1", {"10.0.0.10:1"}, NULL},
		{"other zones", "a", "b", "198.51.100.7:1", {"192.168.7.9:1"}, "198.51.100.7:1"},
		{"no zone on either side is no common zone",
		 "",
		 "",
		 "198.51.100.7:1",
		 {"192.168.7.9:1"},
		 "198.51.100.7:1"},
		{"same zone, the first local candidate",
		 "a",
		 "a",
		 "198.51.100.7:1",
		 {"198.51.100.7:1", "192.168.7.9:1", "192.168.7.8:1"},
		 "192.168.7.9:1"},
		{"same zone, endpoint local already",
		 "a",
		 "a",
		 "192.168.7.7:1",
		 {"192.168.7.9:1"},
		 "192.168.7.7:1"},
		{"same zone, no local candidate",
		 "a",
		 "a",
		 "198.51.100.7:1",
		 {"10.0.0.9:1"},
		 "198.51.100.7:1"},
		{"same zone, only a local candidate",
		 "a",
		 "a",
		 "",
		 {"junk", "[fd01::9]:1"},
		 "[fd01::9]:1"},
	};
	struct wm_prefix local[2];

	assert_true(wm_prefix_parse("192.168.7.2/24", &local[0]));
	assert_true(wm_prefix_parse("fd01::2/64", &local[1]));
	for (size_t i = 0; i < WM_ARRAY_LEN(rows); i++) {
		const uint8_t key[WM_WG_KEY] = {1};
		struct wm_endpoint_view view = {
			.zone = rows[i].own_zone, .local = local, .n_local = 2, .resolve = resolve};
		struct wm_desired *d = wm_desired_new();
		struct wm_desired_peer *p = wm_desired_add_peer(d, "p", key);
		struct wm_endpoint e;
		char shown[WM_ENDPOINT_TEXT] = "";

		wm_desired_set_endpoint(d, p, rows[i].endpoint, rows[i].zone);
		for (size_t k = 0; k < 3 && rows[i].candidates[k] != NULL; k++)
			wm_desired_add_candidate(d, p, rows[i].candidates[k]);
		if (wm_endpoint_choose(p, &view, &e))
			wm_endpoint_format(&e, shown);
		if (!wm_streq(shown, rows[i].chosen == NULL ? "" : rows[i].chosen))
			fail_msg("%s: chose \"%s\"", rows[i].why, shown);
		wm_desired_free(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
