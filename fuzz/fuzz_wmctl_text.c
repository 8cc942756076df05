/* What wmctl makes of a server's texts: times, ages, YAML, and cells without control characters. */
#include "base/mem.h"
#include "base/str.h"
#include "conf/yaml.h"
#include "programs/wmctl/output.h"
#include "programs/wmctl/text.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_cell(const char *text)
{
	static const char *const head[] = {"A", "B", NULL};
	struct wm_ctl_table t = {0};
	struct wm_buf out = {0};
	wm_ctl_table_begin(&t, head);
	wm_ctl_table_add(&t, text);
	wm_ctl_table_format(&t, "  ", &out);
	wm_ctl_table_fini(&t);
	unsigned lines = 0;
	for (size_t i = 0; i < out.len; i++) {
		lines += out.data[i] == '\n';
		if (out.data[i] < 0x20 && out.data[i] != '\n')
			abort();
	}
	if (lines != 2)
		abort();
	wm_buf_fini(&out);
}

/* A quoted text comes back from the YAML parser as it was. */
static void check_quote(const char *text)
{
	struct wm_arena arena;
	struct wm_conf_node *root;
	struct wm_buf out = {0};
	struct wm_err err;
	wm_arena_init(&arena, 0);
	wm_buf_add_str(&out, "a: ");
	wm_ctl_yaml_quote(text, &out);
	if (wm_conf_yaml_parse(&arena, "q", out.data, out.len, &root, &err) != 0 ||
	    strcmp(wm_conf_node_find(root, "a")->text, text) != 0)
		abort();
	wm_buf_fini(&out);
	wm_arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = wm_strndup((const char *)data, size);
	char age[WM_CTL_SHORT];
	struct wm_buf yaml = {0};
	int64_t ns;
	if (wm_ctl_time_parse(text, &ns))
		wm_ctl_age(ns, age);
	check_cell(text);
	if (wm_utf8_is_valid(text, strlen(text)))
		check_quote(text);
	if (wm_ctl_yaml_from_json(text, strlen(text), &yaml, NULL) == 0 && yaml.len == 0)
		abort();
	wm_buf_fini(&yaml);
	wm_free(text);
	return 0;
}
