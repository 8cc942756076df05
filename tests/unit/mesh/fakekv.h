#pragma once
/*
 * State without a disk, a thread or a loop: an ordered list of keys that transactions are applied
 * to at once, and views on it. What the model is tested over; the real stores pass a suite of their
 * own.
 */
#include "store/kv.h"
#include "store/store.h"
#include "store/txn.h"

struct fakekv_entry {
	char *key;
	uint8_t *value;
	size_t len;
	uint64_t revision;
};

struct fakekv {
	struct wm_view view; /* of what is in it now */
	struct fakekv_entry *entries;
	size_t n, cap;
	uint64_t revision;
	/* Told of every transaction that was applied; may be NULL. */
	void (*on_changes)(void *arg, uint64_t revision, const struct wm_change *changes, size_t n);
	void *arg;
};

void fakekv_init(struct fakekv *kv);
void fakekv_fini(struct fakekv *kv);
/* Takes @t; 0 or FAILED_PRECONDITION. */
int fakekv_apply(struct fakekv *kv, struct wm_txn *t);
void fakekv_put(struct fakekv *kv, const char *key, const char *value);
void fakekv_delete(struct fakekv *kv, const char *key);
/* The value as text, or NULL; borrowed until the next change. */
const char *fakekv_text(struct fakekv *kv, const char *key);
