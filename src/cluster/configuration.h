#pragma once
/*
 * Who keeps the state: the members of a quorum and their roles, and how that is written into log
 * entries and snapshots. The bytes are libraft's, decoded here with every length checked (its own
 * decoder trusts them). A value: no thread, no clock.
 */
#include "base/buf.h"
#include "base/err.h"
#include "crypto/ident.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wm_member_role {
	WM_MEMBER_OBSERVER, /* gets the log, has no say */
	WM_MEMBER_VOTER,
};

struct wm_member {
	uint64_t id; /* of one life of its disk: who returns without it gets another; never 0 */
	enum wm_member_role role;
	char node_id[WM_IDENT_MAX + 1]; /* of the node, which stays */
};

#define WM_MEMBERS_MAX 64 /* voters and observers; what decodes larger is malformed */

struct wm_configuration {
	uint64_t index; /* of the log entry that made it; 0 = there is none */
	size_t n;
	struct wm_member *members; /* in the order of their arrival; owned */
};

/* A zeroed struct is an empty configuration; fini may be called on it and again later. */
void wm_configuration_fini(struct wm_configuration *c);
/* Replaces what @to holds by a copy. */
void wm_configuration_copy(struct wm_configuration *to, const struct wm_configuration *from);
/* Appends; the caller has checked that neither id nor node ID is there. */
void wm_configuration_add(struct wm_configuration *c, uint64_t id, const char *node_id,
			  enum wm_member_role role);
/* Borrowed; NULL when absent. */
const struct wm_member *wm_configuration_find(const struct wm_configuration *c, uint64_t id);
const struct wm_member *wm_configuration_find_node(const struct wm_configuration *c,
						   const char *node_id);
size_t wm_configuration_voters(const struct wm_configuration *c);
/* Adds the bytes to @out; the index is not among them. */
void wm_configuration_encode(const struct wm_configuration *c, struct wm_buf *out);
/*
 * Fills @out (zeroed; fini it only on success), index 0. INVALID_ARGUMENT, saying what is wrong,
 * for bytes that are cut, too many, of another version, or that hold a member twice (id or node
 * ID), an id of 0, an empty or malformed node ID or another role.
 */
WM_MUST_CHECK int wm_configuration_decode(const uint8_t *data, size_t len,
					  struct wm_configuration *out, struct wm_err *err);
/*
 * Whether @next is @now with one member added at the end as observer, one removed, or one role
 * changed: nothing else may follow in one step. FAILED_PRECONDITION says what differs.
 */
WM_MUST_CHECK int wm_configuration_check_step(const struct wm_configuration *now,
					      const struct wm_configuration *next,
					      struct wm_err *err);
