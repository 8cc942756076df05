/* Signals, watched descriptors and watched files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/loop.h"

#define PATIENCE 60000

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

struct counter {
	unsigned n, at_least;
	int last;
	struct wm_signal *signal;
	struct wm_poll *poll;
};

static bool reached(void *arg)
{
	struct counter *c = arg;

	return c->n >= c->at_least;
}

static bool never(void *arg)
{
	return false;
}

static void on_signal(void *arg, int signum)
{
	struct counter *c = arg;

	c->n++;
	c->last = signum;
}

static void test_every_delivery_is_told(void **state)
{
	struct counter c = {0};

	assert_int_equal(wm_signal_open(loop, SIGUSR1, on_signal, &c, &c.signal, NULL), 0);
	for (unsigned i = 1; i <= 3; i++) {
		raise(SIGUSR1);
		c.at_least = i;
		assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
		assert_int_equal(c.last, SIGUSR1);
	}
	wm_signal_close(c.signal);
}

static void test_two_watchers_of_one_signal(void **state)
{
	struct counter a = {.at_least = 1}, b = {.at_least = 1};

	assert_int_equal(wm_signal_open(loop, SIGUSR2, on_signal, &a, &a.signal, NULL), 0);
	assert_int_equal(wm_signal_open(loop, SIGUSR2, on_signal, &b, &b.signal, NULL), 0);
	raise(SIGUSR2);
	assert_true(wm_loop_run_until(loop, reached, &a, PATIENCE));
	assert_true(wm_loop_run_until(loop, reached, &b, PATIENCE));
	wm_signal_close(a.signal);
	wm_signal_close(b.signal);
	wm_signal_close(NULL);
}

static void close_on_signal(void *arg, int signum)
{
	struct counter *c = arg;

	c->n++;
	wm_signal_close(c->signal);
}

static void test_closing_a_signal_inside_its_callback(void **state)
{
	struct counter c = {0};

	assert_int_equal(wm_signal_open(loop, SIGUSR1, close_on_signal, &c, &c.signal, NULL), 0);
	raise(SIGUSR1);
	wm_loop_run(loop);
	assert_int_equal(c.n, 1);
}

static void test_a_signal_that_nobody_can_watch(void **state)
{
	struct wm_signal *s = NULL;
	struct wm_err err;

	assert_true(wm_signal_open(loop, SIGKILL, on_signal, NULL, &s, &err) < 0);
	assert_true(wm_signal_open(loop, 0, on_signal, NULL, &s, &err) < 0);
	assert_true(wm_signal_open(loop, 9999, on_signal, NULL, &s, &err) < 0);
	assert_null(s);
}

static void test_a_broken_pipe_is_no_signal(void **state)
{
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	close(fds[0]);
	assert_int_equal(write(fds[1], "x", 1), -1); /* still here */
	close(fds[1]);
}

/* ---- descriptors ---- */

static void on_events(void *arg, unsigned events)
{
	struct counter *c = arg;

	c->n++;
	c->last = (int)events;
}

static void test_readable_and_writable(void **state)
{
	struct counter c = {.at_least = 1};
	int fds[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(wm_poll_open(loop, fds[0], WM_POLL_IN, on_events, &c, &c.poll, NULL), 0);
	assert_false(wm_loop_run_until(loop, never, NULL, 2));
	assert_int_equal(c.n, 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	assert_int_equal(c.last, WM_POLL_IN);
	c.at_least = c.n + 1; /* level triggered: it comes again until it is read */
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	assert_int_equal(read(fds[0], &byte, 1), 1);

	wm_poll_change(c.poll, WM_POLL_OUT);
	c.at_least = c.n + 1;
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	assert_int_equal(c.last, WM_POLL_OUT);
	wm_poll_change(c.poll, WM_POLL_IN | WM_POLL_OUT);
	assert_int_equal(write(fds[1], "y", 1), 1);
	c.at_least = c.n + 1;
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	assert_int_equal(c.last, WM_POLL_IN | WM_POLL_OUT);

	wm_poll_change(c.poll, 0);
	c.n = 0;
	assert_false(wm_loop_run_until(loop, never, NULL, 2));
	assert_int_equal(c.n, 0);
	wm_poll_close(c.poll);
	assert_int_equal(write(fds[0], "z", 1), 1); /* the descriptor stays the caller's */
	close(fds[0]);
	close(fds[1]);
}

static void test_the_end_of_a_stream_is_readable(void **state)
{
	struct counter c = {.at_least = 1};
	int fds[2];
	char byte;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(wm_poll_open(loop, fds[0], WM_POLL_IN, on_events, &c, &c.poll, NULL), 0);
	close(fds[1]);
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	assert_true((c.last & WM_POLL_IN) != 0);
	assert_int_equal(read(fds[0], &byte, 1), 0);
	wm_poll_close(c.poll);
	close(fds[0]);
}

static void take_error(void *arg, unsigned events)
{
	struct counter *c = arg;
	char byte;

	c->n++;
	c->last = (int)read(c->last, &byte, 1) < 0 ? c->last : -1;
}

/* A datagram nobody received: the error is told once, and watching goes on. */
static void test_watching_goes_on_after_an_error(void **state)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int probe = socket(AF_INET, SOCK_DGRAM, 0), fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct counter c = {.at_least = 1, .last = fd};
	socklen_t len = sizeof(to);

	/* A port that was free a moment ago. */
	assert_int_equal(bind(probe, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(getsockname(probe, (struct sockaddr *)&to, &len), 0);
	close(probe);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(wm_poll_open(loop, fd, WM_POLL_IN, take_error, &c, &c.poll, NULL), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_int_equal(send(fd, "x", 1, 0), 1);
		c.at_least = i;
		assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
		assert_int_equal(c.n, i);
		assert_int_equal(c.last, fd);
	}
	wm_poll_close(c.poll);
	close(fd);
}

static void close_on_event(void *arg, unsigned events)
{
	struct counter *c = arg;

	c->n++;
	wm_poll_close(c->poll);
}

static void test_closing_a_poll_inside_its_callback(void **state)
{
	struct counter c = {0};
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(wm_poll_open(loop, fds[0], WM_POLL_OUT, close_on_event, &c, &c.poll, NULL),
			 0);
	wm_loop_run(loop);
	assert_int_equal(c.n, 1);
	wm_poll_close(NULL);
	close(fds[0]);
	close(fds[1]);
}

static void test_what_cannot_be_watched(void **state)
{
	char path[] = "/tmp/wm-watch-XXXXXX";
	struct wm_poll *p = NULL;
	struct wm_err err;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_true(wm_poll_open(loop, fd, WM_POLL_IN, on_events, NULL, &p, &err) < 0);
	close(fd);
	assert_true(wm_poll_open(loop, 9999, WM_POLL_IN, on_events, NULL, &p, &err) < 0);
	assert_null(p);
}

static void on_file(void *arg)
{
	((struct counter *)arg)->n++;
}

static void make_folder(char path[], char file[], size_t size)
{
	assert_non_null(mkdtemp(path));
	snprintf(file, size, "%s/file", path);
	int fd = open(file, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void test_a_file_that_goes_is_told(void **state)
{
	char folder[] = "/tmp/wm-watch-XXXXXX", file[64], other[64];
	struct counter c = {.at_least = 1}, of_folder = {.at_least = 1};
	struct wm_file_watch *w, *v;
	struct wm_err err;

	make_folder(folder, file, sizeof(file));
	snprintf(other, sizeof(other), "%s/other", folder);
	assert_int_equal(wm_file_watch_open(loop, file, on_file, &c, &w, &err), 0);
	assert_int_equal(wm_file_watch_open(loop, folder, on_file, &of_folder, &v, &err), 0);
	assert_false(wm_loop_run_until(loop, reached, &c, 50)); /* nothing has happened */
	assert_int_equal(of_folder.n, 0);
	assert_int_equal(rename(file, other), 0);
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	assert_true(wm_loop_run_until(loop, reached, &of_folder, PATIENCE));
	c.n = 0;
	assert_int_equal(unlink(other), 0);
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	wm_file_watch_close(w);
	wm_file_watch_close(v);
	rmdir(folder);
}

/* Its inode lives on with the socket, so that only its count of names changes. */
static void test_a_socket_file_that_goes_is_told(void **state)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = "/tmp/wm-watch-XXXXXX"};
	struct counter c = {.at_least = 1};
	struct wm_file_watch *w;
	struct wm_err err;
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	close(mkstemp(sa.sun_path));
	unlink(sa.sun_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(wm_file_watch_open(loop, sa.sun_path, on_file, &c, &w, &err), 0);
	unlink(sa.sun_path);
	assert_true(wm_loop_run_until(loop, reached, &c, PATIENCE));
	wm_file_watch_close(w);
	close(fd);
}

static void test_no_file_cannot_be_watched(void **state)
{
	struct wm_file_watch *w = NULL;
	struct wm_err err;

	assert_int_equal(wm_file_watch_open(loop, "/nowhere/at/all", on_file, NULL, &w, &err),
			 WM_NOT_FOUND);
	assert_non_null(strstr(err.text, "/nowhere/at/all"));
	assert_null(w);
	wm_file_watch_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_every_delivery_is_told),
		T(test_two_watchers_of_one_signal),
		T(test_closing_a_signal_inside_its_callback),
		T(test_a_signal_that_nobody_can_watch),
		T(test_a_broken_pipe_is_no_signal),
		T(test_readable_and_writable),
		T(test_the_end_of_a_stream_is_readable),
		T(test_watching_goes_on_after_an_error),
		T(test_closing_a_poll_inside_its_callback),
		T(test_what_cannot_be_watched),
		T(test_a_file_that_goes_is_told),
		T(test_a_socket_file_that_goes_is_told),
		T(test_no_file_cannot_be_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
