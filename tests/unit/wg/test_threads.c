/* What threads share: endpoints, bells, wakes, the trie and the policy, for ThreadSanitizer to look
 * at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include "base/mem.h"
#include "wg/allowedips.h"
#include "wg/bell.h"
#include "wg/judge.h"
#include "wg/place.h"
#include "wg/wake.h"

#define ROUNDS 20000

/* ---- a place whose parts belong together ---- */

static struct wm_wg_place place;
static atomic_bool is_over;

static struct wm_endpoint matching(uint8_t n)
{
	struct wm_endpoint e = {.addr.family = WM_IPV6, .port = (uint16_t)(n * 257), .scope = n};
	memset(e.addr.bytes, n, sizeof(e.addr.bytes));
	return e;
}

static void *move_place(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct wm_endpoint e = matching((uint8_t)(1 + (i + (uintptr_t)arg) % 250));
		wm_wg_place_set(&place, &e);
	}
	return NULL;
}

static void *read_place(void *arg)
{
	uintptr_t torn = 0;
	while (!atomic_load(&is_over)) {
		struct wm_endpoint e, whole;
		if (!wm_wg_place_get(&place, &e))
			continue;
		whole = matching(e.addr.bytes[0]);
		torn += !wm_endpoint_equal(&e, &whole);
	}
	return (void *)torn;
}

static void test_a_place_is_never_torn(void **state)
{
	struct wm_endpoint e = matching(1);
	pthread_t writers[2], readers[2];
	void *torn;
	assert_false(wm_wg_place_get(&place, &e));
	e = matching(1);
	assert_true(wm_wg_place_set(&place, &e));
	assert_false(wm_wg_place_set(&place, &e)); /* the same again */
	for (uintptr_t i = 0; i < 2; i++) {
		pthread_create(&readers[i], NULL, read_place, NULL);
		pthread_create(&writers[i], NULL, move_place, (void *)(i * 100));
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	atomic_store(&is_over, true);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(readers[i], &torn);
		assert_null(torn);
	}
}

/* ---- a bell: everything that is rung is heard ---- */

static struct wm_wg_bell bell;
static struct wm_wg_wake wake;
static struct wm_wg_ring rings[4];
static _Atomic unsigned rung[4], heard[4];

static void *ring_bell(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		unsigned at = i % 4;
		atomic_fetch_add(&rung[at], 1);
		if (wm_wg_bell_ring(&bell, &rings[at], 1))
			wm_wg_wake_set(&wake);
	}
	return NULL;
}

static void listen_once(void)
{
	unsigned bits;
	for (struct wm_wg_ring *r; (r = wm_wg_bell_take(&bell, &bits)) != NULL;) {
		assert_int_equal(bits, 1);
		atomic_store(&heard[r - rings], atomic_load(&rung[r - rings]));
	}
}

static void test_no_ring_is_lost(void **state)
{
	struct wm_err err;
	pthread_t ringers[2];
	struct pollfd fd = {.events = POLLIN};
	assert_int_equal(wm_wg_wake_open(&wake, &err), 0);
	fd.fd = wake.fds[0];
	wm_wg_bell_init(&bell);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&ringers[i], NULL, ring_bell, NULL);
	while (atomic_load(&heard[3]) < 2 * ROUNDS / 4) {
		/* Whatever is rung before it sleeps wakes it: no time-out is ever needed. */
		if (poll(&fd, 1, 5000) == 0)
			fail_msg("a wake-up was lost");
		wm_wg_wake_clear(&wake);
		listen_once();
	}
	for (unsigned i = 0; i < 2; i++)
		pthread_join(ringers[i], NULL);
	listen_once();
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(atomic_load(&heard[i]), 2 * ROUNDS / 4);
	wm_wg_bell_ring(&bell, &rings[0], 1);
	wm_wg_bell_retire(&bell, &rings[0]);
	wm_wg_bell_ring(&bell, &rings[0], 2);
	unsigned bits;
	assert_null(wm_wg_bell_take(&bell, &bits));
	wm_wg_bell_fini(&bell);
	wm_wg_wake_close(&wake);
}

/* ---- the trie: readers see one owner or the other, and nothing freed ---- */

static struct wm_wg_allowedips trie;
static struct wm_wg_owner owners[3];
static atomic_bool is_done;

static void *look_up(void *arg)
{
	struct wm_epoch_reader reader;
	uintptr_t wrong = 0;
	unsigned seed = 7;
	wm_epoch_register(trie.epoch, &reader);
	wm_epoch_online(&reader);
	while (!atomic_load(&is_done)) {
		uint8_t addr[4] = {10, (uint8_t)rand_r(&seed), 0, (uint8_t)rand_r(&seed)};
		/* 10.0.0.0/8 always has an owner, whatever comes and goes below it. */
		wrong += wm_wg_allowedips_find4(&trie, addr) == NULL;
		wm_epoch_quiet(&reader);
	}
	wm_epoch_unregister(&reader);
	return (void *)wrong;
}

static void test_look_ups_during_changes(void **state)
{
	struct wm_prefix all, p = {.addr.family = WM_IPV4, .addr.bytes = {10}};
	pthread_t readers[2];
	void *wrong;
	wm_wg_allowedips_init(&trie, wm_epoch_new());
	for (unsigned i = 0; i < 3; i++)
		wm_wg_owner_init(&owners[i]);
	assert_true(wm_prefix_parse("10.0.0.0/8", &all));
	wm_wg_allowedips_put(&trie, &all, &owners[0]);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, look_up, NULL);
	srand(3);
	for (unsigned i = 0; i < ROUNDS; i++) {
		p.addr.bytes[1] = (uint8_t)rand();
		p.addr.bytes[3] = (uint8_t)rand();
		p.bits = (uint8_t)(9 + rand() % 24);
		if (rand() % 2)
			wm_wg_allowedips_put(&trie, &p, &owners[1 + rand() % 2]);
		else if (rand() % 50 == 0)
			wm_wg_allowedips_drop_owner(&trie, &owners[1 + rand() % 2]);
		else
			wm_wg_allowedips_drop(&trie, &p, &owners[1 + rand() % 2]);
		if (i % 100 == 0)
			wm_epoch_reclaim(trie.epoch);
	}
	atomic_store(&is_done, true);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(readers[i], &wrong);
		assert_null(wrong);
	}
	struct wm_epoch *epoch = trie.epoch;
	wm_wg_allowedips_fini(&trie);
	wm_epoch_free(epoch);
}

/* ---- the policy: what all tables agree on stays so while they are replaced ---- */

static struct wm_epoch *epoch;
static _Atomic(struct wm_wg_judge *) judge;
static atomic_bool is_judged;

/* UDP to 10.0.0.2 may always pass, to 10.0.0.3 never, to others it depends. */
static struct wm_wg_judge *make_judge(unsigned number)
{
	struct wm_prefix ends[3] = {{.addr = wm_addr_v4(0x0a000002), .bits = 32},
				    {.addr = wm_addr_v4(0x0a000003), .bits = 32},
				    {.addr = wm_addr_v4(0x0a000000 + (number << 8)), .bits = 24}};
	struct wm_wg_rule rules[3] = {{.targets = &ends[0], .n_targets = 1, .allows = true},
				      {.targets = &ends[1], .n_targets = 1},
				      {.targets = &ends[2], .n_targets = 1, .allows = true}};
	struct wm_wg_policy_spec spec = {.rules = rules, .n_rules = 3, .allows_rest = number % 2};
	struct wm_wg_policy *policy;
	assert_int_equal(wm_wg_policy_new(&spec, &policy, NULL), 0);
	return wm_wg_judge_new(policy, 2);
}

static void *judge_packets(void *arg)
{
	struct wm_epoch_reader reader;
	unsigned worker = *(unsigned *)arg, seed = worker;
	uintptr_t wrong = 0;
	wm_epoch_register(epoch, &reader);
	wm_epoch_online(&reader);
	while (!atomic_load(&is_judged)) {
		struct wm_wg_judge *j = atomic_load_explicit(&judge, memory_order_acquire);
		for (unsigned i = 0; i < 64; i++) {
			uint8_t p[28] = {0x45, [3] = 28, [9] = 17, [12] = 10, [16] = 10};
			p[21] = (uint8_t)rand_r(&seed);
			p[18] = (uint8_t)(i % 4 < 2 ? 0 : rand_r(&seed));
			p[19] = i % 2 ? 2 : 3;
			enum wm_drop got = wm_wg_judge_packet(j, worker, p, sizeof(p));
			bool is_fixed = p[18] == 0;
			wrong += is_fixed && got != (p[19] == 2 ? WM_DROP_NONE : WM_DROP_POLICY);
		}
		wm_epoch_quiet(&reader);
	}
	wm_epoch_unregister(&reader);
	return (void *)wrong;
}

static void test_verdicts_while_the_policy_changes(void **state)
{
	static unsigned numbers[2] = {0, 1};
	pthread_t readers[2];
	void *wrong;
	epoch = wm_epoch_new();
	atomic_store(&judge, make_judge(0));
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, judge_packets, &numbers[i]);
	for (unsigned i = 0; i < ROUNDS / 20; i++) {
		wm_wg_judge_retire(atomic_exchange(&judge, make_judge(i % 256)), epoch);
		wm_epoch_reclaim(epoch);
	}
	atomic_store(&is_judged, true);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(readers[i], &wrong);
		assert_null(wrong);
	}
	wm_wg_judge_free(atomic_exchange(&judge, NULL));
	wm_epoch_free(epoch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_place_is_never_torn),
		cmocka_unit_test(test_no_ring_is_lost),
		cmocka_unit_test(test_look_ups_during_changes),
		cmocka_unit_test(test_verdicts_while_the_policy_changes),
	};
	return cmocka_run_group_tests_name("wg/threads", tests, NULL, NULL);
}
