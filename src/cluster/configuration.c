#include "cluster/configuration.h"
#include "base/mem.h"
#include "base/wire.h"
#include <stdio.h>
#include <string.h>

/*
 * libraft's format: a version byte, the number of servers (64 bits, little endian), then for each
 * its ID (64 bits), its address with a NUL and a byte for the role; zeros up to a multiple of 8.
 */
#define FORMAT       1
#define ROLE_STANDBY 0
#define ROLE_VOTER   1

void wm_configuration_fini(struct wm_configuration *c)
{
	wm_free(c->members);
	*c = (struct wm_configuration){0};
}

void wm_configuration_copy(struct wm_configuration *to, const struct wm_configuration *from)
{
	struct wm_member *members = NULL;

	if (from->n > 0)
		members = wm_memdup(from->members, from->n * sizeof(*members));
	struct wm_configuration copy = {from->index, from->n, members};

	wm_configuration_fini(to);
	*to = copy;
}

void wm_configuration_add(struct wm_configuration *c, uint64_t id, const char *node_id,
			  enum wm_member_role role)
{
	c->members = wm_realloc(c->members, (c->n + 1) * sizeof(*c->members));
	struct wm_member *m = &c->members[c->n++];

	*m = (struct wm_member){.id = id, .role = role};
	snprintf(m->node_id, sizeof(m->node_id), "%s", node_id);
}

const struct wm_member *wm_configuration_find(const struct wm_configuration *c, uint64_t id)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->members[i].id == id)
			return &c->members[i];
	}
	return NULL;
}

const struct wm_member *wm_configuration_find_node(const struct wm_configuration *c,
						   const char *node_id)
{
	for (size_t i = 0; i < c->n; i++) {
		if (strcmp(c->members[i].node_id, node_id) == 0)
			return &c->members[i];
	}
	return NULL;
}

size_t wm_configuration_voters(const struct wm_configuration *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->members[i].role == WM_MEMBER_VOTER;
	return n;
}

void wm_configuration_encode(const struct wm_configuration *c, struct wm_buf *out)
{
	size_t size = 1 + 8;

	for (size_t i = 0; i < c->n; i++)
		size += 8 + strlen(c->members[i].node_id) + 1 + 1;
	size = (size + 7) / 8 * 8;

	struct wm_wire w;
	uint8_t *room = wm_buf_reserve(out, size);

	memset(room, 0, size);
	wm_wire_init_write(&w, room, size);
	wm_wire_put_u8(&w, FORMAT);
	wm_wire_put_le64(&w, c->n);
	for (size_t i = 0; i < c->n; i++) {
		const struct wm_member *m = &c->members[i];

		wm_wire_put_le64(&w, m->id);
		wm_wire_put(&w, m->node_id, strlen(m->node_id) + 1);
		wm_wire_put_u8(&w, m->role == WM_MEMBER_VOTER ? ROLE_VOTER : ROLE_STANDBY);
	}
	wm_buf_commit(out, size);
}

/* The text up to its NUL, borrowed from the input; NULL when there is no NUL within the limit. */
static const char *get_node_id(struct wm_wire *w)
{
	size_t most = wm_wire_left(w) < WM_IDENT_TEXT ? wm_wire_left(w) : WM_IDENT_TEXT;
	const uint8_t *nul = most > 0 ? memchr(w->pos, 0, most) : NULL;

	if (nul == NULL)
		return NULL;
	return (const char *)wm_wire_skip(w, (size_t)(nul - w->pos) + 1);
}

static int decode_member(struct wm_wire *w, struct wm_configuration *out, struct wm_err *err)
{
	uint64_t id = wm_wire_get_le64(w);
	const char *node_id = get_node_id(w);
	uint8_t role = wm_wire_get_u8(w);

	if (!wm_wire_ok(w) || node_id == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "member %zu is cut", out->n);
	if (id == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "member %zu has no ID", out->n);
	if (!wm_ident_is_node(node_id, strlen(node_id)))
		return wm_fail(err, WM_INVALID_ARGUMENT, "member %zu has a malformed node ID",
			       out->n);
	if (role != ROLE_STANDBY && role != ROLE_VOTER)
		return wm_fail(err, WM_INVALID_ARGUMENT, "member %zu has role %u", out->n, role);
	if (wm_configuration_find(out, id) != NULL ||
	    wm_configuration_find_node(out, node_id) != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "member %zu is there twice", out->n);
	wm_configuration_add(out, id, node_id,
			     role == ROLE_VOTER ? WM_MEMBER_VOTER : WM_MEMBER_OBSERVER);
	return 0;
}

static int decode_end(struct wm_wire *w, struct wm_err *err)
{
	if (wm_wire_left(w) >= 8)
		return wm_fail(err, WM_INVALID_ARGUMENT, "bytes behind the last member");
	while (wm_wire_left(w) > 0) {
		if (wm_wire_get_u8(w) != 0)
			return wm_fail(err, WM_INVALID_ARGUMENT, "bytes behind the last member");
	}
	return 0;
}

int wm_configuration_decode(const uint8_t *data, size_t len, struct wm_configuration *out,
			    struct wm_err *err)
{
	struct wm_wire w;
	int rv = 0;

	wm_wire_init_read(&w, data, len);
	uint8_t format = wm_wire_get_u8(&w);
	uint64_t n = wm_wire_get_le64(&w);

	*out = (struct wm_configuration){0};
	if (!wm_wire_ok(&w) || len % 8 != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a configuration of %zu bytes", len);
	if (format != FORMAT)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a configuration of format %u", format);
	if (n == 0 || n > WM_MEMBERS_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a configuration of %llu members",
			       (unsigned long long)n);
	for (uint64_t i = 0; i < n && rv == 0; i++)
		rv = decode_member(&w, out, err);
	if (rv == 0)
		rv = decode_end(&w, err);
	if (rv != 0)
		wm_configuration_fini(out);
	return rv;
}

static bool is_same(const struct wm_member *a, const struct wm_member *b)
{
	return a->id == b->id && strcmp(a->node_id, b->node_id) == 0;
}

/* How many members differ in their role; SIZE_MAX when others than those of @a are in @b. */
static size_t role_changes(const struct wm_configuration *a, const struct wm_configuration *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		if (!is_same(&a->members[i], &b->members[i]))
			return SIZE_MAX;
		n += a->members[i].role != b->members[i].role;
	}
	return n;
}

static bool is_removal(const struct wm_configuration *now, const struct wm_configuration *next)
{
	size_t gone = 0;

	for (size_t i = 0; i < now->n; i++) {
		if (gone < 2 && i - gone < next->n &&
		    is_same(&now->members[i], &next->members[i - gone])) {
			if (now->members[i].role != next->members[i - gone].role)
				return false;
			continue;
		}
		gone++;
	}
	return gone == 1;
}

static bool is_addition(const struct wm_configuration *now, const struct wm_configuration *next)
{
	const struct wm_member *added = &next->members[now->n];

	return role_changes(now, next) == 0 && added->role == WM_MEMBER_OBSERVER &&
	       wm_configuration_find(now, added->id) == NULL &&
	       wm_configuration_find_node(now, added->node_id) == NULL;
}

int wm_configuration_check_step(const struct wm_configuration *now,
				const struct wm_configuration *next, struct wm_err *err)
{
	bool good = false;

	if (next->n == now->n + 1)
		good = is_addition(now, next);
	else if (next->n + 1 == now->n)
		good = is_removal(now, next);
	else if (next->n == now->n)
		good = role_changes(now, next) == 1;
	if (!good)
		return wm_fail(err, WM_FAILED_PRECONDITION,
			       "more than one member would change in one step");
	if (wm_configuration_voters(next) == 0)
		return wm_fail(err, WM_FAILED_PRECONDITION, "no voter would be left");
	return 0;
}
