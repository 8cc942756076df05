#include "fabric/notes.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define HEADER "webmesh journal 1"

void wm_notes_fini(struct wm_notes *n)
{
	wm_sysctl_list_fini(&n->settings);
	wm_route_list_fini(&n->routes);
	memset(n, 0, sizeof(*n));
}

bool wm_notes_is_empty(const struct wm_notes *n)
{
	return n->link == 0 && n->settings.n == 0 && n->routes.n == 0;
}

void wm_notes_add_setting(struct wm_notes *n, const struct wm_sysctl *s)
{
	n->settings.items =
		wm_realloc(n->settings.items, (n->settings.n + 1) * sizeof(*n->settings.items));
	n->settings.items[n->settings.n++] = *s;
}

void wm_notes_add_route(struct wm_notes *n, const struct wm_route *r)
{
	n->routes.routes =
		wm_realloc(n->routes.routes, (n->routes.n + 1) * sizeof(*n->routes.routes));
	n->routes.routes[n->routes.n++] = *r;
}

bool wm_notes_is_of(const struct wm_sysctl *s, enum wm_forwarding family)
{
	return wm_str_starts(s->name, family == WM_FORWARDING_V4 ? "net/ipv4/" : "net/ipv6/");
}

bool wm_notes_has_family(const struct wm_notes *n, enum wm_forwarding family)
{
	for (size_t i = 0; i < n->settings.n; i++)
		if (wm_notes_is_of(&n->settings.items[i], family))
			return true;
	return false;
}

void wm_notes_drop_family(struct wm_notes *n, enum wm_forwarding family)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->settings.n; i++)
		if (!wm_notes_is_of(&n->settings.items[i], family))
			n->settings.items[kept++] = n->settings.items[i];
	n->settings.n = kept;
}

static void format_route(const struct wm_route *r, struct wm_buf *out)
{
	char dst[WM_PREFIX_TEXT], gateway[WM_ADDR_TEXT];

	wm_addr_format(&r->gateway, gateway);
	wm_buf_printf(out, "route %s %u %u %s\n", wm_prefix_format(&r->dst, dst), r->link,
		      r->metric, gateway[0] == '\0' ? "-" : gateway);
}

void wm_notes_format(const struct wm_notes *n, struct wm_buf *out)
{
	wm_buf_printf(out, HEADER "\nboot %s\nnet %llu\nname %s\n", n->boot,
		      (unsigned long long)n->net, n->name);
	if (n->link != 0)
		wm_buf_printf(out, "link %u %s\n", n->link, n->link_name);
	for (size_t i = 0; i < n->settings.n; i++) {
		const struct wm_sysctl *s = &n->settings.items[i];

		wm_buf_printf(out, "sysctl %s %s %s\n", s->name, s->old, s->ours);
	}
	for (size_t i = 0; i < n->routes.n; i++)
		format_route(&n->routes.routes[i], out);
	wm_buf_add_str(out, "end\n");
}

/* One word of printable characters that fits. */
static bool take_word(char **rest, char *out, size_t size)
{
	const char *word = wm_str_cut(rest, ' ');

	if (word == NULL || word[0] == '\0')
		return false;
	for (const char *c = word; *c != '\0'; c++)
		if (*c < '!' || *c > '~')
			return false;
	return wm_str_copy(out, size, word);
}

static bool take_number(char **rest, uint64_t max, uint64_t *out)
{
	char word[24];

	return take_word(rest, word, sizeof(word)) && wm_parse_u64(word, 0, max, out);
}

static bool parse_setting(char *rest, struct wm_notes *out)
{
	struct wm_sysctl s = {0};

	if (out->settings.n >= WM_NOTES_MAX || !take_word(&rest, s.name, sizeof(s.name)) ||
	    !take_word(&rest, s.old, sizeof(s.old)) || !take_word(&rest, s.ours, sizeof(s.ours)) ||
	    rest != NULL || !wm_sysctl_name_is_valid(s.name) || !wm_sysctl_value_is_valid(s.old) ||
	    !wm_sysctl_value_is_valid(s.ours))
		return false;
	wm_notes_add_setting(out, &s);
	return true;
}

static bool parse_route(char *rest, struct wm_notes *out)
{
	char dst[WM_PREFIX_TEXT], gateway[WM_ADDR_TEXT];
	struct wm_route r = {0};
	uint64_t link, metric;

	if (out->routes.n >= WM_NOTES_MAX || !take_word(&rest, dst, sizeof(dst)) ||
	    !wm_prefix_parse(dst, &r.dst) || !take_number(&rest, INT32_MAX, &link) ||
	    !take_number(&rest, UINT32_MAX, &metric) ||
	    !take_word(&rest, gateway, sizeof(gateway)) || rest != NULL)
		return false;
	if (!wm_streq(gateway, "-") && !wm_addr_parse(gateway, &r.gateway))
		return false;
	r.link = (unsigned)link;
	r.metric = (uint32_t)metric;
	wm_notes_add_route(out, &r);
	return true;
}

static bool parse_link(char *rest, struct wm_notes *out)
{
	uint64_t link;

	if (!take_number(&rest, INT32_MAX, &link) || link == 0 ||
	    !take_word(&rest, out->link_name, sizeof(out->link_name)) || rest != NULL)
		return false;
	out->link = (unsigned)link;
	return true;
}

static bool parse_line(char *line, struct wm_notes *out)
{
	char *rest = line;
	const char *word = wm_str_cut(&rest, ' ');

	if (wm_streq(word, "boot"))
		return take_word(&rest, out->boot, sizeof(out->boot)) && rest == NULL;
	if (wm_streq(word, "net"))
		return take_number(&rest, UINT64_MAX, &out->net) && rest == NULL;
	if (wm_streq(word, "name"))
		return take_word(&rest, out->name, sizeof(out->name)) && rest == NULL;
	if (wm_streq(word, "link"))
		return parse_link(rest, out);
	if (wm_streq(word, "sysctl"))
		return parse_setting(rest, out);
	if (wm_streq(word, "route"))
		return parse_route(rest, out);
	return false;
}

/* Cuts the text in place. The number of the line that is wrong, or 0. */
static unsigned parse_lines(char *text, struct wm_notes *out)
{
	unsigned number = 1;
	char *rest = text;

	if (!wm_streq(wm_str_cut(&rest, '\n'), HEADER))
		return number;
	while (rest != NULL) {
		char *line = wm_str_cut(&rest, '\n');

		number++;
		if (wm_streq(line, "end"))
			return wm_streq(rest, "") && out->name[0] != '\0' && out->boot[0] != '\0'
				       ? 0
				       : number;
		if (!parse_line(line, out))
			return number;
	}
	return number;
}

int wm_notes_parse(const char *text, size_t len, struct wm_notes *out, struct wm_err *err)
{
	char *copy;
	unsigned line;

	if (memchr(text, '\0', len) != NULL)
		return wm_fail(err, WM_DATA_LOSS, "journal: not text");
	copy = wm_strndup(text, len);
	line = parse_lines(copy, out);
	wm_free(copy);
	if (line == 0)
		return 0;
	wm_notes_fini(out);
	return wm_fail(err, WM_DATA_LOSS, "journal: line %u makes no sense", line);
}
