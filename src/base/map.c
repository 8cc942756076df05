/*
 * Entries lie in an array in the order they came; the index over them is a table with linear
 * probing that holds entry numbers. Removing leaves a hole in the array and closes the gap in the
 * index by moving later members of the probe sequence back, so there are no tombstones. When the
 * array is full, its holes are squeezed out if they are a quarter of it, else it doubles.
 */
#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"

#define FIRST_CAP   8
#define MAX_ENTRIES (UINT32_MAX / 4)

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static uint64_t hash_key[2]; /* written once, by make_key */

static void make_key(void)
{
	wm_rand_bytes(hash_key, sizeof(hash_key));
}

static uint64_t rotate(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static void sip_rounds(uint64_t v[4], unsigned n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static uint64_t read_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;

	while (n-- > 0)
		v = v << 8 | p[n];
	return v;
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_rounds(v, 2);
	v[0] ^= word;
}

uint64_t wm_map_hash(const uint64_t key[2], const void *data, size_t len)
{
	const uint8_t *p = data;
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575,
		key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261,
		key[1] ^ 0x7465646279746573,
	};
	size_t at = 0;

	for (; len - at >= 8; at += 8)
		sip_word(v, read_le(p + at, 8));
	sip_word(v, (uint64_t)len << 56 | read_le(len != at ? p + at : NULL, len - at));
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static uint64_t hash_of(const void *key, size_t len)
{
	pthread_once(&key_once, make_key);
	return wm_map_hash(hash_key, key, len);
}

void wm_map_fini(struct wm_map *m)
{
	for (uint32_t i = 0; i < m->n_entries; i++)
		wm_free(m->entries[i].key);
	wm_free(m->entries);
	wm_free(m->index);
	*m = (struct wm_map){0};
}

static bool is_key(const struct wm_map_entry *e, uint64_t hash, const void *key, size_t len)
{
	return e->hash == hash && e->key_len == len && (len == 0 || memcmp(e->key, key, len) == 0);
}

/* The slot of the key, or the free slot where its search ends. The index is never full. */
static uint32_t find_slot(const struct wm_map *m, uint64_t hash, const void *key, size_t len)
{
	uint32_t mask = m->cap_index - 1;
	uint32_t slot = (uint32_t)hash & mask;

	while (m->index[slot] != 0 && !is_key(&m->entries[m->index[slot] - 1], hash, key, len))
		slot = (slot + 1) & mask;
	return slot;
}

static void squeeze_entries(struct wm_map *m)
{
	uint32_t to = 0;

	for (uint32_t from = 0; from < m->n_entries; from++) {
		if (m->entries[from].used)
			m->entries[to++] = m->entries[from];
	}
	m->n_entries = to;
}

static void rebuild_index(struct wm_map *m)
{
	uint32_t mask = m->cap_index - 1;

	memset(m->index, 0, m->cap_index * sizeof(*m->index));
	for (uint32_t i = 0; i < m->n_entries; i++) {
		uint32_t slot = (uint32_t)m->entries[i].hash & mask;

		while (m->index[slot] != 0)
			slot = (slot + 1) & mask;
		m->index[slot] = i + 1;
	}
}

/* Makes room for one more entry; the index keeps twice as many slots as there are entries. */
static void make_room(struct wm_map *m)
{
	if (m->n_entries < m->cap_entries)
		return;
	if (m->cap_entries == 0 || m->n_entries - m->count < m->cap_entries / 4) {
		uint32_t cap = m->cap_entries != 0 ? m->cap_entries * 2 : FIRST_CAP;

		assert(cap <= MAX_ENTRIES);
		m->entries = wm_realloc(m->entries, cap * sizeof(*m->entries));
		m->cap_entries = cap;
		m->cap_index = cap * 2;
		m->index = wm_realloc(m->index, m->cap_index * sizeof(*m->index));
	}
	squeeze_entries(m);
	rebuild_index(m);
}

void *wm_map_find(const struct wm_map *m, const char *key)
{
	return wm_map_find_n(m, key, strlen(key));
}

void *wm_map_find_n(const struct wm_map *m, const void *key, size_t len)
{
	uint32_t slot;

	if (m->count == 0)
		return NULL;
	slot = find_slot(m, hash_of(key, len), key, len);
	return m->index[slot] != 0 ? m->entries[m->index[slot] - 1].value : NULL;
}

void *wm_map_put(struct wm_map *m, const char *key, void *value)
{
	return wm_map_put_n(m, key, strlen(key), value);
}

static void append_entry(struct wm_map *m, uint64_t hash, const void *key, size_t len, void *value)
{
	struct wm_map_entry *e = &m->entries[m->n_entries++];

	*e = (struct wm_map_entry){.value = value, .hash = hash, .used = true};
	e->key_len = (uint32_t)len;
	e->key = wm_alloc(len + 1);
	if (len != 0)
		memcpy(e->key, key, len);
	m->count++;
}

void *wm_map_put_n(struct wm_map *m, const void *key, size_t len, void *value)
{
	uint64_t hash = hash_of(key, len);
	uint32_t slot;

	assert(len < UINT32_MAX);
	make_room(m);
	slot = find_slot(m, hash, key, len);
	if (m->index[slot] != 0) {
		struct wm_map_entry *e = &m->entries[m->index[slot] - 1];
		void *before = e->value;

		e->value = value;
		return before;
	}
	append_entry(m, hash, key, len, value);
	m->index[slot] = m->n_entries;
	return NULL;
}

/* Frees @slot and moves those members of the probe sequence back that may no longer stop there. */
static void close_gap(struct wm_map *m, uint32_t slot)
{
	uint32_t mask = m->cap_index - 1;

	m->index[slot] = 0;
	for (uint32_t i = (slot + 1) & mask; m->index[i] != 0; i = (i + 1) & mask) {
		uint32_t home = (uint32_t)m->entries[m->index[i] - 1].hash & mask;

		/* It may move when its home lies no nearer than the gap. */
		if (((i - home) & mask) < ((i - slot) & mask))
			continue;
		m->index[slot] = m->index[i];
		m->index[i] = 0;
		slot = i;
	}
}

void *wm_map_drop(struct wm_map *m, const char *key)
{
	return wm_map_drop_n(m, key, strlen(key));
}

void *wm_map_drop_n(struct wm_map *m, const void *key, size_t len)
{
	struct wm_map_entry *e;
	uint32_t slot;
	void *value;

	if (m->count == 0)
		return NULL;
	slot = find_slot(m, hash_of(key, len), key, len);
	if (m->index[slot] == 0)
		return NULL;
	e = &m->entries[m->index[slot] - 1];
	value = e->value;
	close_gap(m, slot);
	wm_free(e->key); /* maybe what @key points to: not used below */
	*e = (struct wm_map_entry){0};
	m->count--;
	while (m->n_entries > 0 && !m->entries[m->n_entries - 1].used)
		m->n_entries--;
	return value;
}

struct wm_map_entry *wm_map_next(const struct wm_map *m, uint32_t *at)
{
	while (*at < m->n_entries) {
		struct wm_map_entry *e = &m->entries[(*at)++];

		if (e->used)
			return e;
	}
	return NULL;
}
