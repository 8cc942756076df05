/* The compiled policy against rules.c, on random rules; and what publishing adds to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "packets.h"
#include "rules.h"
#include "wg/judge.h"

#define RULES 1000
#define ASKED 20000

static struct wm_wg_policy *compile(const struct wm_wg_policy_spec *s)
{
	struct wm_wg_policy *p = NULL;
	struct wm_err err;
	if (wm_wg_policy_new(s, &p, &err) != 0)
		fail_msg("%s", err.text);
	return p;
}

/* Returns how many of the packets may pass. */
static unsigned ask(const struct rules *r, unsigned times, uint64_t seed)
{
	struct wm_wg_judge *j = wm_wg_judge_new(compile(&r->spec), 2);
	unsigned allowed = 0;
	for (unsigned i = 0; i < times; i++) {
		struct wm_wg_flow f = rules_flow(r);
		bool want = rules_allow(&r->spec, &f);
		uint8_t packet[80];
		size_t len = rules_packet(&f, packet);
		allowed += want;
		if (wm_wg_policy_allows(j->policy, &f) != want)
			fail_msg("WM_SEED=%" PRIu64 ", flow %u: the table says %d", seed, i, !want);
		/* By both workers, and twice: out of their caches, too. */
		for (unsigned again = 0; again < 4; again++)
			if (wm_wg_judge_packet(j, again % 2, packet, len) !=
			    (want ? WM_DROP_NONE : WM_DROP_POLICY))
				fail_msg("WM_SEED=%" PRIu64 ", packet %u is misjudged", seed, i);
	}
	wm_wg_judge_free(j);
	return allowed;
}

/* WM_SEED gives the same again. */
static uint64_t new_seed(void)
{
	const char *given = getenv("WM_SEED");
	uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : wm_rand_u64();
	print_message("WM_SEED=%" PRIu64 "\n", seed);
	return seed;
}

static void test_a_thousand_random_rules(void **state)
{
	uint64_t seed = new_seed();
	unsigned allowed = 0;
	for (unsigned shape = 0; shape < RULES_SHAPES; shape++) {
		struct rules r;
		seed_random(seed + shape);
		rules_make(&r, (enum rules_shape)shape, RULES);
		allowed += ask(&r, ASKED, seed);
		rules_free(&r);
	}
	/* Both verdicts are there, or nothing was tested. */
	assert_in_range(allowed, ASKED / 10, (RULES_SHAPES - 1) * ASKED + ASKED * 9 / 10);
}

static void test_tables_of_any_size(void **state)
{
	uint64_t seed = new_seed();
	seed_random(seed);
	for (unsigned i = 0; i < 300; i++) {
		static const unsigned sizes[] = {0, 1, 2, 3, 61, 62, 63, 64, 65, 128, 200};
		struct rules r;
		rules_make(&r, (enum rules_shape)any_below(RULES_SHAPES),
			   sizes[any_below(WM_ARRAY_LEN(sizes))]);
		ask(&r, 200, seed);
		rules_free(&r);
	}
}

/* More than one word of summary. */
static void test_ten_thousand_rules(void **state)
{
	uint64_t seed = new_seed();
	seed_random(seed);
	struct rules r;
	rules_make(&r, RULES_NESTED, WM_WG_POLICY_RULES_MAX);
	ask(&r, 2000, seed);
	rules_free(&r);
}

/* ---- what stands in the contract ---- */

static struct wm_prefix prefix(const char *text)
{
	struct wm_prefix p;
	assert_true(wm_prefix_parse(text, &p));
	return p;
}

static struct wm_wg_flow flow(const char *source, const char *target, uint8_t protocol,
			      uint16_t source_port, uint16_t target_port, uint8_t kind)
{
	struct wm_wg_flow f = {.protocol = protocol,
			       .source_port = source_port,
			       .target_port = target_port,
			       .kind = kind};
	struct wm_addr a, b;
	assert_true(wm_addr_parse(source, &a) && wm_addr_parse(target, &b));
	memcpy(f.source, a.bytes, 16);
	memcpy(f.target, b.bytes, 16);
	f.version = a.family;
	return f;
}

static bool passes(const struct wm_wg_policy_spec *s, struct wm_wg_flow f)
{
	struct wm_wg_policy *p = compile(s);
	bool is_allowed = wm_wg_policy_allows(p, &f);
	assert_int_equal(is_allowed, rules_allow(s, &f));
	wm_wg_policy_free(p);
	return is_allowed;
}

#define OPENS   WM_WG_FLOW_OPENS
#define ANSWERS WM_WG_FLOW_ANSWERS
#define LATER   WM_WG_FLOW_LATER

static void test_storage_members_always_meet(void **state)
{
	struct wm_addr members[2];
	struct wm_wg_rule nobody = {.allows = false};
	struct wm_wg_policy_spec s = {.rules = &nobody,
				      .n_rules = 1,
				      .members = members,
				      .n_members = 2,
				      .peer_port = 9000};
	assert_true(wm_addr_parse("10.0.0.1", &members[0]));
	assert_true(wm_addr_parse("10.0.0.2", &members[1]));
	assert_true(passes(&s, flow("10.0.0.1", "10.0.0.2", TCP, 40000, 9000, OPENS)));
	assert_true(passes(&s, flow("10.0.0.2", "10.0.0.1", TCP, 9000, 40000, ANSWERS)));
	assert_true(passes(&s, flow("10.0.0.2", "10.0.0.1", TCP, 0, 0, LATER)));
	/* Nothing begins from the peer port, nothing goes elsewhere, nobody else comes near. */
	assert_false(passes(&s, flow("10.0.0.2", "10.0.0.1", TCP, 9000, 22, OPENS)));
	assert_false(passes(&s, flow("10.0.0.1", "10.0.0.2", TCP, 40000, 9001, OPENS)));
	assert_false(passes(&s, flow("10.0.0.1", "10.0.0.2", UDP, 40000, 9000, OPENS)));
	assert_false(passes(&s, flow("10.0.0.3", "10.0.0.2", TCP, 40000, 9000, OPENS)));
	assert_false(passes(&s, flow("10.0.0.1", "10.0.0.3", TCP, 40000, 9000, OPENS)));
}

static void test_one_way_with_answers(void **state)
{
	struct wm_prefix a = prefix("10.0.0.1/32"), b = prefix("10.0.0.2/32");
	struct wm_wg_rule rules[] = {
		{&a, &b, 1, 1, {0, 0}, {22, 22}, TCP, true, false},
		{&b, &a, 1, 1, {22, 22}, {0, 0}, TCP, true, true},
	};
	struct wm_wg_policy_spec s = {.rules = rules, .n_rules = 2};
	assert_true(passes(&s, flow("10.0.0.1", "10.0.0.2", TCP, 5000, 22, OPENS)));
	assert_true(passes(&s, flow("10.0.0.1", "10.0.0.2", TCP, 5000, 22, ANSWERS)));
	assert_true(passes(&s, flow("10.0.0.2", "10.0.0.1", TCP, 22, 5000, ANSWERS)));
	assert_false(passes(&s, flow("10.0.0.2", "10.0.0.1", TCP, 22, 5000, OPENS)));
	assert_false(passes(&s, flow("10.0.0.1", "10.0.0.2", TCP, 5000, 23, OPENS)));
}

static void test_later_fragments(void **state)
{
	struct wm_prefix a = prefix("10.0.0.0/8");
	struct wm_wg_rule rules[] = {
		{&a, &a, 1, 1, {0, 0}, {53, 53}, UDP, false, false},
		{&a, &a, 1, 1, {0, 0}, {54, 54}, UDP, true, false},
		{&a, &a, 1, 1, {0, 0}, {0, 0}, 0, false, false},
		{&a, &a, 1, 1, {0, 0}, {80, 80}, TCP, true, false},
	};
	struct wm_wg_policy_spec s = {.rules = rules, .n_rules = 4};
	assert_true(passes(&s, flow("10.0.0.1", "10.0.0.2", UDP, 0, 0, LATER)));
	assert_false(passes(&s, flow("10.0.0.1", "10.0.0.2", TCP, 0, 0, LATER)));
}

static void refused(struct wm_wg_policy_spec s, enum wm_code code, const char *why)
{
	struct wm_wg_policy *p = NULL;
	struct wm_err err;
	assert_int_equal(wm_wg_policy_new(&s, &p, &err), code);
	assert_non_null(strstr(err.text, why));
	assert_null(p);
}

static void test_what_cannot_be_is_refused(void **state)
{
	struct wm_prefix bad = {.addr.family = WM_IPV4, .bits = 33};
	struct wm_addr none = {.family = 0}, some = wm_addr_v4(1);
	struct wm_wg_rule rules[] = {
		{.allows = true},
		{.sources = &bad, .n_sources = 1},
		{.targets = &bad, .n_targets = 1},
		{.protocol = UDP, .source_ports = {7, 6}},
		{.protocol = 1, .target_ports = {7, 7}},
		{.target_ports = {7, 7}},
		{.protocol = UDP, .only_answers = true},
	};
	static const char *const why[] = {"",
					  "address 1 of its 1 is not a prefix",
					  "address 1 of its 1 is not a prefix",
					  "its ports end before they begin",
					  "protocol 1 has no ports",
					  "protocol 0 has no ports",
					  "only TCP"};
	for (unsigned i = 1; i < WM_ARRAY_LEN(rules); i++) {
		rules[1] = rules[i];
		struct wm_wg_policy_spec s = {.rules = rules, .n_rules = 2};
		refused(s, WM_INVALID_ARGUMENT, why[i]);
		refused(s, WM_INVALID_ARGUMENT, "rule 2: ");
	}
	refused((struct wm_wg_policy_spec){.members = &none, .n_members = 1, .peer_port = 1},
		WM_INVALID_ARGUMENT, "storage member 1 has no address");
	refused((struct wm_wg_policy_spec){.members = &some, .n_members = 1}, WM_INVALID_ARGUMENT,
		"without a peer port");
	struct wm_wg_rule many = {.n_sources = 0};
	refused((struct wm_wg_policy_spec){.rules = &many, .n_rules = WM_WG_POLICY_RULES_MAX + 1},
		WM_RESOURCE_EXHAUSTED, "more than 10000 rules");
}

static void test_too_many_prefixes(void **state)
{
	size_t n = WM_WG_POLICY_PREFIXES_MAX / 2 + 1;
	struct wm_prefix *list = wm_calloc(n, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i] = (struct wm_prefix){.addr = wm_addr_v4((uint32_t)i), .bits = 32};
	struct wm_wg_rule rule = {.sources = list, .targets = list, .n_sources = n, .n_targets = n};
	refused((struct wm_wg_policy_spec){.rules = &rule, .n_rules = 1}, WM_RESOURCE_EXHAUSTED,
		"more than 1000000 prefixes");
	wm_free(list);
}

static void test_too_much_memory(void **state)
{
	struct rules r;
	struct wm_wg_policy *p;
	seed_random(1);
	rules_make(&r, RULES_GROUPS, 300);
	p = compile(&r.spec);
	size_t needed = wm_wg_policy_bytes(p);
	wm_wg_policy_free(p);
	for (size_t most = 1; most < needed; most += 1 + most / 10) {
		r.spec.bytes_max = most;
		refused(r.spec, WM_RESOURCE_EXHAUSTED, "its table needs more than");
	}
	r.spec.bytes_max = needed;
	wm_wg_policy_free(compile(&r.spec));
	rules_free(&r);
}

/* What wg/policy.h and docs/design/0011-packet-policy.md say of memory. */
static void test_memory_is_bounded(void **state)
{
	static const struct {
		unsigned rules;
		size_t most;
	} rows[] = {{1000, 1u << 20}, {10000, 80u << 20}};
	for (unsigned i = 0; i < WM_ARRAY_LEN(rows); i++)
		for (unsigned shape = 0; shape < RULES_GROUPS; shape++) {
			struct rules r;
			seed_random(shape);
			rules_make(&r, (enum rules_shape)shape, rows[i].rules);
			struct wm_wg_policy *p = compile(&r.spec);
			assert_in_range(wm_wg_policy_bytes(p), 1, rows[i].most);
			print_message("%u rules, shape %u: %zu bytes\n", rows[i].rules, shape,
				      wm_wg_policy_bytes(p));
			wm_wg_policy_free(p);
			rules_free(&r);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_thousand_random_rules),
		cmocka_unit_test(test_tables_of_any_size),
		cmocka_unit_test(test_ten_thousand_rules),
		cmocka_unit_test(test_storage_members_always_meet),
		cmocka_unit_test(test_one_way_with_answers),
		cmocka_unit_test(test_later_fragments),
		cmocka_unit_test(test_what_cannot_be_is_refused),
		cmocka_unit_test(test_too_many_prefixes),
		cmocka_unit_test(test_too_much_memory),
		cmocka_unit_test(test_memory_is_bounded),
	};
	return cmocka_run_group_tests_name("wg/policy", tests, NULL, NULL);
}
