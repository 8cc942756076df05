#pragma once
/*
 * A snapshot as bytes: the whole state after one entry of the log, in blocks that each carry a
 * checksum tied to their place. Version 1, numbers big endian:
 *     block:   be32 length of the content, 16 bytes BLAKE2s of the content, keyed with the block's
 *              number (8 bytes), content
 *     content: 'H' u8 version, be64 index, be64 term, be64 index of the configuration,
 *              be64 revision, u8 length and text of the incarnation, the configuration
 *              'D' records: varint length and bytes of the key, be64 revision, varint length and
 *              bytes of the value; the keys of all blocks in rising order
 *              'E' be64 number of records
 * One 'H', any number of 'D', one 'E', and nothing behind. Any thread.
 */
#include "base/buf.h"
#include "cluster/machine.h"
#include "store/env.h"
#include "store/kv.h"

/* Bytes of a block's content at most: what a record may take, and some that come before it. */
#define WM_SNAPSHOT_BLOCK_MAX  (WM_VALUE_MAX + 128 * 1024)
#define WM_SNAPSHOT_BLOCK_HEAD 20

struct wm_snapshot_head {
	struct wm_snapshot_meta meta;
	uint64_t revision;
	char incarnation[WM_INCARNATION_TEXT];
};
void wm_snapshot_head_fini(struct wm_snapshot_head *h);

/* ---- writing ---- */
struct wm_snapshot_writer {
	int fd; /* the caller's */
	struct wm_buf block;
	uint64_t number; /* of the next block */
	uint64_t records, bytes;
};
WM_MUST_CHECK int wm_snapshot_write_head(struct wm_snapshot_writer *w, int fd,
					 const struct wm_snapshot_head *h, struct wm_err *err);
/* @key without its NUL. In rising order of keys. */
WM_MUST_CHECK int wm_snapshot_write(struct wm_snapshot_writer *w, const struct wm_kv *kv,
				    struct wm_err *err);
/* The last block, and a sync. */
WM_MUST_CHECK int wm_snapshot_write_end(struct wm_snapshot_writer *w, struct wm_err *err);
void wm_snapshot_writer_fini(struct wm_snapshot_writer *w);

/* ---- reading ---- */
/*
 * The content of the block that begins at @data: 0 and *@content, DATA_LOSS when it is malformed,
 * or OUT_OF_RANGE when it needs more than @len bytes: *@need then, if not 0, is how many.
 */
WM_MUST_CHECK int wm_snapshot_block_decode(const uint8_t *data, size_t len, uint64_t number,
					   const uint8_t **content, size_t *content_len,
					   size_t *need, struct wm_err *err);
/* @out is zeroed; fini it after success. DATA_LOSS when it is malformed or of another version. */
WM_MUST_CHECK int wm_snapshot_head_decode(const uint8_t *content, size_t len,
					  struct wm_snapshot_head *out, struct wm_err *err);

/* What reads one snapshot from its beginning to its end. */
struct wm_snapshot_reader {
	void *arg;
	/* Each record, borrowed. A code ends the reading. */
	int (*on_record)(void *arg, const struct wm_kv *kv, struct wm_err *err);
	uint64_t records;
	uint64_t number; /* of the next block */
	char last[WM_KEY_MAX + 1];
	bool ended;
};
/* One content after the head's. DATA_LOSS when it is malformed or out of order. */
WM_MUST_CHECK int wm_snapshot_content_decode(struct wm_snapshot_reader *r, const uint8_t *content,
					     size_t len, struct wm_err *err);
/*
 * Reads the file from its beginning, all of it: the head into @head (zeroed; fini it after
 * success), records to @r (zeroed but for arg and on_record, which may be NULL).
 */
WM_MUST_CHECK int wm_snapshot_read(int fd, struct wm_snapshot_head *head,
				   struct wm_snapshot_reader *r, struct wm_err *err);
/* The head alone. */
WM_MUST_CHECK int wm_snapshot_read_head(int fd, struct wm_snapshot_head *head, struct wm_err *err);
