/* The last view on disk: comes back as it was, and only to the node and key it belongs to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/lastview.h"

static char folder[64], file[96];
static struct wm_last_view at = {.folder = folder, .node_id = "beta", .public_key = "KEY"};

static int load(const struct wm_last_view *from, struct wm_arena *arena, V1__JoinResponse **out)
{
	int64_t age = -1;
	struct wm_err err;
	int rc = wm_last_view_load(from, arena, out, &age, &err);
	if (rc == 0)
		assert_true(age >= 0 && age < INT64_C(60000000000));
	return rc;
}

static void save(char *address)
{
	struct wm_err err;
	V1__JoinResponse view = V1__JOIN_RESPONSE__INIT;
	view.addressipv4 = address;
	if (wm_last_view_save(&at, &view, &err) != 0)
		fail_msg("%s", err.text);
}

static void test_comes_back(void **state)
{
	struct wm_arena arena;
	V1__JoinResponse *view;
	struct stat st;
	char one[] = "172.16.0.2/32", two[] = "172.16.0.9/32";
	wm_arena_init(&arena, 0);
	assert_int_equal(load(&at, &arena, &view), WM_NOT_FOUND);
	save(one);
	save(two);
	assert_int_equal(load(&at, &arena, &view), 0);
	assert_string_equal(view->addressipv4, two);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	wm_last_view_forget(&at);
	assert_int_equal(load(&at, &arena, &view), WM_NOT_FOUND);
	wm_arena_fini(&arena);
}

static void test_belongs_to_id_and_key(void **state)
{
	struct wm_arena arena;
	V1__JoinResponse *view;
	char one[] = "172.16.0.2/32";
	struct wm_last_view other_id = at, other_key = at;
	other_id.node_id = "bet";
	other_key.public_key = "KEX";
	wm_arena_init(&arena, 0);
	save(one);
	assert_int_equal(load(&other_id, &arena, &view), WM_NOT_FOUND);
	assert_int_equal(load(&other_key, &arena, &view), WM_NOT_FOUND);
	wm_arena_fini(&arena);
}

static void test_damage(void **state)
{
	struct wm_arena arena;
	V1__JoinResponse *view;
	char one[] = "172.16.0.2/32";
	wm_arena_init(&arena, 0);
	save(one);
	/* Cut at each byte: either absent or malformed, never taken for a view. */
	struct stat st;
	assert_int_equal(stat(file, &st), 0);
	for (off_t size = st.st_size - 1; size >= 0; size--) {
		assert_int_equal(truncate(file, size), 0);
		assert_true(load(&at, &arena, &view) < 0);
	}
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(load(&at, &arena, &view), WM_PERMISSION_DENIED);
	unlink(file);
	wm_arena_fini(&arena);
}

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/wm-test-view-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/last-view", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(file);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_back),
		cmocka_unit_test(test_belongs_to_id_and_key),
		cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
