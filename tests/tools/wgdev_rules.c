#include "wgdev_rules.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"

#define WORDS 7

static bool read_prefixes(char *text, const struct wm_prefix **out, size_t *n)
{
	struct wm_prefix *list = NULL;
	*n = 0;
	for (char *rest = text; strcmp(text, "-") != 0 && rest != NULL; (*n)++) {
		list = wm_realloc(list, (*n + 1) * sizeof(*list));
		*out = list;
		if (!wm_prefix_parse(wm_str_cut(&rest, ','), &list[*n]))
			return false;
	}
	return true;
}

static bool read_ports(const char *text, struct wm_wg_ports *out)
{
	unsigned first, last;
	int n = sscanf(text, "%u-%u", &first, &last);
	*out = (struct wm_wg_ports){(uint16_t)(n > 0 ? first : 0), (uint16_t)(n == 2   ? last
									      : n == 1 ? first
										       : 0)};
	return n > 0 || strcmp(text, "-") == 0;
}

static bool read_rule(struct rules_text *t, char **words, unsigned n)
{
	uint64_t protocol = 0;
	size_t at = t->spec.n_rules++;
	t->rules = wm_realloc(t->rules, t->spec.n_rules * sizeof(*t->rules));
	t->spec.rules = t->rules;
	struct wm_wg_rule *r = &t->rules[at];
	*r = (struct wm_wg_rule){.allows = strcmp(words[0], "allow") == 0};
	r->only_answers = n == 7 && strcmp(words[6], "answers") == 0;
	bool is_good = (n == 6 || r->only_answers) &&
		       read_prefixes(words[1], &r->sources, &r->n_sources) &&
		       read_prefixes(words[2], &r->targets, &r->n_targets) &&
		       (strcmp(words[3], "-") == 0 || wm_parse_u64(words[3], 1, 255, &protocol)) &&
		       read_ports(words[4], &r->source_ports) &&
		       read_ports(words[5], &r->target_ports);
	r->protocol = (uint8_t)protocol;
	return is_good;
}

static bool read_members(struct rules_text *t, char *text, const char *port)
{
	uint64_t number = 0;
	t->spec.members = t->members;
	for (char *rest = text; rest != NULL;)
		if (t->spec.n_members == WM_ARRAY_LEN(t->members) ||
		    !wm_addr_parse(wm_str_cut(&rest, ','), &t->members[t->spec.n_members++]))
			return false;
	bool is_good = wm_parse_u64(port, 1, 65535, &number);
	t->spec.peer_port = (uint16_t)number;
	return is_good;
}

static bool read_line(struct rules_text *t, char *line)
{
	char *words[WORDS + 1];
	unsigned n = 0;
	for (char *rest = line; rest != NULL && n <= WORDS;)
		words[n++] = wm_str_cut(&rest, ' ');
	if (n >= 6 && n <= WORDS)
		return read_rule(t, words, n);
	if (n == 3 && strcmp(words[0], "members") == 0)
		return read_members(t, words[1], words[2]);
	t->spec.allows_rest = n == 2 && strcmp(words[1], "allow") == 0;
	return n == 2 && strcmp(words[0], "rest") == 0;
}

int rules_text_read(struct rules_text *t, const char *path, struct wm_err *err)
{
	char *line = NULL;
	size_t cap = 0;
	unsigned number = 0;
	bool is_good = true;
	memset(t, 0, sizeof(*t));
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return wm_fail_errno(err, errno, "%s", path);
	while (is_good && getline(&line, &cap, f) > 0) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		is_good = read_line(t, line);
	}
	free(line);
	fclose(f);
	return is_good ? 0
		       : wm_fail(err, WM_INVALID_ARGUMENT, "%s: line %u is no rule", path, number);
}

void rules_text_free(struct rules_text *t)
{
	for (size_t i = 0; i < t->spec.n_rules; i++) {
		wm_free((void *)(uintptr_t)t->rules[i].sources);
		wm_free((void *)(uintptr_t)t->rules[i].targets);
	}
	wm_free(t->rules);
}
