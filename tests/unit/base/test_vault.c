/* Where keys live: what the system says of the pages, and what stays of what was freed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vault.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

/* The VmFlags of the page at @p; "" when nothing is mapped there. */
static const char *flags_of(const void *p)
{
	static char line[512];
	bool is_it = false;
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long from, to;

		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			is_it = (uintptr_t)p >= from && (uintptr_t)p < to;
		else if (is_it && strncmp(line, "VmFlags:", 8) == 0)
			break;
	}
	fclose(f);
	return is_it ? line + 8 : "";
}

static bool has_flag(const void *p, const char *flag)
{
	char wanted[8];

	snprintf(wanted, sizeof(wanted), " %s ", flag);
	return strstr(flags_of(p), wanted) != NULL;
}

static void check_pages(const void *p)
{
	assert_true(has_flag(p, "rd") && has_flag(p, "wr"));
	assert_true(has_flag(p, "dd")); /* not in a dump */
	assert_true(has_flag(p, "dc")); /* not in a child */
	assert_true(has_flag(p, "lo")); /* not in the swap */
}

static void test_the_pages_of_small_and_large(void **state)
{
	static const size_t sizes[] = {0, 1, 64, 65, 4096, 4097, 65536, 200000};

	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++) {
		uint8_t *p = wm_vault_alloc(sizes[i]);

		assert_int_equal((uintptr_t)p % WM_VAULT_ALIGN, 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xa5, sizes[i]);
		check_pages(p);
		if (sizes[i] > 0)
			check_pages(p + sizes[i] - 1);
		wm_vault_free(p);
	}
	wm_vault_free(NULL);
}

static void test_nobody_may_touch_what_is_around(void **state)
{
	uint8_t *p = wm_vault_alloc(100000), *chunk = p - (uintptr_t)p % WM_VAULT_CHUNK;

	assert_true(has_flag(chunk, "rd"));
	assert_false(has_flag(chunk - 1, "rd"));
	assert_false(has_flag(chunk + 2 * WM_VAULT_CHUNK, "rd"));
	assert_string_not_equal(flags_of(chunk - 1), "");
	assert_string_not_equal(flags_of(chunk + 2 * WM_VAULT_CHUNK), "");
	wm_vault_free(p);
}

/* The neighbour keeps the chunk, so that one can look. */
static void test_what_is_freed_is_wiped(void **state)
{
	char *neighbour = wm_vault_alloc(96), *p = wm_vault_strdup("the quick brown fox");
	volatile char *gone;

	wm_vault_free(p);
	p = wm_vault_memdup("key of 96 bytes, of which these are the first..................."
			    "................................",
			    96);
	gone = p;
	assert_int_not_equal(gone[95], 0);
	wm_vault_free(p);
	/* The first bytes point to the next free slot. */
	for (size_t i = sizeof(void *); i < 96; i++)
		assert_int_equal(gone[i], 0);
	p = wm_vault_alloc(90);
	assert_ptr_equal(p, gone);
	for (size_t i = 0; i < 96; i++)
		assert_int_equal(gone[i], 0);
	wm_vault_free(p);
	wm_vault_free(neighbour);
}

static void test_many_come_and_go(void **state)
{
	enum { N = 3000 };
	static struct {
		uint8_t *p;
		size_t size;
	} held[N];
	size_t before = wm_vault_use().bytes;
	unsigned dice = 7;

	for (unsigned i = 0; i < 60000; i++) {
		dice = dice * 1103515245 + 12345;
		unsigned at = (dice >> 8) % N;

		if (held[at].p != NULL) {
			for (size_t k = 0; k < held[at].size; k++)
				assert_int_equal(held[at].p[k], at & 255);
			wm_vault_free(held[at].p);
			held[at].p = NULL;
			continue;
		}
		held[at].size = (dice >> 16) % 700;
		held[at].p = wm_vault_alloc(held[at].size);
		for (size_t k = 0; k < held[at].size; k++)
			assert_int_equal(held[at].p[k], 0);
		memset(held[at].p, (int)(at & 255), held[at].size);
	}
	assert_true(wm_vault_use().bytes > before);
	for (unsigned i = 0; i < N; i++)
		wm_vault_free(held[i].p);
	/* One chunk of each of eleven sizes may stay for the next. */
	assert_true(wm_vault_use().bytes <= before + 11 * WM_VAULT_CHUNK);
}

static void *come_and_go(void *arg)
{
	for (unsigned i = 0; i < 2000; i++) {
		uint8_t *p = wm_vault_alloc(200);

		assert_int_equal(p[0] | p[199], 0);
		memset(p, 0xff, 200);
		wm_vault_free(p);
	}
	return NULL;
}

static void test_threads(void **state)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, come_and_go, NULL), 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
}

#ifndef HAS_SANITIZER /* with one, locking does nothing and succeeds */
/* Without it keys are still in no dump; the count says that they may be swapped out. */
static void test_without_the_right_to_lock(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		const struct rlimit none = {0, 0};
		void *p;

		/* The superuser may lock what it likes. */
		if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
			_exit(2);
		p = wm_vault_alloc(70000);
		memset(p, 1, 70000);
		_exit(wm_vault_use().unlocked >= 70000 && has_flag(p, "dd") ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void test_a_child_does_not_have_it(void **state)
{
	volatile char *p = wm_vault_strdup("secret");
	pid_t child = fork();
	int status;

	if (child == 0) {
		(void)*p;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_string_equal((const char *)(uintptr_t)p, "secret");
	wm_vault_free((char *)(uintptr_t)p);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_pages_of_small_and_large),
		cmocka_unit_test(test_nobody_may_touch_what_is_around),
		cmocka_unit_test(test_what_is_freed_is_wiped),
		cmocka_unit_test(test_many_come_and_go),
		cmocka_unit_test(test_threads),
#ifndef HAS_SANITIZER
		cmocka_unit_test(test_without_the_right_to_lock),
		cmocka_unit_test(test_a_child_does_not_have_it),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
