#include "programs/webmesh-wg/options.h"
#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define LEVEL_LENGTH 16

static const char letters[] = "fhV";
static const struct option flags[] = {
	{"foreground", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Variables by which wireguard-go is handed an open descriptor. */
static const char *const refused[] = {"WG_TUN_FD", "WG_UAPI_FD"};

static bool is_given(const char *value)
{
	return value != NULL && *value != '\0';
}

static int check_environment(struct wm_err *err)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(refused); i++)
		if (is_given(getenv(refused[i])))
			return wm_fail(err, WM_UNIMPLEMENTED,
				       "%s is set, but webmesh-wg takes over no open descriptor: "
				       "unset it, and interface and socket are made here",
				       refused[i]);
	return 0;
}

/* wireguard-go calls debug "verbose". Other programs read this variable too: no word is an error.
 */
static void load_level(struct wm_tunnel_options *o)
{
	const char *value = getenv("LOG_LEVEL");
	char word[LEVEL_LENGTH] = "";
	o->level = WM_LOG_ERROR;
	if (!is_given(value))
		return;
	for (size_t i = 0; i < sizeof(word) - 1 && value[i] != '\0'; i++)
		word[i] = (char)tolower((unsigned char)value[i]);
	if (wm_streq(word, "verbose"))
		o->level = WM_LOG_DEBUG;
	else if (!wm_log_level_parse(word, &o->level))
		o->odd_level = value;
	o->keeps_output = o->level != WM_LOG_OFF;
}

/* "wg+" and wireguard-go's "wg%d" are the same wish. */
static void set_name(struct wm_tunnel_options *o, const char *name)
{
	size_t len = strlen(name);
	if (len > 2 && wm_streq(name + len - 2, "%d"))
		snprintf(o->name, sizeof(o->name), "%.*s+", (int)(len - 2), name);
	else
		snprintf(o->name, sizeof(o->name), "%s", name);
	len = strlen(o->name);
	o->is_template = len > 0 && o->name[len - 1] == '+';
}

/* A letter may stand among others, so it is named alone. */
static int fail_flag(char **argv, struct wm_err *err)
{
	if (optopt != 0 && strchr(letters, optopt) == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "unknown option -%c", optopt);
	return wm_fail(err, WM_INVALID_ARGUMENT, "%s %.80s",
		       optopt != 0 ? "this option takes no value:" : "unknown option",
		       argv[optind - 1]);
}

static int load_flags(struct wm_tunnel_options *o, int argc, char **argv, struct wm_err *err)
{
	int c;
	opterr = 0;
	while ((c = getopt_long(argc, argv, letters, flags, NULL)) != -1) {
		if (c == '?')
			return fail_flag(argv, err);
		o->foreground |= c == 'f';
		o->wants_help |= c == 'h';
		o->wants_version |= c == 'V';
	}
	return 0;
}

int wm_tunnel_options_load(struct wm_tunnel_options *o, int argc, char **argv, struct wm_err *err)
{
	*o = (struct wm_tunnel_options){.foreground = false};
	int rc = load_flags(o, argc, argv, err);
	if (rc != 0 || o->wants_help || o->wants_version)
		return rc;
	if (argc - optind != 1)
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s",
			       argc == optind ? "which interface? its name is missing"
					      : "one interface at a time: there are more names");
	const char *foreground = getenv("WG_PROCESS_FOREGROUND");
	if (foreground != NULL && wm_streq(foreground, "1"))
		o->foreground = true;
	const char *offloads = getenv("WG_OFFLOADS");
	o->is_plain = offloads != NULL && wm_streq(offloads, "off");
	set_name(o, argv[optind]);
	load_level(o);
	return check_environment(err);
}

void wm_tunnel_options_help(struct wm_buf *out)
{
	wm_buf_add_str(
		out,
		"Usage: webmesh-wg [-f] INTERFACE\n"
		"\n"
		"Makes a userspace WireGuard interface, which wg and wg-quick configure like one of\n"
		"the kernel, and goes to the background when it is ready. \"wg+\" lets the system\n"
		"choose the number; the name is then printed.\n"
		"\n"
		"  -f, --foreground  stay in the foreground\n"
		"  -h, --help        show this text\n"
		"  -V, --version     show the version\n"
		"\n"
		"Environment:\n"
		"  LOG_LEVEL=LEVEL          error (default), warn, info, debug (or verbose), trace,\n"
		"                           silent; when set, the background process logs as well\n"
		"  WG_OFFLOADS=off          exchange packets with the host one by one; slower, for\n"
		"                           a host that mishandles large ones\n"
		"  WG_PROCESS_FOREGROUND=1  as -f\n"
		"\n"
		"It ends when the interface is deleted (ip link delete INTERFACE), when its socket\n"
		"/var/run/wireguard/INTERFACE.sock is removed, or on SIGTERM or SIGINT.\n");
}
