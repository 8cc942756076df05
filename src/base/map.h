#pragma once
/*
 * A hash map from byte strings to pointers, with a keyed hash (SipHash-2-4 under a random key) so
 * that a peer who chooses keys cannot choose collisions. Keys are copied; values are borrowed.
 * Iteration order is the order of insertion as long as nothing was removed. One thread at a time.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_map_entry {
	void *value;
	uint64_t hash;
	uint32_t key_len;
	bool used;
	char *key; /* NUL behind it */
};

struct wm_map {
	struct wm_map_entry *entries; /* in order of insertion, with holes */
	uint32_t *index;              /* open addressing: entry number + 1, 0 free */
	uint32_t n_entries, cap_entries, cap_index;
	uint32_t count;
};

/* A zeroed struct is an empty map. Frees keys, not values. */
void wm_map_fini(struct wm_map *m);
void *wm_map_find(const struct wm_map *m, const char *key);
void *wm_map_find_n(const struct wm_map *m, const void *key, size_t len);
/* Replaces; returns the value that was there before, or NULL. */
void *wm_map_put(struct wm_map *m, const char *key, void *value);
void *wm_map_put_n(struct wm_map *m, const void *key, size_t len, void *value);
/* Removes; returns the value, or NULL when the key was absent. */
void *wm_map_drop(struct wm_map *m, const char *key);
void *wm_map_drop_n(struct wm_map *m, const void *key, size_t len);
/* The first used entry at or behind @*at (start with 0); NULL at the end. Removing it is allowed.
 */
struct wm_map_entry *wm_map_next(const struct wm_map *m, uint32_t *at);

#define wm_map_each(entry, m) for (uint32_t at_ = 0; ((entry) = wm_map_next((m), &at_)) != NULL;)

/* The keyed hash itself (SipHash-2-4), for tests against its published vectors. */
uint64_t wm_map_hash(const uint64_t key[2], const void *data, size_t len);
