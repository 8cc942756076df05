/* wmctl's configuration file and the flags over it. (What bad files say: tests/cli.) */
#include "base/mem.h"
#include "conf/yaml.h"
#include "programs/wmctl/context.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char text[] = "current-context: a\n"
			   "contexts:\n"
			   "- {name: a, context: {cluster: c, user: u}}\n"
			   "- {name: b, context: {cluster: d}}\n"
			   "- {name: empty}\n"
			   "clusters:\n"
			   "- name: c\n"
			   "  cluster:\n"
			   "    server: c:1\n"
			   "    tls-verify-chain-only: true\n"
			   "    certificate-authority-data: Y2E=\n"
			   "    request-timeout: 3s\n"
			   "    connect-timeout: 1s\n"
			   "- {name: d, cluster: {server: 'd:2', insecure: true}}\n"
			   "users:\n"
			   "- {name: u, user: {client-certificate-data: Y2VydA==, "
			   "client-key-data: a2V5}}\n";

static struct wm_arena arena;
static struct wm_ctl_target target;
static struct wm_buf notes;
static struct wm_err err;

static int setup(void **state)
{
	wm_arena_init(&arena, 0);
	memset(&target, 0, sizeof(target));
	return 0;
}

static int teardown(void **state)
{
	wm_buf_fini(&notes);
	wm_arena_fini(&arena);
	return 0;
}

static int read_text(const char *name)
{
	struct wm_conf_node *root;
	assert_int_equal(wm_conf_yaml_parse(&arena, "f", text, strlen(text), &root, &err), 0);
	return wm_ctl_context_read(&arena, root, name, &target, &notes, &err);
}

static void test_current_context(void **state)
{
	assert_int_equal(read_text(NULL), 0);
	assert_string_equal(target.server, "c:1");
	assert_true(target.verify_chain_only);
	assert_false(target.insecure);
	assert_string_equal(target.ca.data, "Y2E=");
	assert_string_equal(target.cert.data, "Y2VydA==");
	assert_string_equal(target.key.data, "a2V5");
	assert_int_equal(target.request_timeout_ns, 3000000000);
	assert_int_equal(target.connect_timeout_ns, 1000000000);
	assert_int_equal(notes.len, 0);
}

static void test_other_contexts(void **state)
{
	assert_int_equal(read_text("b"), 0);
	assert_string_equal(target.server, "d:2");
	assert_true(target.insecure);
	assert_null(target.cert.data);
	memset(&target, 0, sizeof(target));
	assert_int_equal(read_text("empty"), 0);
	assert_null(target.server);
	assert_int_equal(read_text("x"), WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, "f: no context is called \"x\" (there is: a, b, empty)");
}

/* Loads with these flags and a file of this mode at $WMCTL_CONFIG. */
static void load(char *const *argv, int argc, mode_t mode, void (*check)(void))
{
	char path[64];
	snprintf(path, sizeof(path), "/tmp/wm-ctl-%d.yaml", (int)getpid());
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, mode);
	setenv("WMCTL_CONFIG", path, 1);
	struct wm_conf *conf = wm_conf_new(wm_ctl_options_table(), WM_CTL_ONLINE);
	assert_int_equal(wm_conf_load(conf, argc, argv, NULL, &err), 0);
	assert_int_equal(
		wm_ctl_context_load(&arena, conf, wm_conf_values(conf), &target, &notes, &err), 0);
	check();
	wm_conf_free(conf);
	unlink(path);
}

static void check_flags_won(void)
{
	assert_string_equal(target.server, "x:9");
	assert_string_equal(target.origin, "--server");
	assert_false(target.verify_chain_only);
	assert_true(target.prefer_leader);
	assert_string_equal(target.ca.file, "my.crt");
	assert_null(target.ca.data);
	assert_string_equal(target.cert.data, "Y2VydA==");
	assert_int_equal(target.request_timeout_ns, 7000000000);
	assert_int_equal(notes.len, 0);
}

static void test_flags_win(void **state)
{
	char *argv[] = {(char[]){"wmctl"},
			(char[]){"--server"},
			(char[]){"x:9"},
			(char[]){"--tls-verify-chain-only=false"},
			(char[]){"--timeout=7s"},
			(char[]){"--certificate-authority=my.crt"},
			(char[]){"--prefer-leader"}};
	load(argv, 7, 0600, check_flags_won);
}

static void check_file_stays(void)
{
	assert_string_equal(target.server, "c:1");
	assert_true(target.verify_chain_only);
	assert_int_equal(target.request_timeout_ns, 3000000000);
	assert_non_null(strstr(wm_buf_str(&notes), "others may read it; chmod 600"));
}

static void test_defaults_do_not_win(void **state)
{
	char *argv[] = {(char[]){"wmctl"}};
	load(argv, 1, 0644, check_file_stays);
}

static void test_without_a_file(void **state)
{
	unsetenv("WMCTL_CONFIG");
	setenv("HOME", "/nowhere", 1);
	struct wm_conf *conf = wm_conf_new(wm_ctl_options_table(), WM_CTL_ONLINE);
	assert_int_equal(wm_conf_load(conf, 0, NULL, NULL, &err), 0);
	assert_int_equal(
		wm_ctl_context_load(&arena, conf, wm_conf_values(conf), &target, &notes, &err), 0);
	assert_string_equal(target.server, "localhost:8443");
	assert_string_equal(target.origin, "the default (see --server)");
	assert_int_equal(target.request_timeout_ns, 10000000000);
	wm_conf_free(conf);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_current_context),     TEST(test_other_contexts), TEST(test_flags_win),
		TEST(test_defaults_do_not_win), TEST(test_without_a_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
