#include "conf/conf.h"
#include <ctype.h>
#include <string.h>

#define NAME_MAX_LEN 96

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein's distance; letters of either case are alike. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
	size_t row[NAME_MAX_LEN + 1];
	for (size_t j = 0; j <= n_b; j++)
		row[j] = j;
	for (size_t i = 1; i <= n_a; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			bool same = tolower((unsigned char)a[i - 1]) ==
				    tolower((unsigned char)b[j - 1]);
			size_t above = row[j];
			row[j] = smallest(above + 1, row[j - 1] + 1, diagonal + (same ? 0 : 1));
			diagonal = above;
		}
	}
	return row[n_b];
}

/* The part behind the last dot. */
static const char *last_word(const char *name)
{
	const char *dot = strrchr(name, '.');
	return dot != NULL ? dot + 1 : name;
}

/*
 * How far apart two names are: their distance, or 1 where only the sections differ, as when
 * somebody writes --node-id for --mesh.node-id.
 */
static size_t farness(const char *wrong, const char *name)
{
	size_t n_w = strlen(wrong), n_n = strlen(name);
	if (n_w > NAME_MAX_LEN || n_n > NAME_MAX_LEN)
		return SIZE_MAX;
	size_t d = distance(wrong, n_w, name, n_n);
	if (d > 1 && strchr(name, '.') != NULL && strcmp(last_word(wrong), last_word(name)) == 0)
		return 1;
	return d;
}

const char *wm_conf_nearest(const char *wrong, const char *const *names, size_t n)
{
	const char *best = NULL;
	size_t best_d = 2 + strlen(wrong) / 4;
	for (size_t i = 0; i < n; i++) {
		size_t d = farness(wrong, names[i]);
		if (d < best_d) {
			best = names[i];
			best_d = d;
		}
	}
	return best;
}
