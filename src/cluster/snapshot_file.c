#include "cluster/snapshot_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/wire.h"
#include "crypto/hash.h"

#define VERSION  1
#define SUM      16
#define BLOCK    (64u * 1024) /* a block is closed once it has so much */
#define RECORD   (5 + 8 + 5)  /* bytes of a record besides its key and value */
#define HEAD_MAX (1 + 1 + 4 * 8 + 1 + WM_INCARNATION_TEXT)

static int fail_malformed(struct wm_err *err)
{
	return wm_fail(err, WM_DATA_LOSS, "the snapshot is damaged");
}

static void sum_of(uint64_t number, const uint8_t *content, size_t n, uint8_t out[SUM])
{
	uint8_t key[8];
	struct wm_wire w;

	wm_wire_init_write(&w, key, sizeof(key));
	wm_wire_put_be64(&w, number);
	wm_hash_blake2s_mac(key, sizeof(key), content, n, out, SUM);
}

void wm_snapshot_head_fini(struct wm_snapshot_head *h)
{
	wm_configuration_fini(&h->meta.configuration);
	*h = (struct wm_snapshot_head){0};
}

/* ---- writing ---- */

static int write_all(int fd, const uint8_t *p, size_t n, struct wm_err *err)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return wm_fail_errno(err, done < 0 ? errno : ENOSPC,
					     "cannot write the snapshot");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

static void begin_block(struct wm_snapshot_writer *w, char kind)
{
	static const uint8_t head[WM_SNAPSHOT_BLOCK_HEAD];

	wm_buf_clear(&w->block);
	wm_buf_add(&w->block, head, sizeof(head));
	wm_buf_add(&w->block, &kind, 1);
}

static int end_block(struct wm_snapshot_writer *w, struct wm_err *err)
{
	size_t n = w->block.len - WM_SNAPSHOT_BLOCK_HEAD;
	struct wm_wire wire;

	wm_wire_init_write(&wire, w->block.data, 4);
	wm_wire_put_be32(&wire, (uint32_t)n);
	sum_of(w->number++, w->block.data + WM_SNAPSHOT_BLOCK_HEAD, n, w->block.data + 4);
	w->bytes += w->block.len;
	return write_all(w->fd, w->block.data, w->block.len, err);
}

int wm_snapshot_write_head(struct wm_snapshot_writer *w, int fd, const struct wm_snapshot_head *h,
			   struct wm_err *err)
{
	uint8_t fixed[HEAD_MAX];
	size_t text = strlen(h->incarnation);
	struct wm_wire wire;
	int rc;

	*w = (struct wm_snapshot_writer){.fd = fd};
	wm_wire_init_write(&wire, fixed, sizeof(fixed));
	wm_wire_put_u8(&wire, VERSION);
	wm_wire_put_be64(&wire, h->meta.index);
	wm_wire_put_be64(&wire, h->meta.term);
	wm_wire_put_be64(&wire, h->meta.configuration.index);
	wm_wire_put_be64(&wire, h->revision);
	wm_wire_put_u8(&wire, (uint8_t)text);
	wm_wire_put(&wire, h->incarnation, text);
	begin_block(w, 'H');
	wm_buf_add(&w->block, fixed, (size_t)(wire.pos - fixed));
	wm_configuration_encode(&h->meta.configuration, &w->block);
	rc = end_block(w, err);
	begin_block(w, 'D');
	return rc;
}

int wm_snapshot_write(struct wm_snapshot_writer *w, const struct wm_kv *kv, struct wm_err *err)
{
	size_t most = RECORD + kv->key_len + kv->value_len;
	struct wm_wire wire;
	uint8_t *to = wm_buf_reserve(&w->block, most);
	int rc;

	wm_wire_init_write(&wire, to, most);
	wm_wire_put_varint(&wire, kv->key_len);
	wm_wire_put(&wire, kv->key, kv->key_len);
	wm_wire_put_be64(&wire, kv->revision);
	wm_wire_put_varint(&wire, kv->value_len);
	wm_wire_put(&wire, kv->value, kv->value_len);
	wm_buf_commit(&w->block, (size_t)(wire.pos - to));
	w->records++;
	if (w->block.len < BLOCK)
		return 0;
	rc = end_block(w, err);
	begin_block(w, 'D');
	return rc;
}

int wm_snapshot_write_end(struct wm_snapshot_writer *w, struct wm_err *err)
{
	uint8_t count[8];
	struct wm_wire wire;
	int rc = w->block.len > WM_SNAPSHOT_BLOCK_HEAD + 1 ? end_block(w, err) : 0;

	if (rc != 0)
		return rc;
	wm_wire_init_write(&wire, count, sizeof(count));
	wm_wire_put_be64(&wire, w->records);
	begin_block(w, 'E');
	wm_buf_add(&w->block, count, sizeof(count));
	rc = end_block(w, err);
	if (rc == 0 && fsync(w->fd) != 0)
		rc = wm_fail_errno(err, errno, "cannot sync the snapshot");
	return rc;
}

void wm_snapshot_writer_fini(struct wm_snapshot_writer *w)
{
	wm_buf_fini(&w->block);
}

/* ---- reading ---- */

int wm_snapshot_block_decode(const uint8_t *data, size_t len, uint64_t number,
			     const uint8_t **content, size_t *content_len, size_t *need,
			     struct wm_err *err)
{
	uint8_t sum[SUM];
	struct wm_wire w;
	uint32_t n;

	*need = 0;
	if (len < WM_SNAPSHOT_BLOCK_HEAD)
		return wm_fail(err, WM_OUT_OF_RANGE, "the snapshot is cut short");
	wm_wire_init_read(&w, data, len);
	n = wm_wire_get_be32(&w);
	if (n == 0 || n > WM_SNAPSHOT_BLOCK_MAX)
		return fail_malformed(err);
	*need = WM_SNAPSHOT_BLOCK_HEAD + (size_t)n;
	if (len < *need)
		return wm_fail(err, WM_OUT_OF_RANGE, "the snapshot is cut short");
	*content = data + WM_SNAPSHOT_BLOCK_HEAD;
	*content_len = n;
	sum_of(number, *content, n, sum);
	return memcmp(sum, data + 4, SUM) == 0 ? 0 : fail_malformed(err);
}

static bool take_incarnation(struct wm_wire *w, char out[WM_INCARNATION_TEXT])
{
	size_t n = wm_wire_get_u8(w);

	if (n != 0 && n != WM_INCARNATION_TEXT - 1)
		return false;
	wm_wire_get(w, out, n);
	out[n] = '\0';
	return strspn(out, "0123456789abcdef") == n;
}

int wm_snapshot_head_decode(const uint8_t *content, size_t len, struct wm_snapshot_head *out,
			    struct wm_err *err)
{
	struct wm_wire w;
	uint64_t configuration;
	unsigned version;
	bool is_head;

	*out = (struct wm_snapshot_head){0};
	wm_wire_init_read(&w, content, len);
	is_head = wm_wire_get_u8(&w) == 'H';
	version = wm_wire_get_u8(&w);
	if (is_head && wm_wire_ok(&w) && version != VERSION)
		return wm_fail(err, WM_DATA_LOSS,
			       "the snapshot has version %u, this program knows %d: install the "
			       "version that wrote it",
			       version, VERSION);
	out->meta.index = wm_wire_get_be64(&w);
	out->meta.term = wm_wire_get_be64(&w);
	configuration = wm_wire_get_be64(&w);
	out->revision = wm_wire_get_be64(&w);
	if (!take_incarnation(&w, out->incarnation) || !wm_wire_ok(&w) || !is_head ||
	    out->meta.index == 0 || out->meta.term == 0 || configuration > out->meta.index)
		return fail_malformed(err);
	if (wm_configuration_decode(w.pos, wm_wire_left(&w), &out->meta.configuration, err) != 0) {
		wm_wrap(err, "the snapshot is damaged");
		if (err != NULL)
			err->code = WM_DATA_LOSS;
		return WM_DATA_LOSS;
	}
	out->meta.configuration.index = configuration;
	return 0;
}

static bool is_in_order(struct wm_snapshot_reader *r, const uint8_t *key, size_t n)
{
	char text[WM_KEY_MAX + 1];

	if (n == 0 || n > WM_KEY_MAX || memchr(key, '\0', n) != NULL)
		return false;
	memcpy(text, key, n);
	text[n] = '\0';
	if (r->records > 0 && strcmp(text, r->last) <= 0)
		return false;
	memcpy(r->last, text, n + 1);
	return true;
}

static int take_record(struct wm_snapshot_reader *r, struct wm_wire *w, struct wm_err *err)
{
	struct wm_kv kv = {.key = r->last};
	uint64_t n = wm_wire_get_varint(w);
	const uint8_t *key = n <= WM_KEY_MAX ? wm_wire_skip(w, (size_t)n) : NULL;

	if (key == NULL || !is_in_order(r, key, (size_t)n))
		return fail_malformed(err);
	kv.key_len = (size_t)n;
	kv.revision = wm_wire_get_be64(w);
	n = wm_wire_get_varint(w);
	kv.value = n <= WM_VALUE_MAX ? wm_wire_skip(w, (size_t)n) : NULL;
	if (kv.value == NULL)
		return fail_malformed(err);
	kv.value_len = (size_t)n;
	r->records++;
	return r->on_record != NULL ? r->on_record(r->arg, &kv, err) : 0;
}

int wm_snapshot_content_decode(struct wm_snapshot_reader *r, const uint8_t *content, size_t len,
			       struct wm_err *err)
{
	struct wm_wire w;
	unsigned kind;
	int rc = 0;

	wm_wire_init_read(&w, content, len);
	kind = wm_wire_get_u8(&w);
	if (kind == 'E') {
		r->ended = wm_wire_get_be64(&w) == r->records && wm_wire_ok(&w) &&
			   wm_wire_left(&w) == 0;
		return r->ended ? 0 : fail_malformed(err);
	}
	if (kind != 'D')
		return fail_malformed(err);
	while (rc == 0 && wm_wire_ok(&w) && wm_wire_left(&w) > 0)
		rc = take_record(r, &w, err);
	return rc;
}

/* Reads until @need bytes are in @in or the file ends. */
static int fill(int fd, struct wm_buf *in, size_t need, off_t *at, struct wm_err *err)
{
	while (in->len < need) {
		size_t want = need - in->len;
		ssize_t n = pread(fd, wm_buf_reserve(in, want), want, *at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return wm_fail_errno(err, errno, "cannot read the snapshot");
		if (n == 0)
			return 0;
		wm_buf_commit(in, (size_t)n);
		*at += n;
	}
	return 0;
}

/* The next block, whole in @in. */
static int next_block(int fd, struct wm_buf *in, uint64_t number, off_t *at,
		      const uint8_t **content, size_t *n, struct wm_err *err)
{
	size_t need = WM_SNAPSHOT_BLOCK_HEAD;
	int rc = 0;

	wm_buf_clear(in);
	for (int i = 0; i < 2; i++) {
		rc = fill(fd, in, need, at, err);
		if (rc != 0)
			return rc;
		rc = wm_snapshot_block_decode(in->data, in->len, number, content, n, &need, err);
		if (rc != WM_OUT_OF_RANGE || need == 0)
			break;
	}
	return rc == WM_OUT_OF_RANGE ? fail_malformed(err) : rc;
}

static int read_head(int fd, struct wm_buf *in, off_t *at, struct wm_snapshot_head *head,
		     struct wm_err *err)
{
	const uint8_t *content;
	size_t n;
	int rc = next_block(fd, in, 0, at, &content, &n, err);

	return rc == 0 ? wm_snapshot_head_decode(content, n, head, err) : rc;
}

static int read_rest(int fd, struct wm_buf *in, off_t *at, struct wm_snapshot_reader *r,
		     struct wm_err *err)
{
	int rc = 0;

	for (r->number = 1; rc == 0 && !r->ended; r->number++) {
		const uint8_t *content;
		size_t n;

		rc = next_block(fd, in, r->number, at, &content, &n, err);
		if (rc == 0)
			rc = wm_snapshot_content_decode(r, content, n, err);
	}
	if (rc == 0 &&
	    (fill(fd, in, in->len + 1, at, err) != 0 || in->len > WM_SNAPSHOT_BLOCK_HEAD + 9))
		rc = fail_malformed(err); /* bytes behind the end */
	return rc;
}

int wm_snapshot_read(int fd, struct wm_snapshot_head *head, struct wm_snapshot_reader *r,
		     struct wm_err *err)
{
	struct wm_buf in = {0};
	off_t at = 0;
	int rc = read_head(fd, &in, &at, head, err);

	if (rc == 0) {
		rc = read_rest(fd, &in, &at, r, err);
		if (rc != 0)
			wm_snapshot_head_fini(head);
	}
	wm_buf_fini(&in);
	return rc;
}

int wm_snapshot_read_head(int fd, struct wm_snapshot_head *head, struct wm_err *err)
{
	struct wm_buf in = {0};
	off_t at = 0;
	int rc = read_head(fd, &in, &at, head, err);

	wm_buf_fini(&in);
	return rc;
}
