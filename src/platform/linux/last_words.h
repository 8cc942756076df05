#pragma once
/*
 * Text for a signal handler: collected in the caller's memory and written to up to two descriptors,
 * by nothing but write(2). Internal to platform/linux.
 */
#include <stddef.h>
#include <stdint.h>

struct wm_last_words {
	int fds[2]; /* -1 = none; the second is given up when nobody reads it */
	size_t n;
	char text[1024];
};

/* Adds text as it is. */
void wm_last_words_add(struct wm_last_words *w, const char *s);
/* Adds @n bytes, of which those that are no printable ASCII become "?". */
void wm_last_words_add_n(struct wm_last_words *w, const char *s, size_t n);
/* Adds a number of @base 10 or 16 (then with 0x), with zeros in front up to @width digits. */
void wm_last_words_add_number(struct wm_last_words *w, uint64_t value, unsigned base,
			      unsigned width);
/* Adds seconds since 1970 as "2026-11-22T05:29:21Z", or with @compact as "20261122T052921Z". */
void wm_last_words_add_time(struct wm_last_words *w, int64_t seconds, int compact);
/* Writes what was added so far. */
void wm_last_words_flush(struct wm_last_words *w);
