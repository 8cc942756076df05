#include "cluster/frame.h"
#include "base/mem.h"
#include "base/wire.h"

/* Version, kind, from, to, number, term. */
#define HEAD_SIZE (1 + 1 + 8 + 8 + 8 + 8)
/* The longest fixed part behind it, APPEND's: two indexes, a term and the number of entries. */
#define BODY_SIZE (8 + 8 + 8 + 4)

#define FLAG_PRE_VOTE 1
#define FLAG_DISRUPT  2
#define FLAG_GRANTED  4

static void put_entries(const struct wm_frame *f, struct wm_buf *out)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		const struct wm_entry *e = &f->entries[i];
		struct wm_wire w;

		wm_wire_init_write(&w, wm_buf_reserve(out, WM_FRAME_ENTRY_SIZE + e->len),
				   WM_FRAME_ENTRY_SIZE + e->len);
		wm_wire_put_be64(&w, e->term);
		wm_wire_put_u8(&w, (uint8_t)e->kind);
		wm_wire_put_be32(&w, (uint32_t)e->len);
		if (e->len > 0)
			wm_wire_put(&w, e->data, e->len);
		wm_buf_commit(out, WM_FRAME_ENTRY_SIZE + e->len);
	}
}

static void put_body(struct wm_wire *w, const struct wm_frame *f)
{
	switch (f->kind) {
	case WM_FRAME_APPEND:
		wm_wire_put_be64(w, f->index);
		wm_wire_put_be64(w, f->index_term);
		wm_wire_put_be64(w, f->commit);
		wm_wire_put_be32(w, (uint32_t)f->n_entries);
		break;
	case WM_FRAME_APPEND_RESULT:
		wm_wire_put_be64(w, f->rejected);
		wm_wire_put_be64(w, f->last);
		wm_wire_put_be16(w, f->features);
		wm_wire_put_be16(w, f->capacity);
		break;
	case WM_FRAME_VOTE:
		wm_wire_put_be64(w, f->index);
		wm_wire_put_be64(w, f->index_term);
		wm_wire_put_u8(w, (uint8_t)((f->pre_vote ? FLAG_PRE_VOTE : 0) |
					    (f->disrupt ? FLAG_DISRUPT : 0)));
		break;
	case WM_FRAME_VOTE_RESULT:
		wm_wire_put_u8(w, (uint8_t)((f->pre_vote ? FLAG_PRE_VOTE : 0) |
					    (f->granted ? FLAG_GRANTED : 0)));
		wm_wire_put_be16(w, f->features);
		wm_wire_put_be16(w, f->capacity);
		break;
	case WM_FRAME_SNAPSHOT:
		wm_wire_put_be64(w, f->index);
		wm_wire_put_be64(w, f->index_term);
		wm_wire_put_be64(w, f->snapshot.index);
		break;
	case WM_FRAME_TIMEOUT_NOW:
		wm_wire_put_be64(w, f->index);
		wm_wire_put_be64(w, f->index_term);
		break;
	case WM_FRAME_ASK:
	case WM_FRAME_ANSWER: break;
	}
}

void wm_frame_encode(const struct wm_frame *f, struct wm_buf *out)
{
	struct wm_wire w;
	uint8_t *room = wm_buf_reserve(out, HEAD_SIZE + BODY_SIZE);

	wm_wire_init_write(&w, room, HEAD_SIZE + BODY_SIZE);
	wm_wire_put_u8(&w, WM_FRAME_VERSION);
	wm_wire_put_u8(&w, (uint8_t)f->kind);
	wm_wire_put_be64(&w, f->from);
	wm_wire_put_be64(&w, f->to);
	wm_wire_put_be64(&w, f->number);
	wm_wire_put_be64(&w, f->term);
	put_body(&w, f);
	wm_buf_commit(out, (size_t)(w.pos - room));
	if (f->kind == WM_FRAME_APPEND)
		put_entries(f, out);
	else if (f->kind == WM_FRAME_SNAPSHOT)
		wm_configuration_encode(&f->snapshot, out);
}

static int decode_entry(struct wm_wire *w, uint64_t index, struct wm_entry *e, struct wm_err *err)
{
	e->index = index;
	e->term = wm_wire_get_be64(w);
	e->kind = (enum wm_entry_kind)wm_wire_get_u8(w);
	e->len = wm_wire_get_be32(w);
	if (e->len > WM_MACHINE_ENTRY_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "an entry of %zu bytes", e->len);
	e->data = wm_wire_skip(w, e->len);
	if (!wm_wire_ok(w))
		return wm_fail(err, WM_INVALID_ARGUMENT, "an entry is cut");
	if (e->kind < WM_ENTRY_COMMAND || e->kind > WM_ENTRY_CHANGE)
		return wm_fail(err, WM_INVALID_ARGUMENT, "an entry of kind %d", (int)e->kind);
	return 0;
}

/* Terms are not 0, do not fall, begin where the entry before was and end with the message's. */
static int check_terms(const struct wm_frame *f, struct wm_err *err)
{
	uint64_t before = f->index_term > 0 ? f->index_term : 1;

	if ((f->index == 0) != (f->index_term == 0))
		return wm_fail(err, WM_INVALID_ARGUMENT, "index and term before do not agree");
	for (size_t i = 0; i < f->n_entries; i++) {
		if (f->entries[i].term < before)
			return wm_fail(err, WM_INVALID_ARGUMENT, "terms of entries fall");
		before = f->entries[i].term;
	}
	if (f->n_entries + f->index > 0 && before > f->term)
		return wm_fail(err, WM_INVALID_ARGUMENT, "an entry of a later term");
	return 0;
}

static int check_configurations(const struct wm_frame *f, struct wm_err *err)
{
	for (size_t i = 0; i < f->n_entries; i++) {
		const struct wm_entry *e = &f->entries[i];
		struct wm_configuration c;

		if (e->kind != WM_ENTRY_CHANGE)
			continue;
		if (wm_configuration_decode(e->data, e->len, &c, err) != 0)
			return WM_INVALID_ARGUMENT;
		wm_configuration_fini(&c);
	}
	return 0;
}

static int decode_append(struct wm_wire *w, struct wm_frame *f, struct wm_err *err)
{
	f->index = wm_wire_get_be64(w);
	f->index_term = wm_wire_get_be64(w);
	f->commit = wm_wire_get_be64(w);
	uint32_t n = wm_wire_get_be32(w);
	int rv = 0;

	if (!wm_wire_ok(w))
		return wm_fail(err, WM_INVALID_ARGUMENT, "cut");
	if (n > WM_FRAME_ENTRIES_MAX || n > wm_wire_left(w) / WM_FRAME_ENTRY_SIZE)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%u entries", n);
	if (f->index > UINT64_MAX / 2)
		return wm_fail(err, WM_INVALID_ARGUMENT, "an index out of range");
	if (n > 0) {
		f->entries = wm_try_alloc(n * sizeof(*f->entries));
		if (f->entries == NULL)
			return wm_fail(err, WM_RESOURCE_EXHAUSTED, "no memory for %u entries", n);
	}
	for (; f->n_entries < n && rv == 0; f->n_entries++)
		rv = decode_entry(w, f->index + 1 + f->n_entries, &f->entries[f->n_entries], err);
	if (rv == 0)
		rv = check_terms(f, err);
	return rv != 0 ? rv : check_configurations(f, err);
}

static int decode_snapshot(struct wm_wire *w, struct wm_frame *f, struct wm_err *err)
{
	f->index = wm_wire_get_be64(w);
	f->index_term = wm_wire_get_be64(w);
	uint64_t index = wm_wire_get_be64(w);
	size_t left = wm_wire_left(w);
	const uint8_t *bytes = wm_wire_skip(w, left);

	if (!wm_wire_ok(w))
		return wm_fail(err, WM_INVALID_ARGUMENT, "cut");
	if (f->index == 0 || f->index_term == 0 || f->index_term > f->term ||
	    f->index > UINT64_MAX / 2)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a snapshot of nothing");
	if (index == 0 || index > f->index)
		return wm_fail(err, WM_INVALID_ARGUMENT, "its configuration is newer");
	int rv = wm_configuration_decode(bytes, left, &f->snapshot, err);

	f->snapshot.index = index;
	return rv;
}

static void get_flags(struct wm_wire *w, struct wm_frame *f, uint8_t known)
{
	uint8_t flags = wm_wire_get_u8(w);

	if ((flags & ~known) != 0)
		wm_wire_fail(w);
	f->pre_vote = flags & FLAG_PRE_VOTE;
	f->disrupt = flags & FLAG_DISRUPT;
	f->granted = flags & FLAG_GRANTED;
}

static int decode_body(struct wm_wire *w, struct wm_frame *f, struct wm_err *err)
{
	switch (f->kind) {
	case WM_FRAME_APPEND: return decode_append(w, f, err);
	case WM_FRAME_APPEND_RESULT:
		f->rejected = wm_wire_get_be64(w);
		f->last = wm_wire_get_be64(w);
		f->features = wm_wire_get_be16(w);
		f->capacity = wm_wire_get_be16(w);
		return 0;
	case WM_FRAME_VOTE:
		f->index = wm_wire_get_be64(w);
		f->index_term = wm_wire_get_be64(w);
		get_flags(w, f, FLAG_PRE_VOTE | FLAG_DISRUPT);
		return 0;
	case WM_FRAME_VOTE_RESULT:
		get_flags(w, f, FLAG_PRE_VOTE | FLAG_GRANTED);
		f->features = wm_wire_get_be16(w);
		f->capacity = wm_wire_get_be16(w);
		return 0;
	case WM_FRAME_SNAPSHOT: return decode_snapshot(w, f, err);
	case WM_FRAME_TIMEOUT_NOW:
		f->index = wm_wire_get_be64(w);
		f->index_term = wm_wire_get_be64(w);
		return 0;
	case WM_FRAME_ASK:
	case WM_FRAME_ANSWER: return 0;
	}
	return wm_fail(err, WM_INVALID_ARGUMENT, "a frame of kind %d", (int)f->kind);
}

static int decode_head(struct wm_wire *w, struct wm_frame *f, struct wm_err *err)
{
	uint8_t version = wm_wire_get_u8(w);

	f->kind = (enum wm_frame_kind)wm_wire_get_u8(w);
	f->from = wm_wire_get_be64(w);
	f->to = wm_wire_get_be64(w);
	f->number = wm_wire_get_be64(w);
	f->term = wm_wire_get_be64(w);
	if (!wm_wire_ok(w))
		return wm_fail(err, WM_INVALID_ARGUMENT, "cut");
	if (version != WM_FRAME_VERSION)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a frame of version %u", version);
	if (f->from == 0 || f->to == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "from or to nobody");
	/* An answer may come from a member that has not seen any term yet. */
	if (f->term == 0 && f->kind != WM_FRAME_ANSWER)
		return wm_fail(err, WM_INVALID_ARGUMENT, "of no term");
	return 0;
}

int wm_frame_decode(const uint8_t *data, size_t len, struct wm_frame *out, struct wm_err *err)
{
	struct wm_wire w;

	*out = (struct wm_frame){0};
	if (len > WM_MACHINE_FRAME_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "a frame of %zu bytes", len);
	wm_wire_init_read(&w, data, len);
	int rv = decode_head(&w, out, err);

	if (rv == 0)
		rv = decode_body(&w, out, err);
	if (rv == 0 && (!wm_wire_ok(&w) || wm_wire_left(&w) > 0))
		rv = wm_fail(err, WM_INVALID_ARGUMENT, "cut, or bytes behind the end");
	if (rv != 0)
		wm_frame_fini(out);
	return rv;
}

void wm_frame_fini(struct wm_frame *f)
{
	wm_free(f->entries);
	wm_configuration_fini(&f->snapshot);
	*f = (struct wm_frame){0};
}
