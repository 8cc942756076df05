#pragma once
/* Answers for programs: protojson, indented by two, and the same as YAML. One thread. */
#include "pb/message.h"
#include "programs/wmctl/command.h"

/* True when -o asks for the table that people read. */
bool wm_ctl_output_is_table(const struct wm_ctl *ctl);
/* Appends one message to ctl->out, as -o says (json or yaml). */
int wm_ctl_output_one(struct wm_ctl *ctl, const ProtobufCMessage *m, struct wm_err *err)
	WM_MUST_CHECK;
/* The same for a list of them: a JSON array, a YAML list. */
int wm_ctl_output_list(struct wm_ctl *ctl, const ProtobufCMessage *const *items, size_t n,
		       struct wm_err *err) WM_MUST_CHECK;
/* Appends the YAML form of a JSON text, which must be one (its order is kept). */
int wm_ctl_yaml_from_json(const char *json, size_t len, struct wm_buf *out, struct wm_err *err)
	WM_MUST_CHECK;
/* Appends @s as a YAML text in double quotes, with all that a reader could stumble over escaped. */
void wm_ctl_yaml_quote(const char *s, struct wm_buf *out);
