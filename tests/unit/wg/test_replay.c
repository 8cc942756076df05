#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <stdlib.h>
#include "wg/replay.h"

#define SPACE 60000
#define REACH (WM_WG_WINDOW_BITS - 64)

/* The naive model: one byte for each counter, and the greatest. */
struct model {
	uint8_t seen[SPACE];
	uint64_t next;
};

static bool model_accept(struct model *m, uint64_t counter)
{
	if (counter + REACH < m->next || m->seen[counter])
		return false;
	m->seen[counter] = 1;
	if (counter >= m->next)
		m->next = counter + 1;
	return true;
}

static void run_sequence(unsigned seed, unsigned spread)
{
	static struct model m;
	struct wm_wg_replay r = {.next = 0};
	uint64_t at = 0;
	memset(&m, 0, sizeof(m));
	srand(seed);
	for (unsigned i = 0; i < 40000; i++) {
		uint64_t counter = at + (unsigned)rand() % spread;
		if (counter >= SPACE)
			break;
		if (wm_wg_replay_accept(&r, counter) != model_accept(&m, counter))
			fail_msg("seed %u spread %u: they differ at counter %u", seed, spread,
				 (unsigned)counter);
		if (rand() % 3 == 0)
			at += (unsigned)rand() % 5;
		if (rand() % 4000 == 0)
			at += (unsigned)rand() % (2 * WM_WG_WINDOW_BITS);
	}
}

static void test_random_sequences_against_a_model(void **state)
{
	for (unsigned seed = 1; seed <= 40; seed++)
		run_sequence(seed, seed % 2 ? 100 : 2 * WM_WG_WINDOW_BITS);
}

static void test_the_edges(void **state)
{
	struct wm_wg_replay r = {.next = 0};
	assert_true(wm_wg_replay_accept(&r, 0));
	assert_false(wm_wg_replay_accept(&r, 0));
	assert_true(wm_wg_replay_accept(&r, REACH));
	assert_true(wm_wg_replay_accept(&r, 1));
	assert_false(wm_wg_replay_accept(&r, 0));
	assert_true(wm_wg_replay_accept(&r, REACH + 3));
	assert_false(wm_wg_replay_accept(&r, 2)); /* too old by now */
	assert_true(wm_wg_replay_accept(&r, 4));
	assert_true(wm_wg_replay_accept(&r, UINT64_MAX - 1));
	assert_false(wm_wg_replay_accept(&r, UINT64_MAX - 1));
	assert_false(wm_wg_replay_accept(&r, UINT64_MAX));
	assert_false(wm_wg_replay_accept(&r, REACH + 4));
	assert_true(wm_wg_replay_accept(&r, UINT64_MAX - REACH));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_sequences_against_a_model),
		cmocka_unit_test(test_the_edges),
	};
	return cmocka_run_group_tests_name("wg/replay", tests, NULL, NULL);
}
