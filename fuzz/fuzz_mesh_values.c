/*
 * Any bytes as what others have stored: lines of "key value", applied to a graph one by one, a
 * value that is missing deletes. Nothing of it may break the graph, nor the peers, rules, addresses
 * and drawings that are computed from it; and the graph that followed the changes must be the one
 * that is loaded from the same state in the end.
 */
#include "base/mem.h"
#include "base/str.h"
#include "mesh/dot.h"
#include "mesh/graph.h"
#include "mesh/join.h"
#include "mesh/paths.h"
#include "mesh/peers.h"
#include "pb/message.h"
#include "store/kv.h"
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 64

struct line {
	char *key;
	const char *value; /* NULL = deleted */
};

struct state {
	struct wm_view view;
	struct line lines[LINES_MAX]; /* sorted, each key once */
	size_t n;
};

static struct wm_kv kv_of(const struct line *l)
{
	return (struct wm_kv){
		.key = l->key,
		.key_len = strlen(l->key),
		.value = (const uint8_t *)l->value,
		.value_len = strlen(l->value),
		.revision = 1,
	};
}

static int view_get(struct wm_view *v, const char *key, struct wm_kv *out, struct wm_err *err)
{
	struct state *s = wm_container_of(v, struct state, view);

	for (size_t i = 0; i < s->n; i++) {
		if (strcmp(s->lines[i].key, key) != 0)
			continue;
		*out = kv_of(&s->lines[i]);
		return 0;
	}
	return wm_fail(err, WM_NOT_FOUND, "key not found");
}

static int view_scan(struct wm_view *v, const char *prefix, const char *from,
		     int (*each)(void *arg, const struct wm_kv *kv), void *arg, struct wm_err *err)
{
	struct state *s = wm_container_of(v, struct state, view);
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		struct wm_kv kv = kv_of(&s->lines[i]);

		if (wm_str_starts(kv.key, prefix) && (from == NULL || strcmp(kv.key, from) >= 0))
			rc = each(arg, &kv);
	}
	return rc;
}

static void view_close(struct wm_view *v)
{
}

/* Puts or deletes a line, keeping the order of keys. */
static void put(struct state *s, struct line line)
{
	size_t at = 0;

	while (at < s->n && strcmp(s->lines[at].key, line.key) < 0)
		at++;
	if (at < s->n && strcmp(s->lines[at].key, line.key) == 0)
		memmove(s->lines + at, s->lines + at + 1, (--s->n - at) * sizeof(line));
	if (line.value == NULL)
		return;
	memmove(s->lines + at + 1, s->lines + at, (s->n - at) * sizeof(line));
	s->lines[at] = line;
	s->n++;
}

static void follow(struct wm_graph *g, struct state *s, char *text)
{
	struct wm_graph_delta d = {0};
	unsigned n = 0;

	for (char *line; n < LINES_MAX - 1 && (line = wm_str_cut(&text, '\n')) != NULL; n++) {
		char *value = line;
		char *key = wm_str_cut(&value, ' ');
		struct wm_change c = {.key = key, .value = (const uint8_t *)value};

		c.value_len = value != NULL ? strlen(value) : 0;
		if (*key == '\0')
			continue;
		wm_graph_apply(g, n + 1, &c, 1, &d);
		put(s, (struct line){key, value});
		wm_graph_affects(g, &d, "a");
	}
	wm_graph_delta_fini(&d);
}

struct comparison {
	struct wm_graph *a, *b;
};

static bool compare(void *arg, const char *id)
{
	const struct comparison *c = arg;
	V1__PeerConfigurations *x, *y;
	struct wm_arena a;

	wm_arena_init(&a, 0);
	assert(wm_peers_config(c->a, id, &a, &x, NULL) == 0);
	assert(wm_peers_config(c->b, id, &a, &y, NULL) == 0);
	assert(wm_pb_equal(&x->base, &y->base) && wm_peers_config_equal(x, y));
	assert(wm_graph_may_talk(c->a, id, "a") == wm_graph_may_talk(c->b, id, "a"));
	wm_arena_fini(&a);
	return true;
}

/* Everything that is built from a view of such state either works or says why not. */
static void build(struct state *s, struct wm_graph *g)
{
	V1__JoinRequest req = V1__JOIN_REQUEST__INIT;
	char id[] = "new", key[] = "CAUSIB7R6PrixKFEuL6P1LR789OzS4ccPKz2AQ8OQtR0/OJ+";
	const struct wm_join j = {.req = &req, .server = "a"};
	const struct wm_rbac_action action = {V1__RULE_RESOURCE__RESOURCE_VOTES,
					      V1__RULE_VERB__VERB_PUT, "x"};
	struct wm_arena a;
	struct wm_txn *t;
	struct wm_err err;
	V1__MeshGraph *drawing;

	req.id = id;
	req.publickey = key;
	req.assignipv4 = true;
	if (wm_join_build(&s->view, g, &j, &t, &err) == 0)
		wm_txn_free(t);
	if (wm_leave_build(&s->view, "a", &t, &err) == 0)
		wm_txn_free(t);
	(void)!wm_rbac_check(&s->view, "a", &action, 1, &err);
	wm_arena_init(&a, 0);
	assert(wm_dot_graph(&a, &s->view, &drawing, &err) == 0);
	wm_arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wm_view_ops ops = {view_get, view_scan, view_close};
	struct state s = {.view = {.ops = &ops, .revision = 1}};
	struct comparison c = {wm_graph_new(), wm_graph_new()};
	char *text = wm_strndup((const char *)data, size);

	follow(c.a, &s, text);
	assert(wm_graph_load(c.b, &s.view, NULL) == 0);
	assert(wm_graph_count(c.a) == wm_graph_count(c.b));
	wm_graph_each_node(c.a, compare, &c);
	build(&s, c.b);
	wm_graph_free(c.a);
	wm_graph_free(c.b);
	wm_free(text);
	return 0;
}
