#include "agent/supervisor.h"

#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "platform/notify.h"

#define PATIENCE   (30 * WM_NS_PER_S) /* asked for while the start goes on, */
#define PATIENCE_S (10 * WM_NS_PER_S) /* this often */
#define RETRY      (50 * WM_NS_PER_MS)
#define WAITING    4 /* ready, reloading, ready, stopping: the newest count */
#define STATUS     200
#define INTERFACE  "webmesh-interface" /* what the manager calls what it keeps for us */

struct word {
	enum wm_notice what;
	char status[STATUS];
};

struct wm_supervisor {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_notify *notify;
	struct wm_watchdog watchdog;
	struct wm_timer patience, retry;
	struct word waiting[WAITING]; /* for the manager to have room */
	size_t n_waiting;
	struct wm_timer store;
	int fds[WM_NOTIFY_FDS]; /* to be kept by the manager */
	unsigned n_fds;
	bool is_kept;
	size_t (*ask)(void *arg, struct wm_pulse **out);
	void *arg;
	bool is_ready;   /* for the first time */
	bool has_failed; /* and that was logged */
};

static void fail(struct wm_supervisor *s, const struct wm_err *why)
{
	if (!s->has_failed)
		wm_warn(s->log, "service.not_told", "error=\"%s\"", why->text);
	s->has_failed = true;
}

/* True when it was told, or never can be. */
static bool tell(struct wm_supervisor *s, enum wm_notice what, const char *status, int64_t ns)
{
	struct wm_err err;
	int rc = wm_notify_tell(s->notify, what, status, ns, &err);
	if (rc != 0 && rc != WM_UNAVAILABLE)
		fail(s, &err);
	return rc != WM_UNAVAILABLE;
}

static void tell_waiting(struct wm_timer *t)
{
	struct wm_supervisor *s = wm_container_of(t, struct wm_supervisor, retry);
	size_t n = 0;
	while (n < s->n_waiting && tell(s, s->waiting[n].what, s->waiting[n].status, 0))
		n++;
	s->n_waiting -= n;
	for (size_t i = 0; i < s->n_waiting; i++)
		s->waiting[i] = s->waiting[i + n];
	if (s->n_waiting > 0)
		wm_timer_start(s->loop, t, RETRY, tell_waiting);
}

/* What must arrive. Of more than a few that wait only the newest would count anyway. */
static void tell_surely(struct wm_supervisor *s, enum wm_notice what, const char *status)
{
	if (s->n_waiting == WAITING)
		s->n_waiting--;
	struct word *w = &s->waiting[s->n_waiting++];
	w->what = what;
	wm_str_copy(w->status, sizeof(w->status), status);
	tell_waiting(&s->retry);
}

static void on_patience(struct wm_timer *t)
{
	struct wm_supervisor *s = wm_container_of(t, struct wm_supervisor, patience);
	/* A start that hangs is none that takes long. */
	if (!wm_watchdog_is_silent(&s->watchdog))
		(void)tell(s, WM_NOTICE_EXTEND, NULL, PATIENCE);
	wm_timer_start(s->loop, t, PATIENCE_S, on_patience);
}

static size_t ask_threads(void *arg, struct wm_pulse **out)
{
	struct wm_supervisor *s = arg;
	return s->ask(s->arg, out);
}

static void on_alive(void *arg)
{
	(void)tell(arg, WM_NOTICE_ALIVE, NULL, 0);
}

static void on_stuck(void *arg, const char *thread)
{
	struct wm_supervisor *s = arg;
	wm_error(s->log, "node.stuck", "thread=%s", thread);
}

int wm_supervisor_new(struct wm_loop *loop, struct wm_log *log,
		      size_t (*ask)(void *arg, struct wm_pulse **out), void *arg,
		      struct wm_supervisor **out, struct wm_err *err)
{
	struct wm_notify *notify;
	int rc = wm_notify_open(&notify, err);
	if (rc != 0)
		return rc;
	struct wm_supervisor *s = wm_alloc(sizeof(*s));
	s->loop = loop;
	s->log = log;
	s->notify = notify;
	s->ask = ask;
	s->arg = arg;
	*out = s;
	struct wm_watchdog_opts dog = {.period = wm_notify_watchdog(notify) / 2,
				       .ask = ask_threads,
				       .on_alive = on_alive,
				       .on_stuck = on_stuck,
				       .arg = s};
	if (dog.period > 0)
		wm_watchdog_start(loop, &s->watchdog, &dog);
	if (wm_notify_is_heard(notify))
		wm_timer_start(loop, &s->patience, 0, on_patience);
	return 0;
}

void wm_supervisor_free(struct wm_supervisor *s)
{
	if (s == NULL)
		return;
	wm_watchdog_stop(&s->watchdog);
	wm_timer_stop(&s->patience);
	wm_timer_stop(&s->retry);
	wm_timer_stop(&s->store);
	wm_notify_close(s->notify);
	wm_free(s);
}

void wm_supervisor_ready(struct wm_supervisor *s, const char *status)
{
	if (s == NULL)
		return;
	s->is_ready = true;
	wm_timer_stop(&s->patience);
	tell_surely(s, WM_NOTICE_READY, status);
}

void wm_supervisor_reloading(struct wm_supervisor *s)
{
	if (s != NULL && s->is_ready)
		tell_surely(s, WM_NOTICE_RELOADING, "reloading");
}

void wm_supervisor_stopping(struct wm_supervisor *s, const char *status)
{
	if (s == NULL)
		return;
	wm_timer_stop(&s->patience);
	wm_watchdog_forget(&s->watchdog);
	tell_surely(s, WM_NOTICE_STOPPING, status);
}

unsigned wm_supervisor_inherit(struct wm_supervisor *s, int *fds, unsigned max)
{
	unsigned n = wm_notify_take(s->notify, INTERFACE, fds, max);
	s->is_kept = n > 0;
	return n;
}

static void store(struct wm_timer *t)
{
	struct wm_supervisor *s = wm_container_of(t, struct wm_supervisor, store);
	struct wm_err err;
	int rc = wm_notify_store(s->notify, INTERFACE, s->fds, s->n_fds, &err);
	if (rc == WM_UNAVAILABLE)
		return wm_timer_start(s->loop, t, RETRY, store);
	s->is_kept = rc == 0;
	if (rc != 0)
		fail(s, &err);
}

void wm_supervisor_keep(struct wm_supervisor *s, const int *fds, unsigned n)
{
	if (!wm_notify_is_heard(s->notify) || n == 0 || n > WM_NOTIFY_FDS)
		return;
	memcpy(s->fds, fds, n * sizeof(fds[0]));
	s->n_fds = n;
	store(&s->store);
}

bool wm_supervisor_keeps(const struct wm_supervisor *s)
{
	return s != NULL && s->is_kept;
}

void wm_supervisor_let_go(struct wm_supervisor *s)
{
	struct wm_err err;
	if (s == NULL)
		return;
	wm_timer_stop(&s->store);
	if (s->is_kept && wm_notify_unstore(s->notify, INTERFACE, &err) != 0)
		fail(s, &err);
	s->is_kept = false;
}
