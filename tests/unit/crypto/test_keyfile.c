#include "folder.h"
#include "crypto/keyfile.h"

#define PRIVATE_TEXT                                                                               \
	"CAUSQH4IMGF8Sn3oOSXfsmlFVrEpNsR3oOH+suFI7J2mD+59HtHo+uLEoUS4vo/UtHvz07NLhxw8rPYBDw5C1HT8" \
	"4n4="

static int open_folder(void **state)
{
	static struct folder f;

	folder_open(&f);
	*state = &f;
	return 0;
}

static int close_folder(void **state)
{
	folder_close(*state);
	return 0;
}

static void test_make_and_read_again(void **state)
{
	const char *path = in_folder(*state, "key");
	struct wm_key a = {0}, b = {0};
	struct wm_err err;
	struct stat st;
	bool created = false;

	assert_int_equal(wm_keyfile_read(path, &a, &err), WM_NOT_FOUND);
	assert_non_null(strstr(err.text, path));
	assert_int_equal(wm_keyfile_ensure(path, &a, &created, &err), 0);
	assert_true(created);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 93);
	assert_int_equal(wm_keyfile_ensure(path, &b, &created, &err), 0);
	assert_false(created);
	assert_true(wm_secret_equal(&a.secret, &b.secret));
	/* A key that is there is never replaced, and nothing is left beside it. */
	assert_int_equal(wm_keyfile_create(path, &a, &err), WM_ALREADY_EXISTS);
	assert_int_equal(count_names(((struct folder *)*state)->path), 1);
}

static void test_white_space(void **state)
{
	const char *path = in_folder(*state, "key");
	struct wm_key k = {0};
	char text[WM_KEY_TEXT];

	write_file(path, "\n\t " PRIVATE_TEXT " \r\n\n", 0600);
	assert_int_equal(wm_keyfile_read(path, &k, NULL), 0);
	assert_string_equal(wm_key_format_private(&k, text), PRIVATE_TEXT);
}

static void refuse(const char *path, const char *text, const char *why)
{
	struct wm_key k = {0};
	struct wm_err err;

	write_file(path, text, 0600);
	assert_int_equal(wm_keyfile_read(path, &k, &err), WM_INVALID_ARGUMENT);
	assert_ptr_equal(strstr(err.text, path), err.text);
	assert_non_null(strstr(err.text, why));
	assert_int_equal(wm_keyfile_ensure(path, &k, NULL, &err), WM_INVALID_ARGUMENT);
	assert_true(wm_secret_is_empty(&k.secret));
}

static void test_not_a_key(void **state)
{
	const char *path = in_folder(*state, "key");
	static char big[3000];

	refuse(path, "", "empty");
	refuse(path, " \n ", "empty");
	refuse(path, "hello", "not a webmesh private key: 5 characters, not 92");
	refuse(path, PRIVATE_TEXT " " PRIVATE_TEXT, "185 characters");
	memset(big, 'A', sizeof(big) - 1);
	refuse(path, big, "too long");
}

static void test_open_to_others(void **state)
{
	static const mode_t modes[] = {0644, 0640, 0604, 0620, 0660, 0666};
	const char *path = in_folder(*state, "key");
	struct wm_key k = {0};
	struct wm_err err;
	char remedy[200];

	snprintf(remedy, sizeof(remedy), "chmod 600 %s", path);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_file(path, PRIVATE_TEXT, modes[i]);
		assert_int_equal(wm_keyfile_read(path, &k, &err), WM_PERMISSION_DENIED);
		assert_non_null(strstr(err.text, remedy));
	}
	write_file(path, PRIVATE_TEXT, 0400);
	assert_int_equal(wm_keyfile_read(path, &k, &err), 0);
}

static void test_places_that_are_no_files(void **state)
{
	struct folder *f = *state;
	const char *fifo = in_folder(f, "fifo");
	struct wm_key k = {0};
	struct wm_err err;

	assert_int_equal(wm_keyfile_read(f->path, &k, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "is a directory"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(wm_keyfile_read(fifo, &k, &err), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "regular file"));
	assert_int_equal(wm_keyfile_ensure(in_folder(f, "no/such/key"), &k, NULL, &err),
			 WM_NOT_FOUND);
	assert_true(wm_secret_is_empty(&k.secret));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_make_and_read_again, open_folder,
						close_folder),
		cmocka_unit_test_setup_teardown(test_white_space, open_folder, close_folder),
		cmocka_unit_test_setup_teardown(test_not_a_key, open_folder, close_folder),
		cmocka_unit_test_setup_teardown(test_open_to_others, open_folder, close_folder),
		cmocka_unit_test_setup_teardown(test_places_that_are_no_files, open_folder,
						close_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
