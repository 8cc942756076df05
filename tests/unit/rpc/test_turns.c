/* Costly work, a piece in each turn of the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/mem.h"
#include "rpc/turns.h"

#define MANY     5
#define PATIENCE 10000

/* Counts the times that the loop has come to what is deferred. */
struct ticker {
	struct wm_loop *loop;
	struct wm_defer again;
	unsigned n;
};

struct piece {
	struct wm_rpc_turn turn;
	struct fixture *f;
	unsigned order, at; /* 1, 2 ...; the ticker's count */
};

struct fixture {
	struct ticker ticker;
	struct wm_rpc_turns turns;
	struct piece pieces[MANY];
	unsigned n_done;
	bool waits_again;
};

static void on_tick(struct wm_defer *d)
{
	struct ticker *t = wm_container_of(d, struct ticker, again);
	t->n++;
	wm_defer(t->loop, &t->again, on_tick);
}

static void on_turn(struct wm_rpc_turn *t)
{
	struct piece *p = wm_container_of(t, struct piece, turn);
	p->order = ++p->f->n_done;
	p->at = p->f->ticker.n;
	if (p->f->waits_again) {
		p->f->waits_again = false;
		wm_rpc_turn_wait(&p->f->turns, t, on_turn);
	}
}

static int setup(void **state)
{
	struct fixture *f = wm_alloc(sizeof(*f));
	f->ticker.loop = wm_loop_new(NULL);
	wm_rpc_turns_init(&f->turns, f->ticker.loop);
	for (unsigned i = 0; i < MANY; i++)
		f->pieces[i].f = f;
	on_tick(&f->ticker.again);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	wm_defer_cancel(&f->ticker.again);
	wm_rpc_turns_fini(&f->turns);
	wm_loop_free(f->ticker.loop);
	wm_free(f);
	return 0;
}

static bool ticked_enough(void *arg)
{
	return ((struct fixture *)arg)->ticker.n > 4 * MANY;
}

static void run(struct fixture *f)
{
	assert_true(wm_loop_run_until(f->ticker.loop, ticked_enough, f, PATIENCE));
}

static void test_one_piece_a_turn_in_order(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < MANY; i++)
		wm_rpc_turn_wait(&f->turns, &f->pieces[i].turn, on_turn);
	assert_int_equal(f->n_done, 0); /* never from inside */
	run(f);
	assert_int_equal(f->n_done, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(f->pieces[i].order, i + 1);
		assert_true(i == 0 || f->pieces[i].at > f->pieces[i - 1].at);
	}
}

static void test_who_leaves_is_passed_over(void **state)
{
	struct fixture *f = *state;
	for (unsigned i = 0; i < MANY; i++)
		wm_rpc_turn_wait(&f->turns, &f->pieces[i].turn, on_turn);
	wm_rpc_turn_cancel(&f->pieces[0].turn);
	wm_rpc_turn_cancel(&f->pieces[2].turn);
	wm_rpc_turn_cancel(&f->pieces[2].turn);
	run(f);
	assert_int_equal(f->n_done, MANY - 2);
	assert_int_equal(f->pieces[1].order, 1);
	assert_int_equal(f->pieces[3].order, 2);
	/* All of them; and the line works afterwards. */
	wm_rpc_turn_wait(&f->turns, &f->pieces[0].turn, on_turn);
	wm_rpc_turn_cancel(&f->pieces[0].turn);
	f->ticker.n = 0;
	run(f);
	assert_int_equal(f->n_done, MANY - 2);
	wm_rpc_turn_wait(&f->turns, &f->pieces[0].turn, on_turn);
	f->ticker.n = 0;
	run(f);
	assert_int_equal(f->n_done, MANY - 1);
}

static void test_who_waits_again_comes_last(void **state)
{
	struct fixture *f = *state;
	f->waits_again = true;
	for (unsigned i = 0; i < MANY; i++)
		wm_rpc_turn_wait(&f->turns, &f->pieces[i].turn, on_turn);
	run(f);
	assert_int_equal(f->n_done, MANY + 1);
	assert_int_equal(f->pieces[0].order, MANY + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_piece_a_turn_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_leaves_is_passed_over, setup, teardown),
		cmocka_unit_test_setup_teardown(test_who_waits_again_comes_last, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
