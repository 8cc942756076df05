/*
 * A WireGuard device of ours and nothing else, for the tests that set it up with stock `wg`:
 *     wgdev NAME [WORKERS [RULES]]
 * Prints "ready NAME IFINDEX" once it can be configured and "handshake KEY ENDPOINT ROLE" for each
 * handshake, where ROLE is ours or theirs, whoever began it; on SIGUSR1 the drops that are not
 * zero, ended by a line "end"; on SIGTERM it goes. On SIGUSR2 it judges packets by the file RULES
 * (wgdev_rules.h), or no longer if that is gone, and says "policy" with "set", "none", or what is
 * wrong.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/log.h"
#include "crypto/key.h"
#include "loop/loop.h"
#include "wg/device.h"
#include "wgdev_rules.h"

#define UAPI_DIR "/var/run/wireguard"

struct tool {
	struct wm_loop *loop;
	struct wm_wg_device *device;
	const char *rules;
	int status;
};

static void on_handshake(void *arg, const uint8_t key[WM_WG_KEY], const struct wm_endpoint *from,
			 bool by_peer)
{
	char text[WM_WG_KEY_TEXT], at[WM_ENDPOINT_TEXT];
	printf("handshake %s %s %s\n", wm_wg_key_format(key, text), wm_endpoint_format(from, at),
	       by_peer ? "theirs" : "ours");
}

static void on_broken(void *arg, const struct wm_err *why)
{
	struct tool *t = arg;
	printf("broken %s\n", why->text);
	t->status = 1;
	wm_loop_stop(t->loop);
}

static void on_stop(void *arg, int signum)
{
	struct tool *t = arg;
	wm_loop_stop(t->loop);
}

static void on_ask(void *arg, int signum)
{
	struct tool *t = arg;
	uint64_t counts[WM_DROP_COUNT];
	wm_wg_device_drops(t->device, counts);
	for (unsigned i = 0; i < WM_DROP_COUNT; i++)
		if (counts[i] != 0)
			printf("drop %s %" PRIu64 "\n", wm_drop_name(i), counts[i]);
	printf("end\n");
}

static void on_rules(void *arg, int signum)
{
	struct tool *t = arg;
	struct rules_text text;
	struct wm_err err;
	int rc = t->rules == NULL ? WM_NOT_FOUND : rules_text_read(&text, t->rules, &err);
	const struct wm_wg_policy_spec *spec = rc == 0 ? &text.spec : NULL;
	if (rc == 0 || rc == WM_NOT_FOUND)
		rc = wm_wg_device_set_policy(t->device, spec, &err);
	if (t->rules != NULL)
		rules_text_free(&text);
	printf("policy %s\n", rc != 0 ? err.text : spec != NULL ? "set" : "none");
}

static int fail(const struct wm_err *err)
{
	fprintf(stderr, "wgdev: %s\n", err->text);
	return 1;
}

static int run(struct tool *t, const struct wm_wg_device_opts *opts, struct wm_log *log)
{
	static const struct wm_wg_events events = {.on_handshake = on_handshake,
						   .on_broken = on_broken};
	struct wm_signal *term = NULL, *ask = NULL, *rules = NULL;
	struct wm_err err;
	int rc = wm_wg_device_open(t->loop, log, opts, &events, t, &t->device, &err);
	if (rc != 0)
		return fail(&err);
	rc = wm_signal_open(t->loop, SIGTERM, on_stop, t, &term, &err);
	if (rc == 0)
		rc = wm_signal_open(t->loop, SIGUSR1, on_ask, t, &ask, &err);
	if (rc == 0)
		rc = wm_signal_open(t->loop, SIGUSR2, on_rules, t, &rules, &err);
	if (rc == 0) {
		printf("ready %s %u\n", wm_wg_device_name(t->device),
		       wm_wg_device_ifindex(t->device));
		wm_loop_run(t->loop);
	} else {
		t->status = fail(&err);
	}
	wm_signal_close(rules);
	wm_signal_close(ask);
	wm_signal_close(term);
	wm_wg_device_close(t->device);
	return t->status;
}

int main(int argc, char **argv)
{
	struct wm_wg_device_opts opts = {.uapi_dir = UAPI_DIR, .uapi_required = true};
	struct tool t = {.status = 0};
	if (argc < 2 || argc > 4) {
		fprintf(stderr, "usage: wgdev NAME [WORKERS [RULES]]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	opts.name = argv[1];
	opts.workers = argc >= 3 ? (unsigned)atoi(argv[2]) : 0;
	t.rules = argc == 4 ? argv[3] : NULL;
	struct wm_log *log = wm_log_new(2, WM_LOG_DEBUG, WM_LOG_TEXT);
	t.loop = wm_loop_new(log);
	int status = run(&t, &opts, log);
	wm_loop_free(t.loop);
	wm_log_free(log);
	return status;
}
