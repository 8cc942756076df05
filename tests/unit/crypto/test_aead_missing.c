/*
 * The fast cipher's library is not there, or is another than it is taken for: argv[1] says what
 * dlopen finds. A process looks once: one run for each.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "crypto/aead.h"

static const char *found; /* "nothing", or a library without those functions: "another" */
static unsigned opened, closed;

void *__wrap_dlopen(const char *file, int flags);
void *__wrap_dlsym(void *handle, const char *name);
int __wrap_dlclose(void *handle);
void *__real_dlopen(const char *file, int flags);
void *__real_dlsym(void *handle, const char *name);
int __real_dlclose(void *handle);

/* All but that library is left alone: a sanitizer inside the program asks as well. */
void *__wrap_dlopen(const char *file, int flags)
{
	if (file == NULL || strstr(file, "IPSec_MB") == NULL)
		return __real_dlopen(file, flags);
	opened++;
	return strcmp(found, "another") == 0 ? &opened : NULL;
}

void *__wrap_dlsym(void *handle, const char *name)
{
	return handle == &opened ? NULL : __real_dlsym(handle, name);
}

int __wrap_dlclose(void *handle)
{
	closed += handle == &opened;
	return handle == &opened ? 0 : __real_dlclose(handle);
}

static void test_the_work_is_done_without_it(void **state)
{
	uint8_t key[WM_AEAD_KEY] = {1}, nonce[WM_AEAD_NONCE] = {2}, out[5 + WM_AEAD_TAG], back[5];
	struct wm_aead a;
	const struct wm_aead_provider *p = wm_aead_provider_bulk();
	assert_string_equal(p->name, "openssl");
	assert_ptr_equal(wm_aead_provider_bulk(), p);
	assert_null(wm_aead_provider_find("ipsec-mb"));
	assert_true(opened <= 1); /* none where it is not built in, or this CPU has no use for it */
	assert_int_equal(closed, strcmp(found, "another") == 0 ? opened : 0);
	wm_aead_init_with(p, &a, key);
	wm_aead_seal(&a, nonce, NULL, 0, "hello", 5, out);
	assert_true(wm_aead_open(&a, nonce, NULL, 0, out, sizeof(out), back));
	assert_memory_equal(back, "hello", 5);
	wm_aead_fini(&a);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_work_is_done_without_it)};
	found = argc > 1 ? argv[1] : "nothing";
	return cmocka_run_group_tests_name("crypto/aead_missing", tests, NULL, NULL);
}
