#include "conf/value.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/vault.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HOST_MAX 256

static bool has_range(const struct wm_conf_option *o)
{
	return o->min != 0 || o->max != 0;
}

/* ---- what a value has to be ---- */

static const char *const wants_by_kind[] = {
	[WM_CONF_BOOL] = "true or false",
	[WM_CONF_STRING] = "text",
	[WM_CONF_INT] = "a whole number",
	[WM_CONF_PORT] = "a port number",
	[WM_CONF_DURATION] = "a duration such as 30s or 1h30m",
	[WM_CONF_SIZE] = "a size such as 65536 or 4MiB",
	[WM_CONF_LIST] = "a list",
	[WM_CONF_MAP] = "name=value pairs",
	[WM_CONF_WORD] = "a word",
	[WM_CONF_PREFIX] = "a network such as 10.1.0.0/16 or fd00::/48",
	[WM_CONF_HOST_PORT] = "host:port",
	[WM_CONF_ENDPOINT] = "address:port such as 0.0.0.0:8443 or [::]:8443",
	[WM_CONF_IP] = "an IP address",
};

const char *wm_conf_value_wants(const struct wm_conf_option *o)
{
	return wants_by_kind[o->kind];
}

/* Fails with what a value of @kind has to be and, unless it is secret, what @text is. */
static int refuse(const struct wm_conf_option *o, const char *wants, const char *text,
		  struct wm_err *err)
{
	if ((o->attrs & WM_CONF_SECRET) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "wants %s", wants);
	return wm_fail(err, WM_INVALID_ARGUMENT, "wants %s, found \"%.120s\"%s", wants, text,
		       strlen(text) > 120 ? "..." : "");
}

static int refuse_range(const struct wm_conf_option *o, const char *text, struct wm_err *err)
{
	char wants[120], low[40], high[40];
	if (o->kind == WM_CONF_DURATION) {
		wm_format_duration(o->min, low, sizeof(low));
		wm_format_duration(o->max, high, sizeof(high));
	} else if (o->kind == WM_CONF_SIZE) {
		wm_format_size(o->min, low, sizeof(low));
		wm_format_size(o->max, high, sizeof(high));
	} else {
		snprintf(low, sizeof(low), "%" PRId64, o->min);
		snprintf(high, sizeof(high), "%" PRId64, o->max);
	}
	if (o->max == INT64_MAX)
		snprintf(wants, sizeof(wants), "%s, %s or more", wants_by_kind[o->kind], low);
	else
		snprintf(wants, sizeof(wants), "%s from %s to %s", wants_by_kind[o->kind], low,
			 high);
	return refuse(o, wants, text, err);
}

static int refuse_word(const struct wm_conf_option *o, const char *text, struct wm_err *err)
{
	char wants[200] = "one of";
	char *words = wm_strdup(o->words);
	char *rest = words;
	for (const char *w; (w = wm_str_cut(&rest, '|')) != NULL;) {
		size_t n = strlen(wants);
		snprintf(wants + n, sizeof(wants) - n, " %s%s", *w != '\0' ? w : "\"\"",
			 rest != NULL ? "," : "");
	}
	wm_free(words);
	return refuse(o, wants, text, err);
}

/* ---- scalars ---- */

static bool is_word(const char *words, const char *text)
{
	size_t n = strlen(text);
	for (const char *p = words;; p++) {
		const char *end = p + strcspn(p, "|");
		if ((size_t)(end - p) == n && memcmp(p, text, n) == 0)
			return true;
		p = end;
		if (*p == '\0')
			return false;
	}
}

static bool is_in_range(const struct wm_conf_option *o, int64_t v)
{
	return !has_range(o) || (v >= o->min && v <= o->max);
}

static int parse_number(const struct wm_conf_option *o, const char *text, void *at,
			struct wm_err *err)
{
	int64_t v;
	bool ok = o->kind == WM_CONF_DURATION ? wm_parse_duration(text, &v)
		  : o->kind == WM_CONF_SIZE   ? wm_parse_size(text, &v)
					      : wm_parse_i64(text, INT64_MIN, INT64_MAX, &v);
	if (!ok)
		return refuse(o, wants_by_kind[o->kind], text, err);
	if (!is_in_range(o, v))
		return refuse_range(o, text, err);
	memcpy(at, &v, sizeof(v));
	return 0;
}

static int parse_port(const struct wm_conf_option *o, const char *text, void *at,
		      struct wm_err *err)
{
	int64_t v;
	if (!wm_parse_i64(text, 0, UINT16_MAX, &v))
		return refuse(o, "a port number from 0 to 65535", text, err);
	if (!is_in_range(o, v))
		return refuse_range(o, text, err);
	*(uint16_t *)at = (uint16_t)v;
	return 0;
}

/* Secrets live in the vault. */
static char *copy_text(const struct wm_conf_option *o, const char *text)
{
	return (o->attrs & WM_CONF_SECRET) != 0 ? wm_vault_strdup(text) : wm_strdup(text);
}

static void free_text(const struct wm_conf_option *o, char *s)
{
	if ((o->attrs & WM_CONF_SECRET) != 0)
		wm_vault_free(s);
	else
		wm_free(s);
}

static void set_text(const struct wm_conf_option *o, void *at, const char *text)
{
	char **s = at;
	char *old = *s;
	*s = copy_text(o, text);
	free_text(o, old);
}

static int parse_text(const struct wm_conf_option *o, const char *text, void *at,
		      struct wm_err *err)
{
	char host[HOST_MAX];
	uint16_t port;
	if (*text == '\0' && (o->attrs & WM_CONF_NOT_EMPTY) != 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "must not be empty");
	if (o->kind == WM_CONF_WORD && !is_word(o->words, text))
		return refuse_word(o, text, err);
	if (o->kind == WM_CONF_HOST_PORT && *text != '\0' &&
	    !wm_host_port_parse(text, host, sizeof(host), &port))
		return refuse(o, wants_by_kind[o->kind], text, err);
	set_text(o, at, text);
	return 0;
}

/* Addresses of the three forms; the empty text is "none" and zeroes the value. */
static int parse_address(const struct wm_conf_option *o, const char *text, void *at,
			 struct wm_err *err)
{
	struct wm_prefix prefix = {0};
	struct wm_endpoint endpoint = {0};
	struct wm_addr addr = {0};
	bool is_none = *text == '\0' && (o->attrs & WM_CONF_NOT_EMPTY) == 0, ok;
	if (o->kind == WM_CONF_PREFIX) {
		if ((ok = is_none || wm_prefix_parse(text, &prefix)))
			memcpy(at, &prefix, sizeof(prefix));
	} else if (o->kind == WM_CONF_ENDPOINT) {
		if ((ok = is_none || wm_endpoint_parse(text, &endpoint)))
			memcpy(at, &endpoint, sizeof(endpoint));
	} else {
		if ((ok = is_none || wm_addr_parse(text, &addr)))
			memcpy(at, &addr, sizeof(addr));
	}
	return ok ? 0 : refuse(o, wants_by_kind[o->kind], text, err);
}

static int parse_scalar(const struct wm_conf_option *o, const char *text, void *at,
			struct wm_err *err)
{
	switch (o->kind) {
	case WM_CONF_BOOL:
		if (!wm_parse_bool(text, at))
			return refuse(o, wants_by_kind[o->kind], text, err);
		return 0;
	case WM_CONF_INT:
	case WM_CONF_SIZE:
	case WM_CONF_DURATION: return parse_number(o, text, at, err);
	case WM_CONF_PORT: return parse_port(o, text, at, err);
	case WM_CONF_STRING:
	case WM_CONF_WORD:
	case WM_CONF_HOST_PORT: return parse_text(o, text, at, err);
	case WM_CONF_PREFIX:
	case WM_CONF_ENDPOINT:
	case WM_CONF_IP: return parse_address(o, text, at, err);
	case WM_CONF_LIST:
	case WM_CONF_MAP: break;
	}
	return wm_fail(err, WM_INTERNAL, "not a scalar");
}

/* ---- lists and maps ---- */

/* Checks one member of a list or map, which is stored as text whatever it is. */
static int check_item(const struct wm_conf_option *o, const char *item, struct wm_err *err)
{
	struct wm_conf_option one = *o;
	union wm_conf_any v = {0};
	one.kind = o->of;
	one.attrs |= WM_CONF_NOT_EMPTY;
	int rc = parse_scalar(&one, item, &v, err);
	if (rc == 0)
		wm_conf_value_fini(&one, &v);
	return rc;
}

int wm_conf_value_add_item(const struct wm_conf_option *o, const char *item, void *at,
			   struct wm_err *err)
{
	struct wm_conf_list *l = at;
	if (l->n >= WM_CONF_ITEMS_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "has more than %d entries",
			       WM_CONF_ITEMS_MAX);
	int rc = check_item(o, item, err);
	if (rc != 0)
		return rc;
	l->items = wm_realloc(l->items, (l->n + 1) * sizeof(*l->items));
	l->items[l->n++] = copy_text(o, item);
	return 0;
}

int wm_conf_value_add_pair(const struct wm_conf_option *o, const char *key, const char *value,
			   void *at, struct wm_err *err)
{
	struct wm_conf_map *m = at;
	if (*key == '\0')
		return wm_fail(err, WM_INVALID_ARGUMENT, "wants name=value, found no name");
	if (m->n >= WM_CONF_ITEMS_MAX)
		return wm_fail(err, WM_INVALID_ARGUMENT, "has more than %d entries",
			       WM_CONF_ITEMS_MAX);
	for (size_t i = 0; i < m->n; i++) {
		if (strcmp(m->items[i].key, key) == 0)
			return wm_fail(err, WM_INVALID_ARGUMENT, "names \"%.64s\" twice", key);
	}
	int rc = check_item(o, value, err);
	if (rc != 0)
		return wm_wrap(err, "%.64s", key);
	m->items = wm_realloc(m->items, (m->n + 1) * sizeof(*m->items));
	m->items[m->n++] = (struct wm_conf_pair){wm_strdup(key), copy_text(o, value)};
	return 0;
}

static int add_pair_text(const struct wm_conf_option *o, char *text, void *at, struct wm_err *err)
{
	char *eq = strchr(text, '=');
	if (eq == NULL)
		return refuse(o, "name=value", text, err);
	*eq = '\0';
	return wm_conf_value_add_pair(o, wm_str_trim(text), wm_str_trim(eq + 1), at, err);
}

static int parse_several(const struct wm_conf_option *o, const char *text, void *at,
			 struct wm_err *err)
{
	char *copy = wm_strdup(text);
	char *rest = *copy != '\0' ? copy : NULL;
	int rc = 0;
	for (char *item; rc == 0 && (item = wm_str_cut(&rest, ',')) != NULL;) {
		item = wm_str_trim(item);
		rc = o->kind == WM_CONF_LIST ? wm_conf_value_add_item(o, item, at, err)
					     : add_pair_text(o, item, at, err);
	}
	wm_wipe(copy, strlen(text));
	wm_free(copy);
	return rc;
}

int wm_conf_value_parse(const struct wm_conf_option *o, const char *text, bool add, void *at,
			struct wm_err *err)
{
	if (o->kind != WM_CONF_LIST && o->kind != WM_CONF_MAP)
		return parse_scalar(o, text, at, err);
	if (!add)
		wm_conf_value_fini(o, at);
	return parse_several(o, text, at, err);
}

/* ---- releasing ---- */

static void fini_several(const struct wm_conf_option *o, void *at)
{
	if (o->kind == WM_CONF_LIST) {
		struct wm_conf_list *l = at;
		for (size_t i = 0; i < l->n; i++)
			free_text(o, l->items[i]);
		wm_free(l->items);
		*l = (struct wm_conf_list){0};
		return;
	}
	struct wm_conf_map *m = at;
	for (size_t i = 0; i < m->n; i++) {
		wm_free(m->items[i].key);
		free_text(o, m->items[i].value);
	}
	wm_free(m->items);
	*m = (struct wm_conf_map){0};
}

void wm_conf_value_fini(const struct wm_conf_option *o, void *at)
{
	switch (o->kind) {
	case WM_CONF_STRING:
	case WM_CONF_WORD:
	case WM_CONF_HOST_PORT:
		free_text(o, *(char **)at);
		*(char **)at = NULL;
		break;
	case WM_CONF_LIST:
	case WM_CONF_MAP: fini_several(o, at); break;
	case WM_CONF_BOOL:
	case WM_CONF_INT:
	case WM_CONF_PORT:
	case WM_CONF_DURATION:
	case WM_CONF_SIZE:
	case WM_CONF_PREFIX:
	case WM_CONF_ENDPOINT:
	case WM_CONF_IP: break;
	}
}
