/*
 * A debt (a keepalive we owe, an answer we are owed) begins with a packet and is paid by a packet
 * in the other direction, so under steady traffic it comes and goes with every round trip. Only the
 * atomics see that: while a debt is watched, nobody is told. The watcher looks one period after the
 * debt began; finding a younger debt it comes back later, finding none it stops watching. Hence a
 * busy peer costs one look per period and an idle one none.
 */
#include "wg/timers.h"

#define ANSWER_TIMEOUT (WM_WG_KEEPALIVE_TIMEOUT + WM_WG_REKEY_TIMEOUT)
#define FORGET_AFTER   (3 * WM_WG_REJECT_AFTER)
#define HURRY_GAP      WM_WG_S /* between initiations, when there is reason to believe in the next */
#define LAST_STEP      (WM_WG_S / 4)

static bool open_debt(struct wm_wg_debt *d, int64_t now)
{
	if (atomic_load_explicit(&d->since, memory_order_relaxed) == 0)
		atomic_store(&d->since, now);
	return !atomic_load(&d->is_watched) && !atomic_exchange(&d->is_watched, true);
}

static void pay_debt(struct wm_wg_debt *d)
{
	if (atomic_load_explicit(&d->since, memory_order_relaxed) != 0)
		atomic_store(&d->since, 0);
}

static void note_last(struct wm_wg_traffic *t, int64_t now)
{
	if (now - atomic_load_explicit(&t->last, memory_order_relaxed) >= LAST_STEP)
		atomic_store_explicit(&t->last, now, memory_order_relaxed);
}

bool wm_wg_traffic_sent(struct wm_wg_traffic *t, bool is_data, int64_t now)
{
	note_last(t, now);
	pay_debt(&t->keepalive);
	return is_data && open_debt(&t->answer, now);
}

bool wm_wg_traffic_received(struct wm_wg_traffic *t, bool is_data, int64_t now)
{
	note_last(t, now);
	pay_debt(&t->answer);
	return is_data && open_debt(&t->keepalive, now);
}

void wm_wg_timers_init(struct wm_wg_timers *t, struct wm_wg_traffic *traffic)
{
	*t = (struct wm_wg_timers){.traffic = traffic};
}

unsigned wm_wg_timers_set_interval(struct wm_wg_timers *t, int64_t interval, int64_t now)
{
	bool turned_on = t->interval == 0 && interval != 0;
	t->interval = interval;
	if (t->is_stopped)
		return 0;
	t->persist_at = interval != 0 ? now + interval : 0;
	return turned_on ? WM_WG_KEEPALIVE : 0;
}

static void forgive_debt(struct wm_wg_debt *d)
{
	atomic_store(&d->since, 0);
	atomic_store(&d->is_watched, false);
}

static void forgive_debts(struct wm_wg_traffic *t)
{
	forgive_debt(&t->keepalive);
	forgive_debt(&t->answer);
}

void wm_wg_timers_stop(struct wm_wg_timers *t)
{
	*t = (struct wm_wg_timers){
		.traffic = t->traffic, .interval = t->interval, .is_stopped = true};
	forgive_debts(t->traffic);
}

unsigned wm_wg_timers_start(struct wm_wg_timers *t, int64_t now)
{
	int64_t interval = t->interval;
	if (!t->is_stopped)
		return 0;
	t->is_stopped = false;
	t->interval = 0;
	return wm_wg_timers_set_interval(t, interval, now);
}

/* When to look at a debt, given when it was planned so far; 0 = not watched. */
static int64_t plan_look(const struct wm_wg_debt *d, int64_t planned, int64_t period)
{
	int64_t since = atomic_load(&d->since);
	if (planned != 0 || !atomic_load(&d->is_watched))
		return planned;
	return since + period; /* already paid: a look in the past, which stops the watch */
}

void wm_wg_timers_watch(struct wm_wg_timers *t)
{
	if (t->is_stopped)
		return forgive_debts(t->traffic);
	t->keepalive_at =
		plan_look(&t->traffic->keepalive, t->keepalive_at, WM_WG_KEEPALIVE_TIMEOUT);
	t->answer_at = plan_look(&t->traffic->answer, t->answer_at, ANSWER_TIMEOUT);
}

unsigned wm_wg_timers_want(struct wm_wg_timers *t, int64_t now)
{
	if (t->attempt_since != 0 || t->is_stopped)
		return 0;
	t->attempt_since = now;
	if (t->last_initiation == 0 || now - t->last_initiation >= WM_WG_REKEY_TIMEOUT)
		return WM_WG_INITIATE;
	t->retry_at = t->last_initiation + WM_WG_REKEY_TIMEOUT;
	return 0;
}

unsigned wm_wg_timers_want_now(struct wm_wg_timers *t, int64_t now)
{
	if (t->is_stopped)
		return 0;
	if (t->attempt_since == 0)
		t->attempt_since = now;
	return WM_WG_INITIATE;
}

void wm_wg_timers_initiation_sent(struct wm_wg_timers *t, int64_t jitter, int64_t now)
{
	t->last_initiation = now;
	t->tries++;
	t->retry_at = now + WM_WG_REKEY_TIMEOUT - jitter;
}

unsigned wm_wg_timers_hurry(struct wm_wg_timers *t, int64_t now)
{
	if (t->attempt_since == 0 || t->is_stopped)
		return 0;
	int64_t soonest = t->last_initiation + HURRY_GAP;
	if (soonest <= now)
		return WM_WG_INITIATE;
	if (t->retry_at > soonest)
		t->retry_at = soonest;
	return 0;
}

void wm_wg_timers_abandon(struct wm_wg_timers *t)
{
	t->attempt_since = 0;
	t->retry_at = 0;
	t->tries = 0;
}

void wm_wg_timers_session_made(struct wm_wg_timers *t, bool can_send, int64_t now)
{
	/* The peer's own handshake serves as well as ours, once it confirms; ours may still be
	 * lost. */
	if (can_send)
		wm_wg_timers_abandon(t);
	t->forget_at = now + FORGET_AFTER;
	if (t->interval != 0)
		t->persist_at = now + t->interval;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return b != 0 && b < a ? b : a;
}

int64_t wm_wg_timers_due(const struct wm_wg_timers *t)
{
	int64_t due = WM_WG_NEVER;
	due = earlier(due, t->retry_at);
	due = earlier(due, t->keepalive_at);
	due = earlier(due, t->answer_at);
	due = earlier(due, t->persist_at);
	return earlier(due, t->forget_at);
}

static bool is_due(int64_t at, int64_t now)
{
	return at != 0 && at <= now;
}

static unsigned run_retry(struct wm_wg_timers *t, int64_t now)
{
	t->retry_at = 0;
	if (now - t->attempt_since < WM_WG_REKEY_ATTEMPT)
		return WM_WG_INITIATE;
	t->attempt_since = 0;
	t->tries = 0;
	if (t->forget_at == 0)
		t->forget_at = now + FORGET_AFTER;
	return WM_WG_GIVE_UP;
}

/* True when the debt is old enough to act on; otherwise *@at says when to look again. */
static bool look_at_debt(struct wm_wg_debt *d, int64_t *at, int64_t period, int64_t now)
{
	int64_t since = atomic_load(&d->since);
	*at = 0;
	if (since != 0 && since + period <= now)
		atomic_store(&d->since, 0);
	else if (since != 0) {
		*at = since + period;
		return false;
	}
	atomic_store(&d->is_watched, false);
	/* A debt that began in between thought it was watched. */
	if (atomic_load(&d->since) != 0 && !atomic_exchange(&d->is_watched, true))
		*at = now + period;
	return since != 0;
}

static unsigned run_persist(struct wm_wg_timers *t, int64_t now)
{
	int64_t quiet_since = atomic_load_explicit(&t->traffic->last, memory_order_relaxed);
	if (quiet_since != 0 && quiet_since + t->interval > now) {
		t->persist_at = quiet_since + t->interval;
		return 0;
	}
	t->persist_at = now + t->interval;
	return WM_WG_KEEPALIVE;
}

unsigned wm_wg_timers_run(struct wm_wg_timers *t, int64_t now)
{
	unsigned intents = 0;
	if (is_due(t->forget_at, now)) {
		t->forget_at = 0;
		intents |= WM_WG_FORGET;
	}
	if (is_due(t->retry_at, now))
		intents |= run_retry(t, now);
	if (is_due(t->keepalive_at, now) &&
	    look_at_debt(&t->traffic->keepalive, &t->keepalive_at, WM_WG_KEEPALIVE_TIMEOUT, now))
		intents |= WM_WG_KEEPALIVE;
	if (is_due(t->answer_at, now) &&
	    look_at_debt(&t->traffic->answer, &t->answer_at, ANSWER_TIMEOUT, now))
		intents |= wm_wg_timers_want(t, now);
	if (is_due(t->persist_at, now))
		intents |= run_persist(t, now);
	return intents;
}

bool wm_wg_timers_is_trying(const struct wm_wg_timers *t)
{
	return t->attempt_since != 0;
}
