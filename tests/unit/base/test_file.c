/* Files that are whole or not there, and folders with what is missing above them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char folder[64];

static const char *in_folder(const char *name)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void expect_content(const char *path, const char *text)
{
	struct wm_buf b = {0};
	assert_int_equal(wm_file_read(path, 100, false, &b, NULL), 0);
	assert_string_equal(wm_buf_str(&b), text);
	wm_buf_fini(&b);
}

static unsigned count_files(void)
{
	char command[128], line[32] = "";
	snprintf(command, sizeof(command), "ls -A %s | wc -l", folder);
	FILE *p = popen(command, "r");
	assert_non_null(p);
	assert_non_null(fgets(line, sizeof(line), p));
	pclose(p);
	return (unsigned)atoi(line);
}

static void test_publish_leaves_what_exists_alone(void **state)
{
	struct wm_err err;
	struct stat st;
	const char *path = in_folder("one");
	assert_int_equal(wm_file_publish(path, 0600, "a", 1, &err), 0);
	assert_int_equal(wm_file_publish(path, 0600, "b", 1, &err), WM_ALREADY_EXISTS);
	assert_non_null(strstr(err.text, path));
	expect_content(path, "a");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(count_files(), 1); /* nothing was left aside */
}

/* A key in a file that nobody knows of would be found by somebody else. */
static void test_killed_while_publishing(void **state)
{
	const char *path = in_folder("half");
	unsigned before = count_files();
	for (int i = 0; i < 100; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		while (child == 0) {
			if (wm_file_publish(path, 0600, "whole", 5, NULL) != 0)
				_exit(1);
			unlink(path);
		}
		usleep((useconds_t)(i * 37));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, NULL, 0), child);
		if (access(path, F_OK) == 0)
			expect_content(path, "whole");
		unlink(path);
	}
	assert_int_equal(count_files(), before);
}

static void test_replace_takes_its_place(void **state)
{
	const char *path = in_folder("two");
	assert_int_equal(wm_file_replace(path, 0600, "old", 3, NULL), 0);
	assert_int_equal(wm_file_replace(path, 0600, "new one", 7, NULL), 0);
	expect_content(path, "new one");
	assert_int_equal(wm_file_replace(in_folder("none/x"), 0600, "", 0, NULL), WM_NOT_FOUND);
	assert_int_equal(count_files(), 2);
}

static void test_read_is_bounded(void **state)
{
	struct wm_buf b = {0};
	struct wm_err err;
	const char *path = in_folder("three");
	assert_int_equal(wm_file_replace(path, 0644, "12345", 5, NULL), 0);
	assert_int_equal(wm_file_read(path, 5, false, &b, &err), 0);
	assert_int_equal(wm_file_read(path, 4, false, &b, &err), WM_RESOURCE_EXHAUSTED);
	assert_int_equal(wm_file_read(path, 5, true, &b, &err), WM_PERMISSION_DENIED);
	assert_non_null(strstr(err.text, "chmod 600"));
	assert_int_equal(wm_file_read(folder, 5, false, &b, &err), WM_INVALID_ARGUMENT);
	wm_buf_fini(&b);
}

static void test_what_may_wait(void **state)
{
	struct wm_err err;
	char text[300], link[300];
	const char *path = in_folder("pipe");
	assert_int_equal(wm_file_refuse_waiting(path, &err), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(wm_file_refuse_waiting(path, &err), WM_INVALID_ARGUMENT);
	(void)snprintf(text, sizeof(text), "%s: is not a regular file", path);
	assert_string_equal(err.text, text);
	(void)snprintf(link, sizeof(link), "%s.link", path);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(wm_file_refuse_waiting(link, NULL), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_file_refuse_waiting("/dev/null", NULL), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_file_refuse_waiting(folder, NULL), 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(unlink(path), 0);
	path = in_folder("plain");
	assert_int_equal(wm_file_replace(path, 0644, "x", 1, NULL), 0);
	assert_int_equal(wm_file_refuse_waiting(path, &err), 0);
	assert_int_equal(unlink(path), 0);
}

static void test_folders(void **state)
{
	struct stat st;
	char path[256];
	snprintf(path, sizeof(path), "%s", in_folder("a/b/c"));
	assert_int_equal(wm_folder_make(path, NULL), 0);
	assert_int_equal(wm_folder_make(path, NULL), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(wm_folder_make("", NULL), WM_INVALID_ARGUMENT);
	assert_int_equal(wm_folder_make(in_folder("three"), NULL), WM_FAILED_PRECONDITION);
	assert_true(wm_folder_make(in_folder("three/x"), NULL) < 0);
}

/* What is made aside gets its name whole, and never that of somebody else. */
static void test_publish_a_folder(void **state)
{
	char aside[256], path[256], inside[512];
	struct wm_err err;
	snprintf(aside, sizeof(aside), "%s", in_folder("aside"));
	snprintf(path, sizeof(path), "%s", in_folder("published"));
	snprintf(inside, sizeof(inside), "%s/f", path);
	assert_false(wm_path_exists(aside));
	assert_int_equal(wm_folder_create(aside, NULL), 0);
	assert_int_equal(wm_folder_create(aside, NULL), WM_ALREADY_EXISTS);
	assert_int_equal(wm_folder_create(in_folder("none/x"), NULL), WM_NOT_FOUND);
	assert_int_equal(wm_folder_publish(aside, path, NULL), 0);
	assert_false(wm_path_exists(aside));
	assert_int_equal(wm_file_create(inside, 0600, "1", 1, NULL), 0);
	assert_int_equal(wm_folder_create(aside, NULL), 0);
	assert_int_equal(wm_folder_publish(aside, path, &err), WM_ALREADY_EXISTS);
	assert_non_null(strstr(err.text, "published: exists already"));
	expect_content(inside, "1");
	assert_int_equal(wm_folder_publish(aside, in_folder("three"), NULL), WM_ALREADY_EXISTS);
	wm_folder_remove(path); /* not empty: stays */
	assert_true(wm_path_exists(inside));
	wm_file_remove(inside);
	wm_file_remove(inside);
	wm_folder_remove(path);
	assert_false(wm_path_exists(path));
}

static void test_links_to_nowhere_exist(void **state)
{
	char path[256];
	snprintf(path, sizeof(path), "%s", in_folder("dangling"));
	assert_int_equal(symlink("nowhere", path), 0);
	assert_true(wm_path_exists(path));
	wm_file_remove(path);
	assert_false(wm_path_exists(path));
}

static int make_folder(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/wm-test-file-XXXXXX");
	umask(022);
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_publish_leaves_what_exists_alone),
		cmocka_unit_test(test_killed_while_publishing),
		cmocka_unit_test(test_replace_takes_its_place),
		cmocka_unit_test(test_read_is_bounded),
		cmocka_unit_test(test_what_may_wait),
		cmocka_unit_test(test_folders),
		cmocka_unit_test(test_publish_a_folder),
		cmocka_unit_test(test_links_to_nowhere_exist),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
