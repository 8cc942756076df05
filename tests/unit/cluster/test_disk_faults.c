/*
 * A disk that fails: the n-th write or sync of the log's file ends with an error, or writes half,
 * for each n that a short story has. Functions of this program stand in front of the C library's.
 * After a step that failed, what is loaded is what was before it or what would have been after it,
 * and the story goes on to its end as if nothing had been.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "cluster/disk.h"

enum { STEPS = 12 };

static unsigned calls, fail_at, fail_for; /* fail_at 0 = never */
static int fail_with;                     /* an errno; 0 = half of it is written */

static bool is_data(int fd)
{
	char link[40], path[300];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	return n > 8 && strcmp(path + n - 8, "data.mdb") == 0;
}

static bool is_bad(int fd)
{
	if (fail_at == 0 || !is_data(fd))
		return false;
	calls++;
	return calls >= fail_at && calls < fail_at + fail_for;
}

static ssize_t refuse(size_t n)
{
	errno = fail_with;
	return fail_with == 0 ? (ssize_t)(n / 2) : -1;
}

#define IN_FRONT __attribute__((visibility("default")))

/* By the name that the library asks for: the headers call it pwrite64. */
IN_FRONT ssize_t front_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");

IN_FRONT ssize_t front_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (is_bad(fd))
		return fail_with == 0 ? syscall(SYS_pwrite64, fd, p, n / 2, at) : refuse(n);
	return syscall(SYS_pwrite64, fd, p, n, at);
}

IN_FRONT ssize_t writev(int fd, const struct iovec *v, int n)
{
	if (is_bad(fd))
		return refuse(v[0].iov_len);
	return syscall(SYS_writev, fd, v, n);
}

IN_FRONT int fdatasync(int fd)
{
	if (is_bad(fd) && fail_with != 0)
		return (int)refuse(0);
	return (int)syscall(SYS_fdatasync, fd);
}

/* ---- the story: step i appends three entries of term i + 1 and votes ---- */

static int do_step(struct wm_disk *d, uint64_t i, struct wm_err *err)
{
	static uint8_t filler[9000];
	struct wm_entry e[3];
	struct wm_persist p = {
		.has_vote = true, .term = i + 1, .vote = i + 100, .first = 3 * i + 1, .n = 3};

	for (unsigned k = 0; k < 3; k++)
		e[k] = (struct wm_entry){.index = p.first + k,
					 .term = i + 1,
					 .kind = WM_ENTRY_COMMAND,
					 .data = filler,
					 .len = sizeof(filler) * k / 2};
	p.entries = e;
	return wm_disk_persist(d, &p, err);
}

/* What is there is exactly @steps steps; how many are. */
static uint64_t look(struct wm_disk *d)
{
	struct wm_machine_disk found;
	struct wm_err err;
	uint64_t steps;

	if (wm_disk_load(d, &found, &err) != 0)
		return UINT64_MAX; /* it still fails */
	steps = found.last / 3;
	assert_int_equal(found.last, 3 * steps);
	assert_int_equal(found.term, steps);
	assert_int_equal(found.vote, steps > 0 ? steps + 99 : 0);
	return steps;
}

/* Tells the story with a disk that fails at its @n-th call; false when it has fewer. */
static bool tell(const char *folder, unsigned n, unsigned times, int with)
{
	struct wm_disk_opts o = {.path = folder};
	struct wm_disk *d;
	struct wm_err err;
	uint64_t done = 0;
	unsigned tries = 0;
	bool reached;

	assert_int_equal(wm_disk_open(&o, &d, &err), 0);
	calls = 0;
	fail_with = with;
	fail_for = times;
	fail_at = n;
	while (done < STEPS && tries++ < STEPS + 60) {
		int rc = do_step(d, done, &err);
		uint64_t now = look(d);

		if (now == UINT64_MAX)
			continue;
		assert_true(rc == 0 ? now == done + 1 : now == done || now == done + 1);
		done = now;
	}
	reached = calls >= n;
	fail_at = 0;
	assert_int_equal(done, STEPS);
	wm_disk_close(d);
	assert_int_equal(wm_disk_open(&o, &d, &err), 0);
	assert_int_equal(look(d), STEPS);
	wm_disk_close(d);
	return reached;
}

static void clean(const char *folder)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", folder);
	unlink(path);
}

static void fail_everywhere(unsigned times, int with)
{
	char folder[] = "/tmp/wm-faults-XXXXXX";
	unsigned n = 1;

	assert_non_null(mkdtemp(folder));
	while (tell(folder, n++, times, with))
		clean(folder);
	clean(folder);
	rmdir(folder);
	print_message("%u places\n", n - 2);
	assert_true(n > STEPS * 2);
}

static void test_full(void **state)
{
	fail_everywhere(1, ENOSPC);
}

static void test_bad(void **state)
{
	fail_everywhere(1, EIO);
}

static void test_bad_for_a_while(void **state)
{
	fail_everywhere(5, EIO);
}

static void test_half(void **state)
{
	fail_everywhere(1, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_bad_for_a_while),
		cmocka_unit_test(test_half),
	};

	return cmocka_run_group_tests_name("disk_faults", tests, NULL, NULL);
}
