/* What comes from other threads: posts, and work for the pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>

#include "base/mem.h"
#include "loop/loop.h"

#define N_THREADS 4
#define N_POSTS   500
#define PATIENCE  60000 /* ms; a healthy run needs none of it */

static struct wm_loop *loop;

static int setup(void **state)
{
	loop = wm_loop_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	wm_loop_free(loop);
	return 0;
}

struct letter {
	struct wm_post post;
	unsigned thread, serial;
};

static unsigned n_arrived, next_serial[N_THREADS];

static void on_letter(struct wm_post *p)
{
	struct letter *l = wm_container_of(p, struct letter, post);

	wm_on_loop(loop);
	assert_int_equal(l->serial, next_serial[l->thread]);
	next_serial[l->thread]++;
	n_arrived++;
	wm_free(l); /* the callback may release it */
}

static void *post_many(void *arg)
{
	unsigned thread = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < N_POSTS; i++) {
		struct letter *l = wm_alloc(sizeof(*l));

		l->thread = thread;
		l->serial = i;
		wm_loop_post(loop, &l->post, on_letter);
	}
	return NULL;
}

static bool all_arrived(void *arg)
{
	return n_arrived == N_THREADS * N_POSTS;
}

static void test_posts_arrive_once_and_in_order(void **state)
{
	pthread_t threads[N_THREADS];

	n_arrived = 0;
	memset(next_serial, 0, sizeof(next_serial));
	for (uintptr_t i = 0; i < N_THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, (void *)i), 0);
	assert_true(wm_loop_run_until(loop, all_arrived, NULL, PATIENCE));
	for (int i = 0; i < N_THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(n_arrived, N_THREADS * N_POSTS);
}

static unsigned n_left;

static void post_again(struct wm_post *p)
{
	n_arrived++;
	if (--n_left > 0)
		wm_loop_post(loop, p, post_again);
}

static void test_a_post_may_be_posted_again_from_inside(void **state)
{
	struct wm_post p;

	n_arrived = 0;
	n_left = 5;
	wm_loop_post(loop, &p, post_again);
	assert_int_equal(n_arrived, 0);
	wm_loop_run(loop); /* nothing but the post is there, and it is not forgotten */
	assert_int_equal(n_arrived, 5);
}

static void count_post(struct wm_post *p)
{
	n_arrived++;
}

static void test_what_is_posted_is_heard_before_the_end(void **state)
{
	struct wm_loop *other = wm_loop_new(NULL);
	struct wm_post p;

	n_arrived = 0;
	wm_loop_post(other, &p, count_post);
	wm_loop_free(other);
	assert_int_equal(n_arrived, 1);
}

static void stop_loop(struct wm_post *p)
{
	wm_loop_stop(loop);
}

static void *stop_from_outside(void *arg)
{
	wm_loop_post(loop, arg, stop_loop);
	return NULL;
}

static void nothing(struct wm_timer *t)
{
}

static void test_another_thread_stops_the_loop(void **state)
{
	struct wm_timer far_away = {0};
	struct wm_post stop;
	pthread_t thread;

	wm_timer_start(loop, &far_away, INT64_MAX, nothing);
	assert_int_equal(pthread_create(&thread, NULL, stop_from_outside, &stop), 0);
	wm_loop_run(loop);
	pthread_join(thread, NULL);
	wm_timer_stop(&far_away);
}

/* ---- work ---- */

struct job {
	struct wm_work work;
	pthread_t loop_thread;
	unsigned result; /* no atomics: done comes after run */
	sem_t *begun, *go_on;
	unsigned *n_done;
};

static void run_job(struct wm_work *w)
{
	struct job *j = wm_container_of(w, struct job, work);

	if (j->begun != NULL) {
		sem_post(j->begun);
		sem_wait(j->go_on);
	}
	assert_false(pthread_equal(pthread_self(), j->loop_thread));
	j->result = 42;
}

static void job_done(struct wm_work *w)
{
	struct job *j = wm_container_of(w, struct job, work);

	wm_on_loop(loop);
	(*j->n_done)++;
}

static void test_work_runs_elsewhere_and_ends_here(void **state)
{
	struct job jobs[20] = {0};
	unsigned n_done = 0;

	for (int i = 0; i < 20; i++) {
		jobs[i] = (struct job){.loop_thread = pthread_self(), .n_done = &n_done};
		wm_work_start(loop, &jobs[i].work, run_job, job_done);
	}
	assert_int_equal(n_done, 0);
	wm_loop_run(loop);
	assert_int_equal(n_done, 20);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(jobs[i].result, 42);
		assert_false(jobs[i].work.cancelled);
	}
}

/* More jobs than any pool has threads: the last ones wait, and can be taken back. */
static void test_waiting_work_can_be_cancelled(void **state)
{
	enum { N = 2000 };
	struct job *jobs = wm_calloc(N, sizeof(*jobs));
	unsigned n_done = 0, n_cancelled = 0, n_run = 0;
	sem_t begun, go_on;

	sem_init(&begun, 0, 0);
	sem_init(&go_on, 0, 0);
	for (int i = 0; i < N; i++) {
		jobs[i] = (struct job){.loop_thread = pthread_self(),
				       .n_done = &n_done,
				       .begun = &begun,
				       .go_on = &go_on};
		wm_work_start(loop, &jobs[i].work, run_job, job_done);
	}
	sem_wait(&begun); /* at least one runs now */
	for (int i = 0; i < N; i++)
		wm_work_cancel(&jobs[i].work);
	assert_int_equal(n_done, 0);
	for (int i = 0; i < N; i++)
		sem_post(&go_on);
	wm_loop_run(loop);
	for (int i = 0; i < N; i++) {
		n_cancelled += jobs[i].work.cancelled;
		n_run += jobs[i].result == 42;
		assert_int_not_equal(jobs[i].work.cancelled, jobs[i].result == 42);
	}
	assert_int_equal(n_done, N); /* done runs in any case */
	assert_true(n_run >= 1 && n_cancelled >= 1);
	wm_work_cancel(&jobs[0].work); /* too late, and harmless */
	sem_destroy(&begun);
	sem_destroy(&go_on);
	wm_free(jobs);
}

static void start_again(struct wm_work *w)
{
	struct job *j = wm_container_of(w, struct job, work);

	if (++*j->n_done < 3)
		wm_work_start(loop, w, run_job, start_again);
}

static void test_work_may_be_used_again_from_done(void **state)
{
	unsigned n_done = 0;
	struct job j = {.loop_thread = pthread_self(), .n_done = &n_done};

	wm_work_start(loop, &j.work, run_job, start_again);
	wm_loop_run(loop);
	assert_int_equal(n_done, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_posts_arrive_once_and_in_order),
		T(test_a_post_may_be_posted_again_from_inside),
		T(test_what_is_posted_is_heard_before_the_end),
		T(test_another_thread_stops_the_loop),
		T(test_work_runs_elsewhere_and_ends_here),
		T(test_waiting_work_can_be_cancelled),
		T(test_work_may_be_used_again_from_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
