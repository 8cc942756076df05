#include "crypto/secret.h"
#include <assert.h>
#include <string.h>
#include "base/mem.h"
#include "base/rand.h"

void wm_secret_set(struct wm_secret *s, const void *p, size_t n)
{
	assert(n <= WM_SECRET_MAX);
	wm_secret_fini(s);
	if (n > 0)
		memcpy(s->bytes, p, n);
	s->size = n;
}

void wm_secret_generate(struct wm_secret *s, size_t n)
{
	assert(n <= WM_SECRET_MAX);
	wm_secret_fini(s);
	wm_rand_bytes(s->bytes, n);
	s->size = n;
}

void wm_secret_fini(struct wm_secret *s)
{
	wm_wipe(s, sizeof(*s));
}

bool wm_secret_equal(const struct wm_secret *a, const struct wm_secret *b)
{
	return a->size == b->size && wm_equal_secret(a->bytes, b->bytes, a->size);
}

bool wm_secret_is_empty(const struct wm_secret *s)
{
	return s->size == 0;
}
