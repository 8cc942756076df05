#include "platform/notify.h"
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
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

#define TEXT_MAX  1024
#define FIRST_FD  3  /* where the manager puts what it gives back: sd_listen_fds(3) */
#define NAME_TEXT 64 /* longer names are not ours */

struct inherited {
	int fd; /* -1: somebody has taken it */
	char name[NAME_TEXT];
};

struct wm_notify {
	int fd; /* -1: nobody listens */
	struct sockaddr_un at;
	socklen_t at_len;
	int64_t watchdog;
	struct inherited left[WM_NOTIFY_FDS]; /* by a predecessor */
	unsigned n_left;
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

/* The variable is for process @pid; for us when nobody is named. */
static int read_owner(const char *variable, const char *pid, bool *is_ours, struct wm_err *err)
{
	uint64_t owner = (uint64_t)getpid();

	if (pid != NULL && !wm_parse_u64(pid, 1, INT32_MAX, &owner))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s: \"%.40s\" is no process ID", variable,
			       pid);
	*is_ours = owner == (uint64_t)getpid();
	return 0;
}

/* The watchdog may be meant for another process, such as the shell that started us. */
static int set_watchdog(struct wm_notify *n, const char *usec, const char *pid, struct wm_err *err)
{
	uint64_t value;
	bool is_ours = false;
	int rc;

	if (usec == NULL || n->fd < 0)
		return 0;
	rc = read_owner("WATCHDOG_PID", pid, &is_ours, err);
	if (rc != 0)
		return rc;
	if (!wm_parse_u64(usec, 1, INT64_MAX / 1000, &value))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "WATCHDOG_USEC: \"%.40s\" is no number of microseconds", usec);
	if (is_ours)
		n->watchdog = (int64_t)value * 1000;
	return 0;
}

/* Names are separated by colons; a manager of before systemd 227 gives none. */
static void add_inherited(struct wm_notify *n, int fd, const char **names)
{
	struct inherited *i = &n->left[n->n_left++];
	size_t len = *names != NULL ? strcspn(*names, ":") : 0;

	i->fd = fd;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	snprintf(i->name, sizeof(i->name), "%.*s", (int)len, *names != NULL ? *names : "");
	if (*names != NULL)
		*names = (*names)[len] == ':' ? *names + len + 1 : NULL;
}

static int set_inherited(struct wm_notify *n, const char *count, const char *pid, const char *names,
			 struct wm_err *err)
{
	uint64_t value;
	bool is_ours = false;
	int rc;

	if (count == NULL)
		return 0;
	rc = read_owner("LISTEN_PID", pid, &is_ours, err);
	if (rc != 0)
		return rc;
	if (!wm_parse_u64(count, 0, WM_NOTIFY_FDS, &value))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "LISTEN_FDS: \"%.40s\" is no number up to %d", count, WM_NOTIFY_FDS);
	for (uint64_t i = 0; is_ours && i < value; i++)
		add_inherited(n, FIRST_FD + (int)i, &names);
	return 0;
}

int wm_notify_open(struct wm_notify **out, struct wm_err *err)
{
	WM_AUTO(wm_autofree) char *socket = take_variable("NOTIFY_SOCKET");
	WM_AUTO(wm_autofree) char *usec = take_variable("WATCHDOG_USEC");
	WM_AUTO(wm_autofree) char *pid = take_variable("WATCHDOG_PID");
	WM_AUTO(wm_autofree) char *fds = take_variable("LISTEN_FDS");
	WM_AUTO(wm_autofree) char *fds_pid = take_variable("LISTEN_PID");
	WM_AUTO(wm_autofree) char *fds_names = take_variable("LISTEN_FDNAMES");
	struct wm_notify *n = wm_alloc(sizeof(*n));
	int rc;

	n->fd = -1;
	rc = set_inherited(n, fds, fds_pid, fds_names, err);
	if (rc == 0)
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
	for (unsigned i = 0; n != NULL && i < n->n_left; i++)
		if (n->left[i].fd >= 0)
			close(n->left[i].fd);
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

/* @fds travel with the text; @n_fds may be 0. */
static int send_text(struct wm_notify *n, char *text, const int *fds, unsigned n_fds,
		     struct wm_err *err)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(WM_NOTIFY_FDS * sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov = {.iov_base = text, .iov_len = strlen(text)};
	struct msghdr msg = {
		.msg_name = &n->at, .msg_namelen = n->at_len, .msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	if (n->fd < 0)
		return 0;
	if (n_fds > 0) {
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
	}
	do {
		sent = sendmsg(n->fd, &msg, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS)
		return wm_fail(err, WM_UNAVAILABLE, "the service manager has too much to read");
	return wm_fail_errno(err, errno, "tell the service manager");
}

int wm_notify_tell(struct wm_notify *n, enum wm_notice what, const char *status, int64_t ns,
		   struct wm_err *err)
{
	char text[TEXT_MAX];

	write_notice(text, sizeof(text), what, status, ns);
	return send_text(n, text, NULL, 0, err);
}

int wm_notify_store(struct wm_notify *n, const char *name, const int *fds, unsigned n_fds,
		    struct wm_err *err)
{
	char text[TEXT_MAX];

	assert(n_fds > 0 && n_fds <= WM_NOTIFY_FDS && strlen(name) < NAME_TEXT);
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s", name);
	return send_text(n, text, fds, n_fds, err);
}

int wm_notify_unstore(struct wm_notify *n, const char *name, struct wm_err *err)
{
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	return send_text(n, text, NULL, 0, err);
}

unsigned wm_notify_take(struct wm_notify *n, const char *name, int *fds, unsigned max)
{
	unsigned found = 0;

	for (unsigned i = 0; i < n->n_left && found < max; i++) {
		if (n->left[i].fd < 0 || !wm_streq(n->left[i].name, name))
			continue;
		fds[found++] = n->left[i].fd;
		n->left[i].fd = -1;
	}
	return found;
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
