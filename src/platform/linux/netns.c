/*
 * One thread, one request at a time: who asks waits, so what the request points to lives on the
 * asker's stack.
 */
#include "platform/netns.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/thread.h"

#define FOLDER "/run/netns/"
#define OWN    "/proc/thread-self/ns/net"

struct wm_netns {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* What is to be done; NULL = nothing. */
	int (*work)(void *arg, struct wm_err *err);
	void *arg;
	int result;
	struct wm_err err;
	bool is_ending;
};

/* ---- the thread ---- */

static void *live(void *arg)
{
	struct wm_netns *n = arg;

	pthread_mutex_lock(&n->lock);
	while (!n->is_ending) {
		if (n->work == NULL) {
			pthread_cond_wait(&n->changed, &n->lock);
			continue;
		}
		n->err = (struct wm_err){0};
		n->result = n->work(n->arg, &n->err);
		n->work = NULL;
		pthread_cond_broadcast(&n->changed);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int wm_netns_run(struct wm_netns *n, int (*work)(void *arg, struct wm_err *err), void *arg,
		 struct wm_err *err)
{
	int rc;

	if (n == NULL)
		return work(arg, err);
	pthread_mutex_lock(&n->lock);
	n->work = work;
	n->arg = arg;
	pthread_cond_broadcast(&n->changed);
	while (n->work != NULL)
		pthread_cond_wait(&n->changed, &n->lock);
	rc = n->result;
	if (rc != 0)
		(void)wm_err_copy(err, &n->err);
	pthread_mutex_unlock(&n->lock);
	return rc;
}

/* ---- entering ---- */

static int check_other(int fd, const char *path, struct wm_err *err)
{
	struct stat own, other;

	if (fstat(fd, &other) == 0 && stat(OWN, &own) == 0 && own.st_dev == other.st_dev &&
	    own.st_ino == other.st_ino)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "%s is the namespace in which this program runs: leave the option "
			       "out, or start it in another one",
			       path);
	return 0;
}

static int open_namespace(const char *name, int *out, struct wm_err *err)
{
	char path[PATH_MAX];
	int fd, rc;

	if (snprintf(path, sizeof(path), "%s%s", strchr(name, '/') == NULL ? FOLDER : "", name) >=
	    (int)sizeof(path))
		return wm_fail(err, WM_INVALID_ARGUMENT, "a path this long leads nowhere");
	fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return wm_fail(err, WM_NOT_FOUND,
			       "there is no network namespace at %s: make it first (ip netns add "
			       "NAME), or name one that ip netns list shows",
			       path);
	if (fd < 0)
		return wm_fail_errno(err, errno, "network namespace %s", path);
	rc = check_other(fd, path, err);
	if (rc != 0)
		close(fd);
	else
		*out = fd;
	return rc;
}

static int enter(void *arg, struct wm_err *err)
{
	if (setns(*(const int *)arg, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EPERM)
		return wm_fail(err, WM_PERMISSION_DENIED,
			       "the privilege cap_sys_admin is missing, without which the system "
			       "lets nobody into another network namespace; it is given up after "
			       "the start: start as root, or in the service's unit add it to "
			       "CapabilityBoundingSet=");
	if (errno == EINVAL)
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "is no network namespace (ip netns list shows those there are)");
	return wm_fail_errno(err, errno, "enter the network namespace");
}

int wm_netns_enter(const char *name, struct wm_netns **out, struct wm_err *err)
{
	struct wm_netns *n;
	int fd, rc = open_namespace(name, &fd, err);

	if (rc != 0)
		return rc;
	n = wm_alloc(sizeof(*n));
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->changed, NULL);
	rc = wm_thread_start(&n->thread, "namespace", 0, live, n, err);
	if (rc != 0) {
		wm_free(n);
		close(fd);
		return rc;
	}
	rc = wm_netns_run(n, enter, &fd, err);
	close(fd);
	if (rc != 0)
		wm_netns_leave(n);
	else
		*out = n;
	return rc;
}

void wm_netns_leave(struct wm_netns *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&n->lock);
	n->is_ending = true;
	pthread_cond_broadcast(&n->changed);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	wm_free(n);
}

/* ---- sockets ---- */

struct wish {
	int family;
	int fd;
};

static int make_socket(void *arg, struct wm_err *err)
{
	struct wish *w = arg;

	w->fd = socket(w->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return w->fd >= 0 ? 0 : wm_fail_errno(err, errno, "socket in the network namespace");
}

int wm_netns_socket(struct wm_netns *n, enum wm_family family, int *out, struct wm_err *err)
{
	struct wish w = {.family = family == WM_IPV4 ? AF_INET : AF_INET6};
	int rc = wm_netns_run(n, make_socket, &w, err);

	*out = rc == 0 ? w.fd : -1;
	return rc;
}
