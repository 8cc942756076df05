#include "programs/wmctl/output.h"
#include "pb/json.h"
#include <string.h>

bool wm_ctl_output_is_table(const struct wm_ctl *ctl)
{
	return strcmp(ctl->o->output, "table") == 0;
}

/* Gives @json the form that was asked for. Takes nothing. */
static int add_as_asked(struct wm_ctl *ctl, const struct wm_buf *json, struct wm_err *err)
{
	if (strcmp(ctl->o->output, "yaml") == 0)
		return wm_ctl_yaml_from_json(wm_buf_str(json), json->len, &ctl->out, err);
	wm_buf_add(&ctl->out, json->data, json->len);
	wm_buf_add_str(&ctl->out, "\n");
	return 0;
}

int wm_ctl_output_one(struct wm_ctl *ctl, const ProtobufCMessage *m, struct wm_err *err)
{
	struct wm_buf json = {0};
	int rc = wm_pb_json_format(m, WM_PB_JSON_INDENT, &json, err);
	if (rc == 0)
		rc = add_as_asked(ctl, &json, err);
	wm_buf_fini(&json);
	return rc;
}

/* Appends @json moved two columns to the right; texts in it hold no line ends. */
static void add_indented(struct wm_buf *out, const struct wm_buf *json)
{
	wm_buf_add_str(out, "  ");
	for (const char *p = wm_buf_str(json); *p != '\0'; p++) {
		wm_buf_add(out, p, 1);
		if (*p == '\n')
			wm_buf_add_str(out, "  ");
	}
}

int wm_ctl_output_list(struct wm_ctl *ctl, const ProtobufCMessage *const *items, size_t n,
		       struct wm_err *err)
{
	struct wm_buf all = {0}, one = {0};
	int rc = 0;
	wm_buf_add_str(&all, "[");
	for (size_t i = 0; rc == 0 && i < n; i++) {
		wm_buf_clear(&one);
		rc = wm_pb_json_format(items[i], WM_PB_JSON_INDENT, &one, err);
		wm_buf_add_str(&all, i > 0 ? ",\n" : "\n");
		add_indented(&all, &one);
	}
	wm_buf_add_str(&all, n > 0 ? "\n]" : "]");
	if (rc == 0)
		rc = add_as_asked(ctl, &all, err);
	wm_buf_fini(&one);
	wm_buf_fini(&all);
	return rc;
}
