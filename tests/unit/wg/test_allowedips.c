#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <stdlib.h>
#include "wg/allowedips.h"

#define OWNERS   6
#define PREFIXES 400

/* The naive model: a list of prefixes with their owners. */
struct scene {
	struct wm_epoch *epoch;
	struct wm_wg_allowedips trie;
	struct wm_wg_owner owners[OWNERS];
	struct wm_prefix prefixes[PREFIXES];
	int owner_of[PREFIXES];
	unsigned count;
};

static void make_scene(struct scene *s)
{
	memset(s, 0, sizeof(*s));
	s->epoch = wm_epoch_new();
	wm_wg_allowedips_init(&s->trie, s->epoch);
	for (unsigned i = 0; i < OWNERS; i++)
		wm_wg_owner_init(&s->owners[i]);
}

static void end_scene(struct scene *s)
{
	wm_wg_allowedips_fini(&s->trie);
	wm_epoch_free(s->epoch);
}

/* Few different bits, so that prefixes cover and part one another. */
static struct wm_prefix random_prefix(bool six)
{
	struct wm_prefix p = {.addr.family = six ? WM_IPV6 : WM_IPV4};
	unsigned bytes = six ? 16 : 4;
	for (unsigned i = 0; i < bytes; i++)
		p.addr.bytes[i] = (uint8_t)(rand() % 4 == 0 ? rand() : (rand() % 2 ? 0 : 0x80));
	p.bits = (uint8_t)((unsigned)rand() % (bytes * 8 + 1));
	return wm_prefix_masked(&p);
}

static int model_find(const struct scene *s, const struct wm_prefix *p)
{
	for (unsigned i = 0; i < s->count; i++)
		if (wm_prefix_equal(&s->prefixes[i], p))
			return (int)i;
	return -1;
}

static void model_remove(struct scene *s, unsigned at)
{
	s->count--;
	memmove(&s->prefixes[at], &s->prefixes[at + 1], (s->count - at) * sizeof(*s->prefixes));
	memmove(&s->owner_of[at], &s->owner_of[at + 1], (s->count - at) * sizeof(*s->owner_of));
}

static void put(struct scene *s, const struct wm_prefix *p, int owner)
{
	int at = model_find(s, p);
	if (at < 0 && s->count == PREFIXES)
		return;
	if (at < 0) {
		at = (int)s->count++;
		s->prefixes[at] = *p;
	}
	s->owner_of[at] = owner;
	wm_wg_allowedips_put(&s->trie, p, &s->owners[owner]);
}

static void drop(struct scene *s, const struct wm_prefix *p, int owner)
{
	int at = model_find(s, p);
	bool has = at >= 0 && s->owner_of[at] == owner;
	assert_int_equal(wm_wg_allowedips_drop(&s->trie, p, &s->owners[owner]), has);
	if (has)
		model_remove(s, (unsigned)at);
}

static void drop_owner(struct scene *s, int owner)
{
	wm_wg_allowedips_drop_owner(&s->trie, &s->owners[owner]);
	for (unsigned i = s->count; i-- > 0;)
		if (s->owner_of[i] == owner)
			model_remove(s, i);
	assert_int_equal(s->owners[owner].count, 0);
}

static void check_lookup(struct scene *s, const struct wm_addr *a)
{
	int best = -1;
	for (unsigned i = 0; i < s->count; i++)
		if (wm_prefix_contains(&s->prefixes[i], a) &&
		    (best < 0 || s->prefixes[i].bits > s->prefixes[best].bits))
			best = (int)i;
	struct wm_wg_owner *want = best < 0 ? NULL : &s->owners[s->owner_of[best]];
	struct wm_wg_owner *got = a->family == WM_IPV4 ? wm_wg_allowedips_find4(&s->trie, a->bytes)
						       : wm_wg_allowedips_find6(&s->trie, a->bytes);
	assert_ptr_equal(got, want);
}

static void check_owners(const struct scene *s)
{
	for (int o = 0; o < OWNERS; o++) {
		struct wm_prefix list[PREFIXES];
		size_t n = wm_wg_owner_prefixes(&s->owners[o], list, PREFIXES), want = 0;
		for (unsigned i = 0; i < s->count; i++)
			want += s->owner_of[i] == o;
		assert_int_equal(n, want);
		assert_int_equal(n, s->owners[o].count);
		for (size_t i = 0; i < n; i++) {
			int at = model_find(s, &list[i]);
			assert_true(at >= 0 && s->owner_of[at] == o);
		}
	}
}

static void test_random_changes_against_a_model(void **state)
{
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct scene s;
		srand(seed);
		make_scene(&s);
		for (unsigned i = 0; i < 600; i++) {
			struct wm_prefix p = random_prefix(rand() % 2);
			int owner = rand() % OWNERS;
			if (rand() % 3 == 0 && s.count > 0)
				p = s.prefixes[(unsigned)rand() % s.count];
			if (rand() % 3 != 0)
				put(&s, &p, owner);
			else if (rand() % 40 == 0)
				drop_owner(&s, owner);
			else
				drop(&s, &p, owner);
			p = random_prefix(rand() % 2);
			check_lookup(&s, &p.addr);
			if (s.count > 0)
				check_lookup(&s, &s.prefixes[(unsigned)rand() % s.count].addr);
		}
		check_owners(&s);
		for (int o = 0; o < OWNERS; o++)
			drop_owner(&s, o);
		/* Nothing is left behind, not even a branch. */
		assert_null(atomic_load(&s.trie.root4));
		assert_null(atomic_load(&s.trie.root6));
		end_scene(&s);
	}
}

static void test_the_default_route_and_hosts(void **state)
{
	struct wm_prefix all, host;
	struct scene s;
	make_scene(&s);
	assert_true(wm_prefix_parse("0.0.0.0/0", &all));
	assert_true(wm_prefix_parse("10.1.2.3/32", &host));
	wm_wg_allowedips_put(&s.trie, &all, &s.owners[0]);
	wm_wg_allowedips_put(&s.trie, &host, &s.owners[1]);
	assert_ptr_equal(wm_wg_allowedips_find4(&s.trie, host.addr.bytes), &s.owners[1]);
	assert_ptr_equal(wm_wg_allowedips_find4(&s.trie, all.addr.bytes), &s.owners[0]);
	assert_true(wm_wg_allowedips_drop(&s.trie, &host, &s.owners[1]));
	assert_ptr_equal(wm_wg_allowedips_find4(&s.trie, host.addr.bytes), &s.owners[0]);
	assert_null(wm_wg_allowedips_find6(&s.trie, (const uint8_t[16]){0}));
	end_scene(&s);
}

static void test_host_bits_do_not_matter(void **state)
{
	struct wm_prefix loose, strict;
	struct scene s;
	make_scene(&s);
	assert_true(wm_prefix_parse("10.1.2.3/8", &loose));
	assert_true(wm_prefix_parse("10.0.0.0/8", &strict));
	wm_wg_allowedips_put(&s.trie, &loose, &s.owners[0]);
	wm_wg_allowedips_put(&s.trie, &strict, &s.owners[1]);
	assert_int_equal(s.owners[0].count, 0);
	assert_int_equal(s.owners[1].count, 1);
	assert_true(wm_wg_allowedips_drop(&s.trie, &loose, &s.owners[1]));
	end_scene(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_changes_against_a_model),
		cmocka_unit_test(test_the_default_route_and_hosts),
		cmocka_unit_test(test_host_bits_do_not_matter),
	};
	return cmocka_run_group_tests_name("wg/allowedips", tests, NULL, NULL);
}
