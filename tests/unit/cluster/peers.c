#include "peers.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- hooks ---- */

static struct known *known_by_id(struct server *s, const char *id)
{
	for (unsigned i = 0; i < s->all->n; i++)
		if (wm_streq(s->all->s[i].id, id))
			return &s->knows[i];
	return NULL;
}

static bool find(void *arg, const char *node_id, struct wm_peer *out)
{
	struct known *k = known_by_id(arg, node_id);
	if (k == NULL || !k->has_address)
		return false;
	*out = k->peer;
	return true;
}

static const char *member_of(void *arg, const struct wm_pubkey *key)
{
	struct server *s = arg;
	for (unsigned i = 0; i < s->all->n; i++)
		if (s->knows[i].is_member && wm_pubkey_equal(&s->knows[i].peer.key, key))
			return s->all->s[i].id;
	return NULL;
}

static void on_frame(void *arg, const char *node_id, const uint8_t *frame, size_t len)
{
	struct server *s = arg;
	s->frames++;
	for (unsigned i = 0; i < s->all->n; i++)
		s->frames_of[i] += wm_streq(s->all->s[i].id, node_id);
	wm_buf_clear(&s->last);
	wm_buf_add(&s->last, frame, len);
}

static void on_channel(void *arg, const char *node_id)
{
	((struct server *)arg)->channels++;
}

static int share(void *arg, int *fd, uint64_t *bytes, uint64_t *index, uint64_t *term,
		 struct wm_err *err)
{
	struct server *s = arg;
	if (s->snapshot < 0)
		return wm_fail(err, WM_NOT_FOUND, "no snapshot yet");
	s->shares++;
	*fd = dup(s->snapshot);
	*bytes = s->bytes;
	*index = s->index;
	*term = s->term;
	return 0;
}

static int fetch_open(void *arg, int *fd, struct wm_err *err)
{
	struct server *s = arg;
	if (s->target < 0)
		return wm_fail(err, WM_RESOURCE_EXHAUSTED, "no room");
	*fd = s->target;
	return 0;
}

static void fetched(void *arg, int fd, bool ok)
{
	struct server *s = arg;
	assert_false(s->is_fetched);
	s->is_fetched = true;
	s->is_fetched_ok = ok;
	s->fetched_fd = fd;
}

static int gate(struct wm_rpc_call *call, void *arg, struct wm_err *err)
{
	const struct wm_pubkey *key = wm_rpc_call_peer_key(call);
	const char *member = key == NULL ? NULL : member_of(arg, key);
	if (member == NULL)
		return wm_fail(err, WM_PERMISSION_DENIED, "for members");
	wm_rpc_call_set_identity(call, member);
	return 0;
}

/* ---- servers ---- */

void peers_start(struct server *s)
{
	struct wm_peer_port_opts opts = {.loop = s->all->loop,
					 .node_id = s->id,
					 .key = &s->key,
					 .gate = gate,
					 .gate_arg = s,
					 .hooks = {.find = find,
						   .member_of = member_of,
						   .on_frame = on_frame,
						   .on_channel = on_channel,
						   .share = share,
						   .fetch_open = fetch_open,
						   .fetched = fetched,
						   .arg = s}};
	struct wm_endpoint want = s->at;
	s->rpc = wm_rpc_server_new(s->all->loop, NULL);
	s->port = wm_peer_port_new(s->rpc, &opts);
	wm_peer_port_listen(s->port, &want, 1, &s->at);
	assert_int_equal(s->port->n_missing, 0);
	peers_tell(s);
}

void peers_set_flag(void *arg)
{
	*(bool *)arg = true;
}

bool peers_is_set(void *arg)
{
	return *(bool *)arg;
}

/* Nobody takes it for one that is there any more. */
static bool is_missed(void *arg)
{
	const struct server *s = arg;
	for (unsigned i = 0; i < s->all->n; i++) {
		const struct server *other = &s->all->s[i];
		const struct wm_peer_link *l =
			other->port == NULL ? NULL : wm_peer_link_find(other->port, s->id);
		if (l != NULL && l->way != NULL && l->way->is_up)
			return false;
	}
	return true;
}

void peers_stop(struct server *s)
{
	bool drained = false;
	if (s->rpc == NULL)
		return;
	wm_peer_port_stop(s->port);
	wm_rpc_server_drain(s->rpc, 0, peers_set_flag, &drained);
	peers_wait(s->all, peers_is_set, &drained);
	peers_wait(s->all, is_missed, s);
	wm_peer_port_free(s->port);
	wm_rpc_server_free(s->rpc);
	s->port = NULL;
	s->rpc = NULL;
}

struct server *peers_add(struct peers *p)
{
	struct server *s = &p->s[p->n];
	s->all = p;
	(void)snprintf(s->id, sizeof(s->id), "n%u", p->n++);
	wm_key_generate(&s->key);
	s->snapshot = s->target = -1;
	assert_true(wm_endpoint_parse("127.0.0.1:0", &s->at));
	peers_start(s);
	return s;
}

void peers_tell(struct server *s)
{
	const char *ids[PEERS];
	size_t n = 0;
	for (unsigned i = 0; i < s->all->n; i++)
		if (s->knows[i].is_member)
			ids[n++] = s->all->s[i].id;
	wm_peer_port_set_members(s->port, ids, n);
}

void peers_introduce(struct peers *p)
{
	for (unsigned i = 0; i < p->n; i++)
		for (unsigned j = 0; j < p->n; j++)
			p->s[i].knows[j] = (struct known){
				true, true, {p->s[j].at, wm_key_public(&p->s[j].key)}};
	for (unsigned i = 0; i < p->n; i++)
		peers_tell(&p->s[i]);
}

bool peers_is_linked(void *arg)
{
	const struct server *s = arg;
	struct wm_peer_port_stats stats;
	unsigned want = 0;
	for (unsigned i = 0; i < s->all->n; i++)
		want += s->knows[i].is_member && &s->all->s[i] != s;
	wm_peer_port_stats(s->port, &stats);
	return stats.links_up == want;
}

void peers_wait_linked(struct peers *p)
{
	for (unsigned i = 0; i < p->n; i++)
		peers_wait(p, peers_is_linked, &p->s[i]);
}

int peers_setup(void **state)
{
	struct peers *p = wm_alloc(sizeof(*p));
	p->loop = wm_loop_new(NULL);
	while (p->n < 3)
		(void)peers_add(p);
	peers_introduce(p);
	peers_wait_linked(p);
	*state = p;
	return 0;
}

static void close_all(struct server *s)
{
	int fds[] = {s->snapshot, s->target};
	for (size_t i = 0; i < WM_ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
	wm_buf_fini(&s->last);
	wm_key_fini(&s->key);
}

int peers_teardown(void **state)
{
	struct peers *p = *state;
	for (unsigned i = 0; i < p->n; i++)
		peers_stop(&p->s[i]);
	peers_pass(p, 1);
	for (unsigned i = 0; i < p->n; i++)
		close_all(&p->s[i]);
	wm_loop_free(p->loop);
	wm_free(p);
	return 0;
}

/* ---- time ---- */

void peers_wait(struct peers *p, bool (*done)(void *arg), void *arg)
{
	assert_true(wm_loop_run_until(p->loop, done, arg, PATIENCE));
}

static bool never(void *arg)
{
	return false;
}

void peers_pass(struct peers *p, int64_t ms)
{
	(void)wm_loop_run_until(p->loop, never, NULL, ms);
}

/* ---- what is sent ---- */

void peers_send(struct server *from, const struct server *to, const char *text)
{
	wm_peer_port_send(from->port, to->id, (const uint8_t *)text, strlen(text));
}

int peers_file(size_t n, uint32_t seed)
{
	int fd = memfd_create("snapshot", MFD_CLOEXEC);
	uint32_t *words = wm_alloc(n + 4);
	assert_true(fd >= 0);
	for (size_t i = 0; i < n / 4 + 1; i++)
		words[i] = seed = seed * 1664525 + 1013904223;
	assert_int_equal(pwrite(fd, words, n, 0), n);
	wm_free(words);
	return fd;
}

static uint8_t *read_all(int fd, size_t *n)
{
	struct stat st;
	assert_int_equal(fstat(fd, &st), 0);
	*n = (size_t)st.st_size;
	uint8_t *out = wm_alloc(*n + 1);
	assert_int_equal(pread(fd, out, *n, 0), *n);
	return out;
}

bool peers_same(int a, int b)
{
	size_t na, nb;
	uint8_t *pa = read_all(a, &na), *pb = read_all(b, &nb);
	bool same = na == nb && memcmp(pa, pb, na) == 0;
	wm_free(pa);
	wm_free(pb);
	return same;
}
