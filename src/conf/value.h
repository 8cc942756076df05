#pragma once
/*
 * Values of options: made from text, shown as text, released. A value lies in the program's struct
 * at its row's offset, which is zeroed before the first use. Any thread.
 */
#include "base/buf.h"
#include "base/err.h"
#include "conf/option.h"

/* Room for one value, whatever its kind. */
union wm_conf_any {
	bool flag;
	int64_t number;
	uint16_t port;
	char *text;
	struct wm_prefix prefix;
	struct wm_endpoint endpoint;
	struct wm_addr addr;
	struct wm_conf_list list;
	struct wm_conf_map map;
};

#define WM_CONF_ITEMS_MAX 4096 /* entries of one list or map */

/*
 * Sets the value at @at (of @o's kind) from @text, replacing what was there; lists and maps take
 * commas. With @add they keep what they have and grow. The error says what is wanted and, unless
 * the row is secret, what was found, but not which option: the caller knows how it was spelt.
 */
int wm_conf_value_parse(const struct wm_conf_option *o, const char *text, bool add, void *at,
			struct wm_err *err) WM_MUST_CHECK;
/* Appends one item to a list, as it is: a comma in it does not divide it. */
int wm_conf_value_add_item(const struct wm_conf_option *o, const char *item, void *at,
			   struct wm_err *err) WM_MUST_CHECK;
/* Adds one pair to a map; a key that is there already is an error. */
int wm_conf_value_add_pair(const struct wm_conf_option *o, const char *key, const char *value,
			   void *at, struct wm_err *err) WM_MUST_CHECK;
/* Appends the text form, which wm_conf_value_parse would take again. */
void wm_conf_value_format(const struct wm_conf_option *o, const void *at, struct wm_buf *out);
/* How much of the program's struct a value of the row's kind takes. */
size_t wm_conf_value_size(const struct wm_conf_option *o);
/* Releases what the value holds and zeroes it. */
void wm_conf_value_fini(const struct wm_conf_option *o, void *at);
/* True when the value is the one that the row's default makes. */
bool wm_conf_value_is_default(const struct wm_conf_option *o, const void *at);
/* "FILE", "TIME": what --help calls a value of the row; "" for a boolean. */
const char *wm_conf_value_name(const struct wm_conf_option *o);
/* "true or false", "a duration such as 1m30s": what a value of the row has to be. */
const char *wm_conf_value_wants(const struct wm_conf_option *o);
