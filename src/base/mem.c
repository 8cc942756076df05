#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* How many calls of wm_try_alloc remain until one fails; 0 = none will. */
static atomic_uint fail_in;

static void *or_abort(void *p)
{
	if (p == NULL)
		abort();
	return p;
}

void *wm_alloc(size_t size)
{
	return or_abort(calloc(1, size != 0 ? size : 1));
}

void *wm_calloc(size_t n, size_t size)
{
	if (n == 0 || size == 0)
		return wm_alloc(1);
	return or_abort(calloc(n, size));
}

void *wm_realloc(void *p, size_t size)
{
	return or_abort(realloc(p, size != 0 ? size : 1));
}

/* Windows keeps such memory in a heap of its own. */
#ifdef _WIN32
static void *allocate_aligned(size_t align, size_t size)
{
	return _aligned_malloc(size, align);
}

void wm_free_aligned(void *p)
{
	_aligned_free(p);
}
#else
static void *allocate_aligned(size_t align, size_t size)
{
	void *p;

	return posix_memalign(&p, align, size) == 0 ? p : NULL;
}

void wm_free_aligned(void *p)
{
	free(p);
}
#endif

void *wm_alloc_aligned(size_t align, size_t size)
{
	return memset(or_abort(allocate_aligned(align, size)), 0, size);
}

static bool is_failure_due(void)
{
	unsigned left = atomic_load(&fail_in);

	while (left != 0) {
		if (atomic_compare_exchange_weak(&fail_in, &left, left - 1))
			return left == 1;
	}
	return false;
}

void *wm_try_alloc(size_t size)
{
	if (is_failure_due())
		return NULL;
	return calloc(1, size != 0 ? size : 1);
}

void wm_try_alloc_fail_at(unsigned n)
{
	atomic_store(&fail_in, n);
}

char *wm_strdup(const char *s)
{
	return wm_memdup(s, strlen(s) + 1);
}

char *wm_strndup(const char *s, size_t n)
{
	size_t len = strnlen(s, n);
	char *copy = wm_alloc(len + 1);

	memcpy(copy, s, len);
	return copy;
}

void *wm_memdup(const void *p, size_t n)
{
	void *copy = wm_alloc(n);

	if (n != 0)
		memcpy(copy, p, n);
	return copy;
}

void wm_free(void *p)
{
	free(p);
}

void wm_autofree(void *pp)
{
	void *p;

	/* The variable has its own pointer type; copying its bytes keeps to the aliasing rules. */
	memcpy(&p, pp, sizeof(p));
	free(p);
}

void wm_wipe(void *p, size_t n)
{
	if (n == 0)
		return;
	memset(p, 0, n);
	/* The compiler must believe that somebody looks at the zeros. */
	__asm__ volatile("" : : "r"(p) : "memory");
}

#define STACK_BYTES 4096 /* deeper than what works on one key goes */

__attribute__((noinline)) void wm_wipe_stack(void)
{
	uint8_t below[STACK_BYTES];

	wm_wipe(below, sizeof(below));
}

bool wm_equal_secret(const void *a, const void *b, size_t n)
{
	const volatile uint8_t *x = a;
	const volatile uint8_t *y = b;
	uint8_t diff = 0;

	for (size_t i = 0; i < n; i++)
		diff = (uint8_t)(diff | (x[i] ^ y[i]));
	return diff == 0;
}
