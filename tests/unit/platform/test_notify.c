/* A service manager of the test's own listens on a real socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "platform/notify.h"

static char path[64];
static int listener;

/* At a path, or at "@name". */
static void listen_at(const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	size_t len = strlen(name);

	memcpy(at.sun_path, name, len);
	if (name[0] == '@')
		at.sun_path[0] = '\0';
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
			 0);
}

/* The next datagram; "" when there is none. */
static const char *heard(void)
{
	static char text[2048];
	ssize_t n = recv(listener, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static int setup(void **state)
{
	snprintf(path, sizeof(path), "/tmp/wm-notify-%d", (int)getpid());
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	listener = -1;
	return 0;
}

static int teardown(void **state)
{
	close(listener);
	unlink(path);
	return 0;
}

static struct wm_notify *open_notify(void)
{
	struct wm_notify *n;
	struct wm_err err;

	if (wm_notify_open(&n, &err) != 0)
		fail_msg("%s", err.text);
	return n;
}

static void tell(struct wm_notify *n, enum wm_notice what, const char *status, int64_t ns)
{
	struct wm_err err;

	if (wm_notify_tell(n, what, status, ns, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_each_notice(void **state)
{
	long long said;
	struct timespec now;
	struct wm_notify *n;

	listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	n = open_notify();
	assert_true(wm_notify_is_heard(n));
	tell(n, WM_NOTICE_EXTEND, NULL, 30 * WM_NS_PER_S);
	assert_string_equal(heard(), "EXTEND_TIMEOUT_USEC=30000000");
	tell(n, WM_NOTICE_READY, "alpha\nREADY=0", 0);
	assert_string_equal(heard(), "READY=1\nSTATUS=alpha READY=0");
	tell(n, WM_NOTICE_RELOADING, NULL, 0);
	assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%lld", &said), 1);
	clock_gettime(CLOCK_MONOTONIC, &now);
	assert_true(said > 0 && said <= now.tv_sec * 1000000LL + now.tv_nsec / 1000);
	tell(n, WM_NOTICE_ALIVE, NULL, 0);
	assert_string_equal(heard(), "WATCHDOG=1");
	tell(n, WM_NOTICE_STOPPING, "asked to", 0);
	assert_string_equal(heard(), "STOPPING=1\nSTATUS=asked to");
	wm_notify_close(n);
}

/* A descriptor that comes with the next datagram, whose text must be @expected. */
static int received(const char *expected)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	char text[256] = "";
	struct iovec iov = {.iov_base = text, .iov_len = sizeof(text) - 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.room,
			     .msg_controllen = sizeof(control.room)};
	int fd = -1;

	assert_true(recvmsg(listener, &msg, 0) > 0);
	assert_string_equal(text, expected);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

static void test_it_keeps_descriptors(void **state)
{
	struct stat kept, ours;
	struct wm_notify *n;
	struct wm_err err;
	int fds[2], fd;

	listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	n = open_notify();
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(wm_notify_store(n, "interface", fds, 1, &err), 0);
	fd = received("FDSTORE=1\nFDNAME=interface");
	assert_int_equal(fstat(fd, &kept), 0);
	assert_int_equal(fstat(fds[0], &ours), 0);
	assert_int_equal(kept.st_ino, ours.st_ino);
	assert_int_equal(wm_notify_unstore(n, "interface", &err), 0);
	assert_string_equal(heard(), "FDSTOREREMOVE=1\nFDNAME=interface");
	close(fd);
	close(fds[0]);
	close(fds[1]);
	wm_notify_close(n);
}

/* Numbers 3 to 5 are the test's to give: it moves away what it has there. */
static void test_it_gives_descriptors_back(void **state)
{
	int kept[3], fds[4];
	char pid[16];
	struct wm_notify *n;

	for (int i = 0; i < 3; i++)
		kept[i] = fcntl(3 + i, F_DUPFD_CLOEXEC, 20);
	for (int i = 0; i < 3; i++)
		assert_int_equal(dup2(1, 3 + i), 3 + i);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDNAMES", "interface:stored:interface", 1);
	n = open_notify();
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDNAMES"));
	assert_int_equal(wm_notify_take(n, "inter", fds, 4), 0);
	assert_int_equal(wm_notify_take(n, "interface", fds, 4), 2);
	assert_int_equal(fds[0], 3);
	assert_int_equal(fds[1], 5);
	assert_int_equal(fcntl(5, F_GETFD), FD_CLOEXEC);
	assert_int_equal(wm_notify_take(n, "interface", fds, 4), 0);
	wm_notify_close(n);
	assert_int_equal(fcntl(4, F_GETFD), -1); /* nobody took it */
	assert_int_equal(fcntl(5, F_GETFD), FD_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		close(3 + i);
		if (kept[i] >= 0) {
			dup2(kept[i], 3 + i);
			close(kept[i]);
		}
	}
}

static void test_descriptors_for_somebody_else(void **state)
{
	struct wm_notify *n;
	int fd;

	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	n = open_notify();
	assert_int_equal(wm_notify_take(n, "", &fd, 1), 0);
	wm_notify_close(n);
}

static void test_bad_descriptors(void **state)
{
	static const struct {
		const char *count, *pid;
	} rows[] = {{"-1", NULL}, {"65", NULL}, {"x", NULL}, {"1", "x"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wm_notify *n;
		struct wm_err err;

		setenv("LISTEN_FDS", rows[i].count, 1);
		if (rows[i].pid != NULL)
			setenv("LISTEN_PID", rows[i].pid, 1);
		assert_int_equal(wm_notify_open(&n, &err), WM_INVALID_ARGUMENT);
		assert_non_null(strstr(err.text, "LISTEN_"));
		assert_null(getenv("LISTEN_FDS"));
	}
}

static void test_an_abstract_socket(void **state)
{
	char name[64];
	struct wm_notify *n;

	snprintf(name, sizeof(name), "@wm-notify-%d", (int)getpid());
	listen_at(name);
	setenv("NOTIFY_SOCKET", name, 1);
	n = open_notify();
	tell(n, WM_NOTICE_READY, NULL, 0);
	assert_string_equal(heard(), "READY=1");
	wm_notify_close(n);
}

static void test_nobody_listens(void **state)
{
	struct wm_notify *n;

	setenv("NOTIFY_SOCKET", "", 1);
	setenv("WATCHDOG_USEC", "1000", 1);
	n = open_notify();
	assert_false(wm_notify_is_heard(n));
	assert_int_equal(wm_notify_watchdog(n), 0);
	tell(n, WM_NOTICE_READY, "x", 0);
	wm_notify_close(n);
}

static void test_children_do_not_speak_for_us(void **state)
{
	char pid[16];
	struct wm_notify *n;

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "2000000", 1);
	setenv("WATCHDOG_PID", pid, 1);
	n = open_notify();
	assert_int_equal(wm_notify_watchdog(n), 2 * WM_NS_PER_S);
	assert_null(getenv("NOTIFY_SOCKET"));
	assert_null(getenv("WATCHDOG_USEC"));
	assert_null(getenv("WATCHDOG_PID"));
	wm_notify_close(n);
	/* Opened again, nobody has asked. */
	n = open_notify();
	assert_false(wm_notify_is_heard(n));
	wm_notify_close(n);
}

static void test_a_watchdog_of_somebody_else(void **state)
{
	struct wm_notify *n;

	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "2000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	n = open_notify();
	assert_int_equal(wm_notify_watchdog(n), 0);
	wm_notify_close(n);
}

static void refuse(const char *name, const char *value, const char *words)
{
	struct wm_notify *n = NULL;
	struct wm_err err;

	setenv("NOTIFY_SOCKET", path, 1);
	setenv("WATCHDOG_USEC", "1000000", 1);
	setenv(name, value, 1);
	assert_int_equal(wm_notify_open(&n, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, words));
	assert_null(n);
}

static void test_requests_that_nobody_understands(void **state)
{
	char long_path[200];

	memset(long_path, 'x', sizeof(long_path));
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	refuse("NOTIFY_SOCKET", "vsock:2:1", "neither a path nor an abstract name");
	refuse("NOTIFY_SOCKET", "@", "neither a path nor an abstract name");
	refuse("NOTIFY_SOCKET", long_path, "neither a path nor an abstract name");
	refuse("WATCHDOG_USEC", "soon", "no number of microseconds");
	refuse("WATCHDOG_USEC", "0", "no number of microseconds");
	refuse("WATCHDOG_PID", "-1", "no process ID");
}

static void test_a_listener_that_does_not_read(void **state)
{
	struct wm_notify *n;
	struct wm_err err;
	int rc = 0;
	unsigned told = 0;

	listen_at(path);
	setenv("NOTIFY_SOCKET", path, 1);
	n = open_notify();
	for (; rc == 0 && told < 100000; told++)
		rc = wm_notify_tell(n, WM_NOTICE_ALIVE, NULL, 0, &err);
	assert_int_equal(rc, WM_UNAVAILABLE);
	while (*heard() != '\0')
		told--;
	assert_int_equal(told, 1); /* all but the refused one */
	tell(n, WM_NOTICE_READY, NULL, 0);
	wm_notify_close(n);
}

static void test_a_listener_that_has_gone(void **state)
{
	struct wm_notify *n;
	struct wm_err err;

	setenv("NOTIFY_SOCKET", path, 1);
	n = open_notify();
	assert_int_equal(wm_notify_tell(n, WM_NOTICE_READY, NULL, 0, &err), WM_NOT_FOUND);
	wm_notify_close(n);
}

static void test_the_journal(void **state)
{
	char stream[64];
	struct stat st;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fstat(ends[1], &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(wm_notify_is_journal(ends[1]));
	assert_false(wm_notify_is_journal(listener)); /* closed */
	assert_false(wm_notify_is_journal(STDERR_FILENO));
	unsetenv("JOURNAL_STREAM");
	assert_false(wm_notify_is_journal(ends[1]));
	close(ends[0]);
	close(ends[1]);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_each_notice),
		T(test_an_abstract_socket),
		T(test_it_keeps_descriptors),
		T(test_it_gives_descriptors_back),
		T(test_descriptors_for_somebody_else),
		T(test_bad_descriptors),
		T(test_nobody_listens),
		T(test_children_do_not_speak_for_us),
		T(test_a_watchdog_of_somebody_else),
		T(test_requests_that_nobody_understands),
		T(test_a_listener_that_does_not_read),
		T(test_a_listener_that_has_gone),
		T(test_the_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
