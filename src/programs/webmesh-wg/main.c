/*
 * webmesh-wg: a userspace WireGuard interface for wg and wg-quick, in the place of wireguard-go.
 * Exit status 0 when the interface is ready (in the background) or was ended on purpose (in the
 * foreground), 2 for wrong usage, 1 for anything else.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/version.h"
#include "platform/crash.h"
#include "platform/notify.h"
#include "programs/webmesh-wg/background.h"
#include "programs/webmesh-wg/options.h"
#include "programs/webmesh-wg/tunnel.h"

static int fail(const struct wm_err *err)
{
	fprintf(stderr, "webmesh-wg: %s\n", err->text);
	return wm_err_exit_status(err->code);
}

static int show(struct wm_buf *text)
{
	fputs(wm_buf_str(text), stdout);
	wm_buf_fini(text);
	return fflush(stdout) == 0 ? 0 : 1;
}

static int show_version(void)
{
	struct wm_buf text = {0};
	wm_version_format("webmesh-wg", "webmesh-wg", false, &text);
	return show(&text);
}

static int show_help(void)
{
	struct wm_buf text = {0};
	wm_tunnel_options_help(&text);
	return show(&text);
}

/* Who let the system choose must hear what it chose. */
static int print_name(const char *name, struct wm_err *err)
{
	if (printf("%s\n", name) < 0 || fflush(stdout) != 0)
		return wm_fail(err, WM_DATA_LOSS, "cannot write the name to standard output");
	return 0;
}

/* @ready < 0: in the foreground. */
static int announce(const struct wm_tunnel_options *o, const struct wm_tunnel *t, int ready,
		    struct wm_err *err)
{
	int rc = o->is_template ? print_name(wm_tunnel_name(t), err) : 0;
	if (rc == 0 && ready >= 0)
		rc = wm_background_detach(ready, o->keeps_output, err);
	return rc;
}

/* Where systemd keeps the state of a service (StateDirectory), or would. */
static const char *crash_folder(void)
{
	const char *given = getenv("STATE_DIRECTORY");
	return given != NULL && *given != '\0' ? given : "/var/lib/webmesh";
}

static void tell_of_crash(void *arg, const char *path)
{
	wm_error(arg, "tunnel.crashed_before", "file=%s", path);
}

static struct wm_log *open_log(const struct wm_tunnel_options *o)
{
	struct wm_log *log = wm_log_new(STDERR_FILENO, o->level, WM_LOG_TEXT);
	wm_log_set_journal(log, wm_notify_is_journal(STDERR_FILENO));
	wm_crash_set_folder(crash_folder());
	wm_crash_set_log(log);
	wm_crash_collect("webmesh-wg", crash_folder(), tell_of_crash, log);
	return log;
}

static int serve(const struct wm_tunnel_options *o, int ready)
{
	struct wm_err err;
	struct wm_tunnel *t = NULL;
	struct wm_log *log = open_log(o);
	if (o->odd_level != NULL)
		wm_error(log, "tunnel.odd_level", "what=LOG_LEVEL using=error");
	int rc = wm_tunnel_open(o, log, &t, &err);
	if (rc == 0)
		rc = announce(o, t, ready, &err);
	if (rc == 0)
		rc = wm_tunnel_run(t, &err);
	wm_tunnel_close(t);
	wm_crash_set_log(NULL);
	wm_log_free(log);
	return rc == 0 ? 0 : fail(&err);
}

static int run(const struct wm_tunnel_options *o)
{
	struct wm_err err;
	int ready = -1, status = 0;
	umask(S_IWGRP | S_IWOTH); /* nobody else may connect to the socket, not for a moment */
	if (!o->foreground) {
		int rc = wm_background_fork(&ready, &status, &err);
		if (rc != 0)
			return rc < 0 ? fail(&err) : status;
	}
	return serve(o, ready);
}

int main(int argc, char **argv)
{
	struct wm_tunnel_options o;
	struct wm_err err;
	wm_file_guard_stdio();
	wm_crash_install("webmesh-wg");
	wm_crash_forbid_core();
	if (wm_tunnel_options_load(&o, argc, argv, &err) != 0) {
		int status = fail(&err);
		if (status == 2)
			fprintf(stderr, "Usage: webmesh-wg [-f] INTERFACE\n");
		return status;
	}
	if (o.wants_help)
		return show_help();
	if (o.wants_version)
		return show_version();
	return run(&o);
}
