/*
 * Power cuts. LMDB's own writes to the log's file are recorded here, by functions of this program
 * that stand in front of the C library's, with the syncs between them. Then the file is made again
 * as a power cut could have left it at any of these moments: all that was synced, and of what came
 * after it each prefix, arbitrary parts in any order, and the last one torn at a sector. Each
 * image must open, hold all that had been promised, and be exactly one of the steps.
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "cluster/disk.h"

enum { STEPS = 24, SECTOR = 512, EVENTS = 8192 };

/* A write to data.mdb, or (n = 0) a sync of it. */
struct event {
	off_t at;
	size_t n;
	uint8_t *data;
	bool durable; /* by itself: the descriptor is O_DSYNC */
	int promised; /* steps that had returned before */
};

static struct event events[EVENTS];
static size_t n_events;
static bool recording;
static int promised;

static bool is_data(int fd)
{
	char link[40], path[300];
	ssize_t n;

	if (!recording)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 8)
		return false;
	path[n] = '\0';
	return strcmp(path + n - 8, "data.mdb") == 0;
}

static void note(int fd, const void *p, size_t n, off_t at)
{
	struct event *e = &events[n_events++];

	if (n_events >= EVENTS)
		abort();
	*e = (struct event){.at = at, .n = n, .promised = promised};
	e->durable = n == 0 || (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	if (n > 0) {
		e->data = malloc(n);
		memcpy(e->data, p, n);
	}
}

#define IN_FRONT __attribute__((visibility("default")))

/* By the name that the library asks for: the headers call it pwrite64. */
IN_FRONT ssize_t front_pwrite(int fd, const void *p, size_t n, off_t at) __asm__("pwrite");

IN_FRONT ssize_t front_pwrite(int fd, const void *p, size_t n, off_t at)
{
	if (is_data(fd))
		note(fd, p, n, at);
	return syscall(SYS_pwrite64, fd, p, n, at);
}

IN_FRONT ssize_t writev(int fd, const struct iovec *v, int n)
{
	off_t at = is_data(fd) ? lseek(fd, 0, SEEK_CUR) : 0;

	for (int i = 0; i < n && is_data(fd); i++) {
		note(fd, v[i].iov_base, v[i].iov_len, at);
		at += (off_t)v[i].iov_len;
	}
	return syscall(SYS_writev, fd, v, n);
}

IN_FRONT int fdatasync(int fd)
{
	if (is_data(fd))
		note(fd, NULL, 0, 0);
	return (int)syscall(SYS_fdatasync, fd);
}

/* ---- the story that is told: what the disk holds after each step ---- */

static uint8_t filler[5000];

static void do_step(struct wm_disk *d, int i)
{
	struct wm_machine_disk found;
	struct wm_persist p = {.has_vote = i % 5 == 0, .term = 1 + (uint64_t)i / 5, .vote = 7};
	struct wm_entry e[3];
	struct wm_err err;
	int rc;

	assert_int_equal(wm_disk_load(d, &found, &err), 0);
	if (i % 8 == 7) { /* a snapshot, and the log behind it */
		struct wm_snapshot_meta meta = {.index = found.last - 1, .term = found.term};

		meta.configuration.index = 1;
		wm_configuration_add(&meta.configuration, 7, "node", WM_MEMBER_VOTER);
		rc = wm_disk_put_snapshot(d, &meta, meta.index, &err);
		wm_configuration_fini(&meta.configuration);
		assert_int_equal(rc, 0);
		return;
	}
	p.first = i % 6 == 5 ? found.last : found.last + 1; /* now and then one is replaced */
	for (uint64_t k = 0; k < 3; k++) {
		e[k] = (struct wm_entry){.index = p.first + k,
					 .term = 1 + (uint64_t)i / 5,
					 .kind = WM_ENTRY_COMMAND,
					 .data = filler,
					 .len = (size_t)(i * 200) % sizeof(filler)};
	}
	p.entries = e;
	p.n = 3;
	if (wm_disk_persist(d, &p, &err) != 0)
		fail_msg("%s", err.text);
}

struct picture {
	uint64_t term, vote, first, last, snapshot, bytes;
};

static struct picture pictures[STEPS + 1];

static struct picture take_picture(struct wm_disk *d)
{
	struct wm_machine_disk found;

	assert_int_equal(wm_disk_load(d, &found, NULL), 0);
	return (struct picture){found.term,
				found.vote,
				found.first,
				found.last,
				found.snapshot != NULL ? found.snapshot->index : 0,
				wm_disk_bytes(d)};
}

/* ---- images ---- */

static uint8_t *image;
static size_t image_len;

static void put(uint8_t **to, size_t *len, const struct event *e, size_t n)
{
	size_t end = (size_t)e->at + n;

	if (end > *len) {
		*to = realloc(*to, end);
		memset(*to + *len, 0, end - *len);
		*len = end;
	}
	memcpy(*to + e->at, e->data, n);
}

static unsigned images;

/* What power leaves of [@from, @to): those in @mask, the last of them @torn bytes short. */
static void expect_whole(const char *folder, size_t from, size_t to, uint64_t mask, size_t torn)
{
	struct wm_disk_opts o = {.path = folder};
	uint8_t *copy = image_len > 0 ? wm_memdup(image, image_len) : NULL;
	size_t len = image_len;
	int least = to > 0 ? events[to - 1].promised : 0;
	char path[120];
	struct wm_disk *d;
	struct wm_err err;
	bool matches = false;
	int fd;

	for (size_t i = from; i < to; i++)
		if ((mask >> ((i - from) % 64)) & 1)
			put(&copy, &len, &events[i],
			    i == to - 1 && events[i].n > torn ? events[i].n - torn : events[i].n);
	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_int_equal(write(fd, copy, len), (ssize_t)len);
	close(fd);
	free(copy);
	if (wm_disk_open(&o, &d, &err) != 0)
		fail_msg("events %zu to %zu, mask %llx, torn %zu: %s", from, to,
			 (unsigned long long)mask, torn, err.text);
	{
		struct picture now = take_picture(d);

		for (int i = least; i <= STEPS && i <= least + 1; i++)
			matches = matches || memcmp(&now, &pictures[i], sizeof(now)) == 0;
		if (!matches)
			fail_msg("events %zu to %zu, mask %llx: term %llu, log %llu to %llu is not "
				 "what step %d left",
				 from, to, (unsigned long long)mask, (unsigned long long)now.term,
				 (unsigned long long)now.first, (unsigned long long)now.last,
				 least);
	}
	wm_disk_close(d);
	images++;
}

/* All that power can leave of what was written since the last sync. */
static void cut_between(const char *folder, size_t from, size_t to)
{
	for (size_t n = from; n <= to; n++) {
		expect_whole(folder, from, n, UINT64_MAX, 0);
		if (n > from && events[n - 1].n > SECTOR && !events[n - 1].durable)
			expect_whole(folder, from, n, UINT64_MAX, SECTOR);
		for (int i = 0; i < 2 && n > from + 1; i++)
			expect_whole(folder, from, n, wm_rand_below(UINT32_MAX), 0);
	}
}

static void record(const char *folder)
{
	struct wm_disk_opts o = {.path = folder};
	struct wm_disk *d;
	struct wm_err err;

	if (wm_disk_open(&o, &d, &err) != 0)
		fail_msg("%s", err.text);
	pictures[0] = take_picture(d);
	wm_disk_close(d);
	recording = false; /* the base: a file as it was before */
	assert_int_equal(wm_disk_open(&o, &d, &err), 0);
	recording = true;
	for (int i = 0; i < STEPS; i++) {
		do_step(d, i);
		promised = i + 1;
		pictures[i + 1] = take_picture(d);
	}
	recording = false;
	wm_disk_close(d);
}

static void load_base(const char *folder)
{
	char path[120];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	image_len = (size_t)st.st_size;
	image = malloc(image_len);
	assert_int_equal(read(fd, image, image_len), (ssize_t)image_len);
	close(fd);
}

static void clean(const char *folder)
{
	char path[120];

	snprintf(path, sizeof(path), "%s/data.mdb", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/lock.mdb", folder);
	unlink(path);
	rmdir(folder);
}

static void test_power_cuts(void **state)
{
	char folder[] = "/tmp/wm-power-XXXXXX", other[] = "/tmp/wm-power-XXXXXX";
	struct wm_disk_opts o = {.path = folder};
	struct wm_disk *d;
	size_t from = 0;

	memset(filler, 'f', sizeof(filler));
	assert_non_null(mkdtemp(folder));
	assert_non_null(mkdtemp(other));
	assert_int_equal(wm_disk_open(&o, &d, NULL), 0);
	wm_disk_close(d);
	load_base(folder);
	record(folder);
	for (size_t i = 0; i < n_events; i++) {
		if (!events[i].durable)
			continue;
		cut_between(other, from, i + (events[i].n > 0));
		for (; from <= i; from++)
			if (events[from].n > 0)
				put(&image, &image_len, &events[from], events[from].n);
	}
	print_message("%zu writes and syncs, %u images\n", n_events, images);
	assert_true(n_events > STEPS * 3 && images > n_events);
	for (size_t i = 0; i < n_events; i++)
		free(events[i].data);
	free(image);
	clean(folder);
	clean(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_power_cuts)};

	return cmocka_run_group_tests_name("disk_power", tests, NULL, NULL);
}
