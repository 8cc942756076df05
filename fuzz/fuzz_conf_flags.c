/*
 * The command line and the environment: lines are arguments, up to an empty line; those behind it
 * are variables.
 */
#include "../tests/unit/conf/table.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/value.h"
#include <stdlib.h>
#include <string.h>

#define MAX_LINES 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What flags and variables set can be said again as text. */
static void check(const struct wm_conf *conf)
{
	for (size_t i = 0; i < test_table.n_rows; i++) {
		const struct wm_conf_option *o = &test_table.rows[i];
		char *at = (char *)wm_conf_values(conf) + o->offset;
		struct wm_buf once = {0}, again = {0};
		struct wm_err err;
		wm_conf_value_format(o, at, &once);
		if (wm_conf_value_parse(o, wm_buf_str(&once), false, at, &err) != 0)
			abort();
		wm_conf_value_format(o, at, &again);
		if (strcmp(wm_buf_str(&once), wm_buf_str(&again)) != 0)
			abort();
		wm_buf_fini(&once);
		wm_buf_fini(&again);
	}
}

/* A target reads no files. */
static bool names_file(const char *arg)
{
	return strstr(arg, "config") != NULL || wm_str_starts(arg, "-c") ||
	       strstr(arg, "-file") != NULL || strstr(arg, "FILE") != NULL;
}

static int split(char *text, char *argv[MAX_LINES], char *env[MAX_LINES])
{
	char *rest = text;
	int argc = 1, n_env = 0;
	bool in_env = false;

	for (char *line; (line = wm_str_cut(&rest, '\n')) != NULL;) {
		if (*line == '\0')
			in_env = true;
		else if (in_env && n_env < MAX_LINES - 1 && !names_file(line))
			env[n_env++] = line;
		else if (!in_env && argc < MAX_LINES && !names_file(line))
			argv[argc++] = line;
	}
	argv[0] = text + strlen(text);
	env[n_env] = NULL;
	return argc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = wm_strndup((const char *)data, size);
	char *argv[MAX_LINES], *env[MAX_LINES];
	int argc = split(text, argv, env);
	struct wm_conf *conf = wm_conf_new(&test_table, 4);
	struct wm_conf_list words = {0};
	struct wm_err err = {0};
	if (wm_conf_load(conf, argc, argv, env, &err) == 0)
		check(conf);
	else if (err.text[0] == '\0')
		abort();
	wm_conf_scan_args(&test_table, argc, argv, &words);
	wm_conf_list_fini(&words);
	wm_conf_free(conf);
	wm_free(text);
	return 0;
}
