/*
 * fabric_tool NAME FOLDER: a fabric over a real device, driven by lines on stdin, for
 * tests/net/test_fabric.py. Each line begins with a word:
 *     key PRIVATE PORT        of the device (as `wg` writes keys)
 *     addr PREFIX             own address; network PREFIX: of the mesh
 *     forward N               enum wm_forwarding
 *     peer ID PUBLIC ENDPOINT PREFIX...    ENDPOINT "-" = none
 *     apply                   what the lines since the last one said; answers "applied" or "failed
 * WHY" failures                answers one line each, then "end" The end of stdin closes everything
 * and answers "closed" or "left WHY".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/key.h"
#include "fabric/fabric.h"
#include "loop/loop.h"
#include "wg/device.h"

struct tool {
	struct wm_loop *loop;
	struct wm_log *log;
	struct wm_wg_device *device;
	struct wm_fabric *fabric;
	struct wm_desired *desired;
	struct wm_poll *in;
	struct wm_buf text;
	int status;
};

static void give_up(struct tool *t, const char *why)
{
	printf("failed %s\n", why);
	t->status = 1;
	wm_loop_stop(t->loop);
}

static void set_key(struct tool *t, char *rest)
{
	struct wm_wg_config wish = {.has_private_key = true, .has_listen_port = true};
	const char *key = wm_str_cut(&rest, ' ');
	struct wm_err err;
	uint64_t port;

	if (!wm_wg_key_parse(key, strlen(key), wish.private_key) ||
	    !wm_parse_u64(rest, 0, UINT16_MAX, &port)) {
		give_up(t, "key");
		return;
	}
	wish.listen_port = (uint16_t)port;
	if (wm_wg_device_configure(t->device, &wish, &err) != 0)
		give_up(t, err.text);
}

static void add_peer(struct tool *t, char *rest)
{
	const char *id = wm_str_cut(&rest, ' '), *key = wm_str_cut(&rest, ' ');
	const char *endpoint = wm_str_cut(&rest, ' ');
	struct wm_desired_peer *p;
	uint8_t public_key[WM_WG_KEY];
	struct wm_prefix prefix;

	if (endpoint == NULL || !wm_wg_key_parse(key, strlen(key), public_key)) {
		give_up(t, "peer");
		return;
	}
	p = wm_desired_add_peer(t->desired, id, public_key);
	wm_desired_set_endpoint(t->desired, p, wm_streq(endpoint, "-") ? "" : endpoint, "");
	while (rest != NULL)
		if (wm_prefix_parse(wm_str_cut(&rest, ' '), &prefix))
			wm_desired_add_allowed(t->desired, p, &prefix);
}

static void add_address(struct tool *t, const char *text)
{
	struct wm_prefix p;

	if (!wm_prefix_parse(text, &p))
		give_up(t, "addr");
	else if (p.addr.family == WM_IPV4)
		t->desired->addr4 = p;
	else
		t->desired->addr6 = p;
}

static void add_network(struct tool *t, const char *text)
{
	struct wm_prefix p;

	if (wm_prefix_parse(text, &p))
		wm_desired_add_network(t->desired, &p);
	else
		give_up(t, "network");
}

static void set_forwarding(struct tool *t, const char *text)
{
	uint64_t bits = 0;

	if (!wm_parse_u64(text, 0, 3, &bits))
		give_up(t, "forward");
	t->desired->forwarding = (unsigned)bits;
}

static void apply(struct tool *t)
{
	struct wm_err err;

	if (wm_fabric_apply(t->fabric, t->desired, &err) == 0)
		puts("applied");
	else
		printf("failed %s\n", err.text);
	t->desired = wm_desired_new();
}

static void print_failures(struct tool *t)
{
	size_t n;
	const struct wm_fabric_failure *f = wm_fabric_failures(t->fabric, &n);

	for (size_t i = 0; i < n; i++)
		printf("%s: %s\n", f[i].what, f[i].why);
	puts("end");
}

static void obey(struct tool *t, char *line)
{
	char *rest = line;
	const char *word = wm_str_cut(&rest, ' ');

	if (wm_streq(word, "key"))
		set_key(t, rest);
	else if (wm_streq(word, "addr"))
		add_address(t, rest);
	else if (wm_streq(word, "network"))
		add_network(t, rest);
	else if (wm_streq(word, "forward"))
		set_forwarding(t, rest);
	else if (wm_streq(word, "peer"))
		add_peer(t, rest);
	else if (wm_streq(word, "apply"))
		apply(t);
	else if (wm_streq(word, "failures"))
		print_failures(t);
	else
		give_up(t, line);
}

static void on_input(void *arg, unsigned events)
{
	struct tool *t = arg;
	char *end;
	ssize_t n = read(STDIN_FILENO, wm_buf_reserve(&t->text, 4096), 4096);

	if (n <= 0) {
		wm_loop_stop(t->loop);
		return;
	}
	wm_buf_commit(&t->text, (size_t)n);
	while ((end = memchr(t->text.data, '\n', t->text.len)) != NULL) {
		*end = '\0';
		obey(t, (char *)t->text.data);
		wm_buf_consume(&t->text, (size_t)((uint8_t *)end - t->text.data) + 1);
	}
}

static int start(struct tool *t, const char *name, const char *folder, struct wm_err *err)
{
	const struct wm_wg_device_opts device = {
		.name = name, .workers = 1, .uses_kernel = getenv("WM_KERNEL") != NULL};
	static const struct wm_wg_events events = {0};
	struct wm_fabric_opts opts = {.run_dir = folder};
	int code = wm_wg_device_open(t->loop, t->log, &device, &events, t, &t->device, err);

	opts.device = t->device;
	if (code == 0)
		code = wm_fabric_open(t->loop, t->log, &opts, &t->fabric, err);
	if (code == 0)
		code = wm_poll_open(t->loop, STDIN_FILENO, WM_POLL_IN, on_input, t, &t->in, err);
	return code;
}

int main(int argc, char **argv)
{
	struct tool t = {.status = 1};
	struct wm_err err;

	if (argc != 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	t.log = wm_log_new(STDERR_FILENO, WM_LOG_DEBUG, WM_LOG_TEXT);
	t.loop = wm_loop_new(t.log);
	t.desired = wm_desired_new();
	if (start(&t, argv[1], argv[2], &err) == 0) {
		t.status = 0;
		puts("ready");
		wm_loop_run(t.loop);
	} else {
		printf("failed %s\n", err.text);
	}
	if (t.in != NULL)
		wm_poll_close(t.in);
	if (wm_fabric_close(t.fabric, &err) == 0)
		puts("closed");
	else
		printf("left %s\n", err.text);
	wm_wg_device_close(t.device);
	wm_desired_free(t.desired);
	wm_buf_fini(&t.text);
	wm_loop_free(t.loop);
	wm_log_free(t.log);
	return t.status;
}
