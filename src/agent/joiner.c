/*
 * Joining: the first join address that can be reached is asked, then, unless it lets us in, the
 * first of those behind it, and when there is none left, all of them again after a pause that
 * doubles, with a little chance in it so that many do not come at once. What a repetition cannot
 * mend (we are refused, our request is wrong) ends it at once. When nobody answers in the first
 * round, a node that kept the view of its last run comes back to its peers and goes on asking
 * beside. Also asked again in the background when the mesh that we knew stays silent, and once more
 * to leave.
 */
#include "agent/internal.h"
#include "agent/options.h"
#include "base/backoff.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#define CONNECT_TIMEOUT (3 * WM_NS_PER_S)
#define CONNECT_STAGGER (250 * WM_NS_PER_MS) /* after which the next address is tried beside */
#define CALL_TIMEOUT    (10 * WM_NS_PER_S)
#define LEAVE_TIMEOUT   (3 * WM_NS_PER_S)
#define FIRST_PAUSE     (200 * WM_NS_PER_MS)
#define LONGEST_PAUSE   (5 * WM_NS_PER_S)

struct wm_joiner {
	struct wm_agent *agent;
	struct wm_rpc_channel *channel;
	struct wm_rpc_unary unary;
	struct wm_timer timer;
	struct wm_err last; /* of the round */
	size_t next_address;
	int64_t round;
	struct wm_backoff pause; /* between rounds */
	bool asking;             /* the unary call runs */
	bool background;         /* failing is no reason to stop */
	bool dead;               /* to be freed when the call has ended */
	void (*left)(struct wm_agent *a);
};

static void ask_next(struct wm_joiner *j);

static struct wm_joiner *joiner_of(struct wm_agent *a)
{
	if (a->joiner == NULL) {
		a->joiner = wm_alloc(sizeof(*a->joiner));
		a->joiner->agent = a;
	}
	return a->joiner;
}

static void close_channel(struct wm_joiner *j)
{
	wm_rpc_channel_close(j->channel);
	j->channel = NULL;
}

static void on_pause_over(struct wm_timer *t)
{
	struct wm_joiner *j = wm_container_of(t, struct wm_joiner, timer);
	j->next_address = 0;
	ask_next(j);
}

static void give_up(struct wm_joiner *j)
{
	wm_wrap(&j->last, "could not join");
	if (j->background)
		wm_warn(j->agent->log, "join.failed", "error=\"%s\"", j->last.text);
	else
		wm_agent_stop(j->agent, &j->last);
}

static void end_round(struct wm_joiner *j)
{
	struct wm_agent *a = j->agent;
	bool again = wm_err_may_retry(j->last.code) || j->last.code == WM_NOT_FOUND;
	struct wm_err none;
	/* Nobody answers: the peers of the last run may, and they need no server. */
	if (again && !j->background && j->round == 0 && wm_agent_restore_view(a, &none) == 0)
		j->background = true;
	if (!again || j->round >= a->options->mesh_max_join_retries)
		return give_up(j);
	j->round++;
	int64_t pause = wm_backoff_next(&j->pause);
	wm_warn(a->log, "join.retry", "attempt=%lld of=%lld pause_ms=%lld error=\"%s\"",
		(long long)j->round, (long long)a->options->mesh_max_join_retries,
		(long long)(pause / WM_NS_PER_MS), j->last.text);
	wm_timer_start(a->loop, &j->timer, pause, on_pause_over);
}

/* Those behind @address are next; none when it is NULL, or in the list no more (it may change). */
static void go_behind(struct wm_joiner *j, const char *address)
{
	const struct wm_conf_list *addresses = &j->agent->options->mesh_join_addresses;
	bool found = false;
	while (j->next_address < addresses->n && !found)
		found = wm_streq(addresses->items[j->next_address++], address);
}

static void note_failure(struct wm_joiner *j, const char *address, const struct wm_err *err)
{
	j->last = *err;
	if (address != NULL)
		wm_wrap(&j->last, "%s", address);
	wm_debug(j->agent->log, "join.failed_address", "error=\"%s\"", j->last.text);
	go_behind(j, address);
}

static void on_joined(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct wm_joiner *j = wm_container_of(u, struct wm_joiner, unary);
	struct wm_agent *a = j->agent;
	j->asking = false;
	if (err != NULL && !j->dead)
		note_failure(j, wm_rpc_client_call_target(u->done), err);
	close_channel(j);
	if (j->dead) {
		wm_rpc_unary_fini(u);
		wm_free(j);
		return;
	}
	if (err == NULL) {
		wm_agent_become_member(a, (const V1__JoinResponse *)u->response);
		wm_rpc_unary_fini(u);
		return;
	}
	wm_rpc_unary_fini(u);
	if (!a->stopping)
		ask_next(j);
}

/* Asks the first that can be reached of the addresses that have not been asked in this round. */
static int ask(struct wm_joiner *j, struct wm_err *err)
{
	struct wm_agent *a = j->agent;
	size_t n = a->options->mesh_join_addresses.n - j->next_address;
	struct wm_rpc_channel_opts opts = {
		.targets = (const char *const *)a->options->mesh_join_addresses.items +
			   j->next_address,
		.n_targets = n,
		.tls = a->identity.client_tls,
		.stats = &a->client_stats,
		.connect_timeout_ns = CONNECT_TIMEOUT + (int64_t)n * CONNECT_STAGGER};
	int rc = wm_rpc_channel_new(a->loop, a->log, &opts, &j->channel, err);
	if (rc != 0)
		return rc;
	struct wm_arena arena;
	wm_arena_init(&arena, 0);
	V1__JoinRequest *req = wm_agent_join_request(a, &arena);
	struct wm_rpc_call_opts call = {.deadline_ns = CALL_TIMEOUT};
	rc = wm_rpc_unary_start(j->channel, &j->unary, wm_pb_method_find("/v1.Membership/Join"),
				&req->base, &call, on_joined, err);
	wm_arena_fini(&arena);
	j->asking = rc == 0;
	if (rc != 0)
		close_channel(j);
	return rc;
}

static void ask_next(struct wm_joiner *j)
{
	bool any = j->next_address < j->agent->options->mesh_join_addresses.n;
	if (!any || ask(j, &j->last) != 0)
		end_round(j);
}

static void start(struct wm_agent *a, bool background)
{
	struct wm_joiner *j = joiner_of(a);
	j->background = background;
	j->next_address = 0;
	j->round = background ? a->options->mesh_max_join_retries : 0;
	j->pause = (struct wm_backoff){
		.first_ns = FIRST_PAUSE, .max_ns = LONGEST_PAUSE, .growth_percent = 200};
	ask_next(j);
}

void wm_joiner_start(struct wm_agent *a)
{
	start(a, false);
}

void wm_joiner_start_again(struct wm_agent *a)
{
	if (!wm_joiner_is_running(a) && a->options->mesh_join_addresses.n > 0)
		start(a, true);
}

void wm_joiner_hurry(struct wm_agent *a)
{
	struct wm_joiner *j = a->joiner;
	if (j == NULL || !wm_timer_is_running(&j->timer))
		return;
	wm_backoff_reset(&j->pause);
	wm_timer_start(a->loop, &j->timer, 0, on_pause_over);
}

const struct wm_err *wm_joiner_last_error(const struct wm_agent *a)
{
	return &a->joiner->last;
}

bool wm_joiner_is_running(const struct wm_agent *a)
{
	return a->joiner != NULL && (a->joiner->asking || wm_timer_is_running(&a->joiner->timer));
}

static void on_left(struct wm_rpc_unary *u, const struct wm_err *err)
{
	struct wm_joiner *j = wm_container_of(u, struct wm_joiner, unary);
	struct wm_agent *a = j->agent;
	j->asking = false;
	close_channel(j);
	if (err != NULL) {
		wm_warn(a->log, "leave.failed",
			"error=\"%s\" hint=\"wmctl leave %s takes it out of the mesh\"", err->text,
			a->identity.node_id);
	} else {
		wm_info(a->log, "node.left", "node=%s", a->identity.node_id);
		wm_agent_forget_view(a);
	}
	wm_rpc_unary_fini(u);
	j->left(a);
}

static int ask_to_leave(struct wm_joiner *j, struct wm_err *err)
{
	struct wm_agent *a = j->agent;
	struct wm_endpoint at;
	char target[WM_ENDPOINT_TEXT];
	if (!wm_follower_target(a, 0, &at))
		return wm_fail(err, WM_UNAVAILABLE, "no storage member of the mesh is known");
	wm_endpoint_format(&at, target);
	struct wm_rpc_channel_opts opts = {.target = target,
					   .tls = a->identity.client_tls,
					   .stats = &a->client_stats,
					   .connect_timeout_ns = LEAVE_TIMEOUT};
	int rc = wm_rpc_channel_new(a->loop, a->log, &opts, &j->channel, err);
	if (rc != 0)
		return rc;
	V1__LeaveRequest req = V1__LEAVE_REQUEST__INIT;
	req.id = a->identity.node_id;
	struct wm_rpc_call_opts call = {.deadline_ns = LEAVE_TIMEOUT};
	rc = wm_rpc_unary_start(j->channel, &j->unary, wm_pb_method_find("/v1.Membership/Leave"),
				&req.base, &call, on_left, err);
	j->asking = rc == 0;
	if (rc != 0)
		close_channel(j);
	return rc;
}

void wm_joiner_leave(struct wm_agent *a, void (*done)(struct wm_agent *a))
{
	struct wm_err err;
	struct wm_joiner *j = joiner_of(a);
	wm_timer_stop(&j->timer);
	j->left = done;
	if (j->asking || ask_to_leave(j, &err) != 0) {
		wm_warn(a->log, "leave.failed", "error=\"%s\"",
			j->asking ? "a join is still under way" : err.text);
		done(a);
	}
}

void wm_joiner_free(struct wm_joiner *j)
{
	if (j == NULL)
		return;
	wm_timer_stop(&j->timer);
	if (j->asking) {
		j->dead = true; /* its end comes through the loop, which still runs */
		wm_rpc_unary_cancel(&j->unary);
		return;
	}
	wm_rpc_channel_close(j->channel);
	wm_free(j);
}
