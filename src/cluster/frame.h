#pragma once
/*
 * What members of a quorum say to one another, as bytes: the messages of Raft and our own two
 * around reads. Whoever sends numbers its frames and an answer repeats the number, so that a leader
 * knows how old an answer is. Decoding trusts nothing: every length is checked, entries are
 * borrowed from the input. Pure; any thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include "cluster/machine.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WM_FRAME_VERSION     1
#define WM_FRAME_ENTRIES_MAX 4096
#define WM_FRAME_ENTRY_SIZE  13 /* term, kind and length in front of an entry's bytes */

enum wm_frame_kind {
	WM_FRAME_APPEND = 1,
	WM_FRAME_APPEND_RESULT,
	WM_FRAME_VOTE,
	WM_FRAME_VOTE_RESULT,
	WM_FRAME_SNAPSHOT, /* the offer of one: its description, not its bytes */
	WM_FRAME_TIMEOUT_NOW,
	WM_FRAME_ASK,    /* a leader: is this still your term? */
	WM_FRAME_ANSWER, /* the term that is durable here */
};

struct wm_frame {
	enum wm_frame_kind kind;
	uint64_t from, to; /* member IDs */
	uint64_t number;   /* of the frame, or of the one that is answered; 0 if of an old term */
	uint64_t term;
	/* APPEND: the entry before the first. VOTE, TIMEOUT_NOW, SNAPSHOT: the last. */
	uint64_t index, index_term;
	uint64_t commit;                  /* APPEND */
	struct wm_entry *entries;         /* APPEND; their bytes lie in the input */
	size_t n_entries;                 /* APPEND */
	uint64_t rejected, last;          /* APPEND_RESULT */
	uint16_t features, capacity;      /* both results */
	bool pre_vote, disrupt, granted;  /* VOTE and its result */
	struct wm_configuration snapshot; /* SNAPSHOT: with its index */
};

/*
 * Adds the bytes of @f to @out. Entries' indexes are not written: they follow @f->index.
 */
void wm_frame_encode(const struct wm_frame *f, struct wm_buf *out);
/*
 * Fills @out, which wm_frame_fini releases; after an error there is nothing to release.
 * INVALID_ARGUMENT says what is wrong: cut or with bytes behind it, larger than
 * WM_MACHINE_FRAME_MAX, another version or kind, a member ID or term of 0, entries that are too
 * many, too long, of an unknown kind or with terms that fall, an undecodable configuration.
 */
WM_MUST_CHECK int wm_frame_decode(const uint8_t *data, size_t len, struct wm_frame *out,
				  struct wm_err *err);
void wm_frame_fini(struct wm_frame *f);
