#include "base/str.h"
#include "conf/value.h"
#include <assert.h>
#include <inttypes.h>
#include <string.h>

static void format_several(const struct wm_conf_option *o, const void *at, struct wm_buf *out)
{
	if (o->kind == WM_CONF_LIST) {
		const struct wm_conf_list *l = at;
		for (size_t i = 0; i < l->n; i++)
			wm_buf_printf(out, "%s%s", i > 0 ? "," : "", l->items[i]);
		return;
	}
	const struct wm_conf_map *m = at;
	for (size_t i = 0; i < m->n; i++)
		wm_buf_printf(out, "%s%s=%s", i > 0 ? "," : "", m->items[i].key, m->items[i].value);
}

void wm_conf_value_format(const struct wm_conf_option *o, const void *at, struct wm_buf *out)
{
	char text[WM_ENDPOINT_TEXT] = "";
	switch (o->kind) {
	case WM_CONF_BOOL: wm_buf_add_str(out, *(const bool *)at ? "true" : "false"); return;
	case WM_CONF_INT: wm_buf_printf(out, "%" PRId64, *(const int64_t *)at); return;
	case WM_CONF_PORT: wm_buf_printf(out, "%u", *(const uint16_t *)at); return;
	case WM_CONF_DURATION: wm_format_duration(*(const int64_t *)at, text, sizeof(text)); break;
	case WM_CONF_SIZE: wm_format_size(*(const int64_t *)at, text, sizeof(text)); break;
	case WM_CONF_STRING:
	case WM_CONF_WORD:
	case WM_CONF_HOST_PORT: wm_buf_add_str(out, *(char *const *)at); return;
	case WM_CONF_LIST:
	case WM_CONF_MAP: format_several(o, at, out); return;
	case WM_CONF_PREFIX:
		if (wm_prefix_is_valid(at))
			wm_prefix_format(at, text);
		break;
	case WM_CONF_ENDPOINT:
		if (wm_addr_is_valid(&((const struct wm_endpoint *)at)->addr))
			wm_endpoint_format(at, text);
		break;
	case WM_CONF_IP: wm_addr_format(at, text); break;
	}
	wm_buf_add_str(out, text);
}

/* The text that the row's default has once it was parsed. */
static void format_default(const struct wm_conf_option *o, struct wm_buf *out)
{
	union wm_conf_any v = {0};
	int rc = wm_conf_value_parse(o, o->def, false, &v, NULL);
	assert(rc == 0);
	if (rc == 0)
		wm_conf_value_format(o, &v, out);
	wm_conf_value_fini(o, &v);
}

bool wm_conf_value_is_default(const struct wm_conf_option *o, const void *at)
{
	struct wm_buf is = {0}, def = {0};
	wm_conf_value_format(o, at, &is);
	format_default(o, &def);
	bool equal = strcmp(wm_buf_str(&is), wm_buf_str(&def)) == 0;
	wm_buf_fini(&is);
	wm_buf_fini(&def);
	return equal;
}

size_t wm_conf_value_size(const struct wm_conf_option *o)
{
	switch (o->kind) {
	case WM_CONF_BOOL: return sizeof(WM_CONF_C_BOOL);
	case WM_CONF_INT: return sizeof(WM_CONF_C_INT);
	case WM_CONF_PORT: return sizeof(WM_CONF_C_PORT);
	case WM_CONF_DURATION: return sizeof(WM_CONF_C_DURATION);
	case WM_CONF_SIZE: return sizeof(WM_CONF_C_SIZE);
	case WM_CONF_STRING: return sizeof(WM_CONF_C_STRING);
	case WM_CONF_WORD: return sizeof(WM_CONF_C_WORD);
	case WM_CONF_HOST_PORT: return sizeof(WM_CONF_C_HOST_PORT);
	case WM_CONF_LIST: return sizeof(WM_CONF_C_LIST);
	case WM_CONF_MAP: return sizeof(WM_CONF_C_MAP);
	case WM_CONF_PREFIX: return sizeof(WM_CONF_C_PREFIX);
	case WM_CONF_ENDPOINT: return sizeof(WM_CONF_C_ENDPOINT);
	case WM_CONF_IP: return sizeof(WM_CONF_C_IP);
	}
	return 0;
}
