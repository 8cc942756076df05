/*
 * kill -9 at any moment. A child opens the state and proposes without pause; every transaction puts
 * the same number under two keys, and after each acknowledgement the number goes up a pipe. The
 * parent kills it after a random time, opens the state itself, and finds: both keys alike (no half
 * transaction), the revision equal to the number (none lost, none twice), and nothing less than
 * what was acknowledged. In memory, nothing at all is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "base/str.h"
#include "harness.h"

enum { KILLS = 50, AT_ONCE = 8 };

struct writer {
	struct bench *b;
	int fd;
	uint64_t next;
	struct wm_propose p[AT_ONCE];
	unsigned open;
};

static struct writer writer;

static void on_written(struct wm_propose *p, const struct wm_err *err);

static void propose_next(struct wm_propose *p)
{
	struct wm_txn *t = wm_txn_new();
	char text[32], filler[3000];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)++writer.next);
	memset(filler, 'f', sizeof(filler));
	wm_txn_put_str(t, "/first", text);
	wm_txn_put(t, text, filler, sizeof(filler)); /* makes pages of all kinds */
	wm_txn_put_str(t, "/second", text);
	wm_store_propose(writer.b->store, p, t, on_written);
}

static void on_written(struct wm_propose *p, const struct wm_err *err)
{
	if (err != NULL || write(writer.fd, &p->revision, 8) != 8)
		_exit(3);
	propose_next(p);
}

static void write_until_killed(const char *folder, int fd, bool durable)
{
	static struct bench b;
	static const bool never;

	b.provider = durable ? chosen : provider_find("memory");
	wm_str_copy(b.folder, sizeof(b.folder), folder);
	bench_open(&b);
	writer = (struct writer){.b = &b, .fd = fd, .next = wm_store_revision(b.store)};
	for (unsigned i = 0; i < AT_ONCE; i++)
		propose_next(&writer.p[i]);
	if (write(fd, &(uint64_t){0}, 8) != 8)
		_exit(3);
	bench_wait(&b, &never);
	_exit(4);
}

static uint64_t last_of(int fd)
{
	uint64_t last = 0, r;

	while (read(fd, &r, 8) == 8)
		last = r > last ? r : last;
	return last;
}

/*
 * Runs a writer and kills it; the newest revision that it had seen acknowledged. One in memory is
 * killed after its first, however busy the machine; a durable one at any time.
 */
static uint64_t run_and_kill(const char *folder, bool durable)
{
	struct timespec pause = {.tv_nsec = 1000000L + (long)wm_rand_below(40000000)};
	uint64_t ready, first = 0, last;
	int pipe_fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	if (pid == 0) {
		close(pipe_fd[0]);
		write_until_killed(folder, pipe_fd[1], durable);
	}
	assert_true(pid > 0);
	close(pipe_fd[1]);
	assert_int_equal(read(pipe_fd[0], &ready, 8), 8);
	if (!durable)
		assert_int_equal(read(pipe_fd[0], &first, 8), 8);
	nanosleep(&pause, NULL);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFSIGNALED(status))
		fail_msg("the writer ended by itself, status %d", WEXITSTATUS(status));
	last = last_of(pipe_fd[0]);
	close(pipe_fd[0]);
	return last > first ? last : first;
}

static uint64_t number_at(struct bench *b, const char *key)
{
	const char *text = text_at(b, key);

	return text != NULL ? strtoull(text, NULL, 10) : 0;
}

static void test_nothing_acknowledged_is_lost(void **state)
{
	struct bench *b = *state;
	uint64_t acknowledged = 0, before = 0;

	bench_close(b);
	for (int i = 0; i < KILLS; i++) {
		uint64_t last = run_and_kill(b->folder, true);

		acknowledged = last > acknowledged ? last : acknowledged;
		bench_open(b);
		assert_true(wm_store_revision(b->store) >= acknowledged);
		assert_true(wm_store_revision(b->store) > before || last == 0);
		assert_int_equal(number_at(b, "/first"), wm_store_revision(b->store));
		assert_int_equal(number_at(b, "/second"), wm_store_revision(b->store));
		before = wm_store_revision(b->store);
		bench_close(b);
	}
	print_message("%d kills, %llu transactions acknowledged, %llu found\n", KILLS,
		      (unsigned long long)acknowledged, (unsigned long long)before);
	assert_true(acknowledged > KILLS);
	bench_open(b);
}

static unsigned leftovers(void)
{
	DIR *d = opendir("/dev/shm");
	struct dirent *e;
	unsigned n = 0;

	while (d != NULL && (e = readdir(d)) != NULL)
		n += wm_str_starts(e->d_name, "webmesh-");
	if (d != NULL)
		closedir(d);
	return n;
}

static void test_memory_leaves_nothing(void **state)
{
	unsigned before = leftovers();

	for (int i = 0; i < 5; i++)
		assert_true(run_and_kill("", false) > 0);
	/* Stores of tests at the same time have a name there for a moment. */
	for (int i = 0; i < 200 && leftovers() > before; i++)
		nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	assert_true(leftovers() <= before);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nothing_acknowledged_is_lost, bench_setup,
						bench_teardown),
		cmocka_unit_test(test_memory_leaves_nothing),
	};

	chosen = provider_find(argc > 1 ? argv[1] : "durable");
	return cmocka_run_group_tests_name("killed", tests, NULL, NULL);
}
