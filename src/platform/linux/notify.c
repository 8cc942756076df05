#include "platform/notify.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define TEXT_MAX 1024

struct wm_notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un at;
	socklen_t at_len;
	int64_t watchdog;
};

/* The variable's value, which nobody finds there any more; NULL when it is unset or empty. */
static char *take_variable(const char *name)
{
	const char *value = getenv(name);
	char *copy = wm_str_is_empty(value) ? NULL : wm_strdup(value);

	unsetenv(name);
	return copy;
}

/* "/path" or "@name", which stands for an abstract one. */
static int set_address(struct wm_notify *n, const char *text, struct wm_err *err)
{
	size_t len = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof(n->at.sun_path))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "NOTIFY_SOCKET: \"%.120s\" is neither a path nor an abstract name",
			       text);
	n->at.sun_family = AF_UNIX;
	memcpy(n->at.sun_path, text, len + 1);
	n->at_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
	if (text[0] == '@')
		n->at.sun_path[0] = '\0';
	return 0;
}

static int open_socket(struct wm_notify *n, const char *text, struct wm_err *err)
{
	int rc;

	if (text == NULL)
		return 0;
	rc = set_address(n, text, err);
	if (rc != 0)
		return rc;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return n->fd >= 0 ? 0 : wm_fail_errno(err, errno, "open the socket for NOTIFY_SOCKET");
}

/* The watchdog may be meant for another process, such as the shell that started us. */
static int set_watchdog(struct wm_notify *n, const char *usec, const char *pid, struct wm_err *err)
{
	uint64_t value, owner = (uint64_t)getpid();

	if (usec == NULL || n->fd < 0)
		return 0;
	if (pid != NULL && !wm_parse_u64(pid, 1, INT32_MAX, &owner))
		return wm_fail(err, WM_INVALID_ARGUMENT, "WATCHDOG_PID: \"%.40s\" is no process ID",
			       pid);
	if (!wm_parse_u64(usec, 1, INT64_MAX / 1000, &value))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "WATCHDOG_USEC: \"%.40s\" is no number of microseconds", usec);
	if (owner == (uint64_t)getpid())
		n->watchdog = (int64_t)value * 1000;
	return 0;
}

int wm_notify_open(struct wm_notify **out, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *socket = take_variable("NOTIFY_SOCKET");
	WM_AUTO(wm_autofree) char *usec = take_variable("WATCHDOG_USEC");
	WM_AUTO(wm_autofree) char *pid = take_variable("WATCHDOG_PID");
	struct wm_notify *n = wm_alloc(sizeof(*n));
	int rc;

	n->fd = -1;
	rc = open_socket(n, socket, err);
	if (rc == 0)
		rc = set_watchdog(n, usec, pid, err);
	if (rc != 0)
		wm_notify_close(n);
	else
		*out = n;
	return rc;
}

void wm_notify_close(struct wm_notify *n)
{
	if (n != NULL && n->fd >= 0)
		close(n->fd);
	wm_free(n);
}

bool wm_notify_is_heard(const struct wm_notify *n)
{
	return n->fd >= 0;
}

int64_t wm_notify_watchdog(const struct wm_notify *n)
{
	return n->watchdog;
}

/* The time that systemd compares with its own: not the one of base/clock.h, which counts suspend.
 */
static long long monotonic_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A status is one line. */
static void add_status(char *text, size_t size, const char *status)
{
	size_t n = strlen(text);

	if (status == NULL)
		return;
	snprintf(text + n, size - n, "\nSTATUS=%s", status);
	for (char *p = text + n + 1; *p != '\0'; p++)
		if (*p == '\n')
			*p = ' ';
}

static void write_notice(char *text, size_t size, enum wm_notice what, const char *status,
			 int64_t ns)
{
	switch (what) {
	case WM_NOTICE_READY: snprintf(text, size, "READY=1"); break;
	case WM_NOTICE_RELOADING:
		snprintf(text, size, "RELOADING=1\nMONOTONIC_USEC=%lld", monotonic_usec());
		break;
	case WM_NOTICE_STOPPING: snprintf(text, size, "STOPPING=1"); break;
	case WM_NOTICE_ALIVE: snprintf(text, size, "WATCHDOG=1"); break;
	case WM_NOTICE_EXTEND:
		snprintf(text, size, "EXTEND_TIMEOUT_USEC=%lld", (long long)(ns / 1000));
		break;
	}
	add_status(text, size, status);
}

int wm_notify_tell(struct wm_notify *n, enum wm_notice what, const char *status, int64_t ns,
		   struct wm_err *err)
{
	char text[TEXT_MAX];
	ssize_t sent;

	if (n->fd < 0)
		return 0;
	write_notice(text, sizeof(text), what, status, ns);
	do {
		sent = sendto(n->fd, text, strlen(text), MSG_NOSIGNAL,
			      (const struct sockaddr *)(const void *)&n->at, n->at_len);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return wm_fail(err, WM_UNAVAILABLE, "the service manager has too much to read");
	return wm_fail_errno(err, errno, "tell the service manager");
}

bool wm_notify_is_journal(int fd)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (wm_str_is_empty(stream) || fstat(fd, &st) != 0)
		return false;
	snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	return wm_streq(stream, ours);
}
