#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "base/epoch.h"
#include "base/mem.h"

#define ALIVE 0x600df00d

struct object {
	unsigned mark; /* ALIVE until freed */
	unsigned serial;
	struct wm_epoch_item item;
};

static _Atomic unsigned n_freed;

static void free_object(struct wm_epoch_item *item)
{
	struct object *o = wm_container_of(item, struct object, item);

	o->mark = 0;
	wm_free(o);
	atomic_fetch_add(&n_freed, 1);
}

static struct object *new_object(unsigned serial)
{
	struct object *o = wm_alloc(sizeof(*o));

	o->mark = ALIVE;
	o->serial = serial;
	return o;
}

static int setup(void **state)
{
	atomic_store(&n_freed, 0);
	*state = wm_epoch_new();
	return 0;
}

static int teardown(void **state)
{
	wm_epoch_free(*state);
	return 0;
}

static void retire_one(struct wm_epoch *e)
{
	wm_epoch_retire(e, &new_object(0)->item, free_object);
}

static void test_without_readers_all_goes_at_once(void **state)
{
	assert_true(wm_epoch_reclaim(*state));
	retire_one(*state);
	retire_one(*state);
	assert_int_equal(n_freed, 0); /* retiring frees nothing itself */
	assert_true(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 2);
}

static void test_an_online_reader_holds_back(void **state)
{
	struct wm_epoch_reader r;

	wm_epoch_register(*state, &r);
	wm_epoch_online(&r);
	retire_one(*state);
	assert_false(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 0);
	wm_epoch_quiet(&r);
	assert_true(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 1);
	retire_one(*state);
	assert_false(wm_epoch_reclaim(*state));
	wm_epoch_offline(&r);
	assert_true(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 2);
	wm_epoch_unregister(&r);
}

static void test_an_offline_reader_holds_nobody_up(void **state)
{
	struct wm_epoch_reader r;

	wm_epoch_register(*state, &r);
	retire_one(*state);
	assert_true(wm_epoch_reclaim(*state));
	wm_epoch_online(&r); /* after the unlinking: it cannot have seen the object */
	assert_true(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 1);
	wm_epoch_unregister(&r); /* goes offline by itself */
}

static void test_the_slowest_reader_counts(void **state)
{
	struct wm_epoch_reader a, b;

	wm_epoch_register(*state, &a);
	wm_epoch_register(*state, &b);
	wm_epoch_online(&a);
	wm_epoch_online(&b);
	retire_one(*state);
	wm_epoch_quiet(&a);
	retire_one(*state);
	assert_false(wm_epoch_reclaim(*state));
	wm_epoch_quiet(&b); /* b has passed both, a only the first */
	assert_false(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 1);
	wm_epoch_unregister(&a);
	assert_true(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 2);
	wm_epoch_unregister(&b);
}

static struct wm_epoch *chain_epoch;

static void free_and_retire_another(struct wm_epoch_item *item)
{
	free_object(item);
	retire_one(chain_epoch);
}

static void test_freeing_may_retire_more(void **state)
{
	chain_epoch = *state;
	wm_epoch_retire(*state, &new_object(0)->item, free_and_retire_another);
	assert_false(wm_epoch_reclaim(*state));
	assert_int_equal(n_freed, 1);
	/* The rest is freed with the epoch; LeakSanitizer sees whether it is. */
}

static void test_synchronize_without_readers(void **state)
{
	retire_one(*state);
	wm_epoch_synchronize(*state);
	assert_int_equal(n_freed, 1);
	wm_epoch_synchronize(*state);
}

/* ---- threads: readers check an object that a writer keeps replacing ---- */

struct shared {
	struct wm_epoch *epoch;
	_Atomic(struct object *) current;
	_Atomic bool is_over;
	_Atomic unsigned n_reads, n_started;
};

static void check_current(struct shared *s, unsigned *last)
{
	struct object *o = atomic_load_explicit(&s->current, memory_order_acquire);

	assert_int_equal(o->mark, ALIVE);
	assert_true(o->serial >= *last);
	*last = o->serial;
	atomic_fetch_add_explicit(&s->n_reads, 1, memory_order_relaxed);
}

static void *read_in_batches(void *arg)
{
	struct shared *s = arg;
	struct wm_epoch_reader r;
	unsigned last = 0;

	wm_epoch_register(s->epoch, &r);
	atomic_fetch_add(&s->n_started, 1);
	while (!atomic_load(&s->is_over)) {
		wm_epoch_online(&r);
		for (int batch = 0; batch < 20; batch++) {
			for (int i = 0; i < 5; i++)
				check_current(s, &last);
			wm_epoch_quiet(&r);
		}
		wm_epoch_offline(&r);
		sched_yield();
	}
	wm_epoch_unregister(&r);
	return NULL;
}

static void *come_and_go(void *arg)
{
	struct shared *s = arg;
	unsigned last = 0;

	atomic_fetch_add(&s->n_started, 1);
	while (!atomic_load(&s->is_over)) {
		struct wm_epoch_reader r;

		wm_epoch_register(s->epoch, &r);
		wm_epoch_online(&r);
		check_current(s, &last);
		wm_epoch_unregister(&r);
	}
	return NULL;
}

static void test_readers_never_see_freed_memory(void **state)
{
	struct shared s = {.epoch = *state};
	pthread_t threads[4];
	const unsigned rounds = 3000;

	atomic_init(&s.current, new_object(0));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
						i < 3 ? read_in_batches : come_and_go, &s),
				 0);
	while (atomic_load(&s.n_started) < 4)
		sched_yield();
	for (unsigned i = 1; i <= rounds; i++) {
		struct object *old =
			atomic_exchange_explicit(&s.current, new_object(i), memory_order_acq_rel);

		wm_epoch_retire(*state, &old->item, free_object);
		if (i % 16 == 0)
			wm_epoch_reclaim(*state);
		if (i % 512 == 0) {
			wm_epoch_synchronize(*state);
			assert_int_equal(n_freed, i);
		}
	}
	atomic_store(&s.is_over, true);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	wm_epoch_synchronize(*state);
	assert_int_equal(n_freed, rounds);
	assert_true(atomic_load(&s.n_reads) > 0);
	wm_free(atomic_load(&s.current));
}

static void *retire_many(void *arg)
{
	for (int i = 0; i < 500; i++) {
		retire_one(arg);
		if (i % 50 == 0)
			wm_epoch_synchronize(arg);
	}
	return NULL;
}

static void test_writers_on_many_threads(void **state)
{
	pthread_t threads[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, retire_many, *state), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	wm_epoch_synchronize(*state);
	assert_int_equal(n_freed, 1500);
}

static void test_a_reader_has_a_cache_line_of_its_own(void **state)
{
	struct wm_epoch_reader two[2];

	assert_int_equal((uintptr_t)&two[0].seen % 64, 0);
	assert_int_equal((uintptr_t)&two[1].seen % 64, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_without_readers_all_goes_at_once),
		T(test_an_online_reader_holds_back),
		T(test_an_offline_reader_holds_nobody_up),
		T(test_the_slowest_reader_counts),
		T(test_freeing_may_retire_more),
		T(test_synchronize_without_readers),
		T(test_readers_never_see_freed_memory),
		T(test_writers_on_many_threads),
		T(test_a_reader_has_a_cache_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
