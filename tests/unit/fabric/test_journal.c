/* The journal: what is noted before it is done, given back at the end, and found after a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <dirent.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fabric/journal.h"
#include "folder.h"
#include "platform/fake/host.h"
#include "platform/net.h"

#define IP4 "net/ipv4/ip_forward"
#define IP6 "net/ipv6/conf/all/forwarding"
#define RA  "net/ipv6/conf/eth0/accept_ra"

static char folder[64];
static char run_dir[80];
static struct wm_net *net;

static int setup(void **state)
{
	folder_make(folder);
	snprintf(run_dir, sizeof(run_dir), "%s/run/webmesh", folder);
	wm_fake_reset();
	return wm_net_open(&net, NULL);
}

static int teardown(void **state)
{
	wm_net_close(net);
	wm_fake_fini();
	folder_remove(folder);
	return 0;
}

static struct wm_journal *open_journal(const char *name)
{
	struct wm_journal *j = NULL;
	struct wm_err err;

	if (wm_journal_open(net, NULL, run_dir, name, &j, &err) != 0)
		fail_msg("%s", err.text);
	return j;
}

static unsigned count_files(void)
{
	DIR *d = opendir(run_dir);
	struct dirent *e;
	unsigned n = 0;

	while ((e = readdir(d)) != NULL)
		n += strstr(e->d_name, ".journal") != NULL;
	closedir(d);
	return n;
}

/* Does @deeds in another process that then dies without a word; its settings must be made good
 * here. */
static void crash(void (*deeds)(struct wm_journal *j), const char *name)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		deeds(open_journal(name));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void forward_v4(struct wm_journal *j)
{
	if (wm_journal_forward(j, WM_FORWARDING_V4, NULL) != 0)
		_exit(1);
}

static void forward_both(struct wm_journal *j)
{
	forward_v4(j);
	if (wm_journal_forward(j, WM_FORWARDING_V6, NULL) != 0)
		_exit(1);
}

static void test_on_and_off(void **state)
{
	char *before, *after;
	struct wm_journal *j;

	wm_fake_set("net/ipv4/conf/eth0/forwarding", "1");
	wm_fake_set("net/ipv4/conf/all/accept_redirects", "0");
	before = wm_fake_text();
	j = open_journal("wm0");
	assert_int_equal(count_files(), 0);
	assert_int_equal(wm_journal_forward(j, WM_FORWARDING_V4, NULL), 0);
	assert_int_equal(wm_journal_forward(j, WM_FORWARDING_V6, NULL), 0);
	assert_int_equal(wm_journal_forward(j, WM_FORWARDING_V6, NULL), 0);
	assert_int_equal(count_files(), 1);
	assert_string_equal(wm_fake_get(IP4), "1");
	assert_string_equal(wm_fake_get(IP6), "1");
	/* Router advertisements go on being heard, and were before the switch. */
	assert_string_equal(wm_fake_get(RA), "2");
	assert_true(strstr(wm_fake_log(), RA "=2") < strstr(wm_fake_log(), IP6 "=1"));
	assert_int_equal(wm_journal_unforward(j, WM_FORWARDING_V4, NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "0");
	assert_string_equal(wm_fake_get(IP6), "1");
	assert_int_equal(wm_journal_close(j, NULL), 0);
	after = wm_fake_text();
	assert_string_equal(after, before);
	assert_int_equal(count_files(), 0);
	wm_free(before);
	wm_free(after);
}

static void test_host_forwards_anyway(void **state)
{
	struct wm_journal *j;

	wm_fake_set(IP4, "1");
	j = open_journal("wm0");
	assert_int_equal(wm_journal_forward(j, WM_FORWARDING_V4, NULL), 0);
	assert_int_equal(count_files(), 0);
	assert_int_equal(wm_journal_close(j, NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "1");
}

static void test_changed_by_others(void **state)
{
	struct wm_journal *j = open_journal("wm0");

	assert_int_equal(wm_journal_forward(j, WM_FORWARDING_V6, NULL), 0);
	wm_fake_set(RA, "0"); /* somebody wants none */
	assert_int_equal(wm_journal_close(j, NULL), 0);
	assert_string_equal(wm_fake_get(RA), "0");
	assert_string_equal(wm_fake_get(IP6), "0");
}

static void test_two_in_one_network(void **state)
{
	struct wm_journal *a = open_journal("wm0"), *b = open_journal("wm1");

	assert_int_equal(wm_journal_forward(a, WM_FORWARDING_V4, NULL), 0);
	assert_int_equal(wm_journal_forward(b, WM_FORWARDING_V4, NULL), 0);
	assert_int_equal(count_files(), 2);
	assert_int_equal(wm_journal_close(a, NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "1"); /* b needs it */
	assert_int_equal(wm_journal_close(b, NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "0");
	assert_int_equal(count_files(), 0);
}

static void test_crash(void **state)
{
	char *before = wm_fake_text(), *after;

	crash(forward_both, "wm0");
	assert_int_equal(count_files(), 1);
	wm_fake_set(IP4, "1");
	wm_fake_set(IP6, "1");
	wm_fake_set(RA, "2");
	wm_fake_set("net/ipv6/conf/default/accept_ra", "2");
	assert_int_equal(wm_journal_close(open_journal("wm5"), NULL), 0);
	after = wm_fake_text();
	assert_string_equal(after, before);
	assert_int_equal(count_files(), 0);
	wm_free(before);
	wm_free(after);
}

static void test_crash_of_one_of_two(void **state)
{
	struct wm_journal *b;

	crash(forward_v4, "wm0");
	wm_fake_set(IP4, "1");
	/* The survivor needs it: recovery must leave it on, and the end must still turn it off. */
	b = open_journal("wm0");
	assert_string_equal(wm_fake_get(IP4), "0");
	assert_int_equal(wm_journal_forward(b, WM_FORWARDING_V4, NULL), 0);
	crash(forward_v4, "wm1");
	assert_int_equal(count_files(), 2);
	assert_int_equal(wm_journal_close(open_journal("wm2"), NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "1");
	assert_int_equal(count_files(), 1);
	assert_int_equal(wm_journal_close(b, NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "0");
}

static void test_crash_that_cannot_be_undone(void **state)
{
	struct wm_journal *j;

	crash(forward_v4, "wm0");
	wm_fake_set(IP4, "1");
	wm_fake_refuse("sysctl " IP4);
	j = open_journal("wm0");
	assert_int_equal(count_files(), 1);
	wm_fake_refuse(NULL);
	/* It is ours now: the end makes it good. */
	assert_int_equal(wm_journal_close(j, NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "0");
	assert_int_equal(count_files(), 0);
}

static void test_name_in_use(void **state)
{
	struct wm_journal *a = open_journal("wm0"), *b;
	struct wm_err err;

	assert_int_equal(wm_journal_forward(a, WM_FORWARDING_V4, NULL), 0);
	assert_int_equal(wm_journal_open(net, NULL, run_dir, "wm0", &b, &err), WM_ALREADY_EXISTS);
	assert_int_equal(wm_journal_close(a, NULL), 0);
}

static void note_link_and_route(struct wm_journal *j)
{
	struct wm_route r = {.link = 2};

	if (!wm_prefix_parse("10.0.0.0/8", &r.dst) ||
	    wm_journal_note_link(j, 7, "wm0", NULL) != 0 || wm_journal_note_route(j, &r, NULL) != 0)
		_exit(1);
}

static void test_link_and_route(void **state)
{
	struct wm_route r = {.link = 2};
	char *before = wm_fake_text(), *after;

	assert_true(wm_prefix_parse("10.0.0.0/8", &r.dst));
	crash(note_link_and_route, "wm0");
	wm_fake_add_link(7, "wm0", 0);
	assert_int_equal(wm_route_add(net, &r, NULL), 0);
	assert_int_equal(wm_journal_close(open_journal("wm0"), NULL), 0);
	after = wm_fake_text();
	assert_string_equal(after, before);
	wm_free(before);
	wm_free(after);
}

/* Before there is an interface of ours; what the living have noted stays. */
static void test_sweep(void **state)
{
	struct wm_route r = {.link = 2};
	char *before = wm_fake_text(), *after;
	struct wm_journal *alive;

	assert_true(wm_prefix_parse("10.0.0.0/8", &r.dst));
	crash(note_link_and_route, "wm0");
	wm_fake_add_link(7, "wm0", 0);
	assert_int_equal(wm_route_add(net, &r, NULL), 0);
	assert_int_equal(wm_journal_sweep(NULL, run_dir, NULL), 0);
	after = wm_fake_text();
	assert_string_equal(after, before);
	wm_free(before);
	wm_free(after);
	assert_int_equal(count_files(), 0);
	alive = open_journal("wm1");
	wm_fake_add_link(9, "wm1", 0);
	assert_int_equal(wm_journal_note_link(alive, 9, "wm1", NULL), 0);
	wm_fake_clear_log();
	assert_int_equal(wm_journal_sweep(NULL, run_dir, NULL), 0);
	assert_string_equal(wm_fake_log(), "");
	assert_int_equal(wm_journal_close(alive, NULL), 0);
	assert_string_equal(wm_fake_log(), "link remove 9\n");
}

static void test_link_of_others(void **state)
{
	crash(note_link_and_route, "wm0");
	wm_fake_add_link(8, "wm0", 0); /* the same name, another link */
	assert_int_equal(wm_journal_close(open_journal("wm0"), NULL), 0);
	assert_non_null(strstr(wm_fake_log(), "route remove"));
	assert_null(strstr(wm_fake_log(), "link remove"));
}

static void write_file(const char *name, const char *text)
{
	char path[160];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", run_dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_bad_and_void_files(void **state)
{
	assert_int_equal(wm_journal_close(open_journal("wm0"), NULL), 0);
	wm_fake_set(IP4, "1");
	write_file("1-a.journal", "rubbish");
	/* Of another boot: void. Of another network: not ours to mend. */
	write_file("1267-b.journal", "webmesh journal 1\nboot x\nnet 4711\nname b\n"
				     "sysctl net/ipv4/ip_forward 0 1\nend\n");
	assert_int_equal(wm_journal_close(open_journal("wm0"), NULL), 0);
	assert_string_equal(wm_fake_get(IP4), "1");
	assert_int_equal(count_files(), 1); /* 1-a.journal.bad */
}

static void test_folder_of_others(void **state)
{
	struct wm_journal *j;
	struct wm_err err;

	assert_int_equal(wm_journal_close(open_journal("wm0"), NULL), 0);
	assert_int_equal(chmod(run_dir, 0777), 0);
	assert_int_equal(wm_journal_open(net, NULL, run_dir, "wm0", &j, &err),
			 WM_FAILED_PRECONDITION);
	assert_non_null(strstr(err.text, "chmod"));
	assert_int_equal(wm_journal_open(net, NULL, "/proc/nowhere/x", "wm0", &j, &err),
			 WM_NOT_FOUND);
}

/* Every call fails once: afterwards nothing is left, at the latest with the next start. */
static void test_fail_at_each_call(void **state)
{
	bool failed = true;

	for (unsigned n = 1; failed; n++) {
		char *before = wm_fake_text(), *after;
		struct wm_journal *j = open_journal("wm0");

		wm_fake_fail_at(n);
		if (wm_journal_forward(j, WM_FORWARDING_V6, NULL) == 0)
			assert_string_equal(wm_fake_get(IP6), "1");
		(void)wm_journal_close(j, NULL);
		failed = wm_fake_has_failed();
		wm_fake_fail_at(0);
		assert_int_equal(wm_journal_close(open_journal("wm0"), NULL), 0);
		after = wm_fake_text();
		assert_string_equal(after, before);
		assert_int_equal(count_files(), 0);
		wm_free(before);
		wm_free(after);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_on_and_off),
		TEST(test_host_forwards_anyway),
		TEST(test_changed_by_others),
		TEST(test_two_in_one_network),
		TEST(test_crash),
		TEST(test_crash_of_one_of_two),
		TEST(test_crash_that_cannot_be_undone),
		TEST(test_name_in_use),
		TEST(test_link_and_route),
		TEST(test_sweep),
		TEST(test_link_of_others),
		TEST(test_bad_and_void_files),
		TEST(test_folder_of_others),
		TEST(test_fail_at_each_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
