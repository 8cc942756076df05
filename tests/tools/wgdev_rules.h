#pragma once
/*
 * A policy as text, for tests: a line for each rule, in order,
 *     allow|deny SOURCES TARGETS PROTOCOL SOURCE_PORTS TARGET_PORTS [answers]
 * where lists are prefixes with commas between, ports are N or N-N, and - stands for all; then
 * perhaps "members ADDRESSES PORT", and "rest allow|deny" at the end.
 */
#include "wg/policy.h"

struct rules_text {
	struct wm_wg_policy_spec spec;
	struct wm_wg_rule *rules;
	struct wm_addr members[16];
};

/* Reads the file: INVALID_ARGUMENT names the line. Also what it has failed to read is to be freed.
 */
int rules_text_read(struct rules_text *t, const char *path, struct wm_err *err);
void rules_text_free(struct rules_text *t);
