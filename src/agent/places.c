/*
 * The file: one line "webmesh-places 1 <public key>", then a line "<WireGuard key> <endpoint>" for
 * each peer, in no order. Its time is that of the last handshake: while nobody has moved, it is
 * touched and not written.
 */
#include "agent/places.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/internal.h"
#include "agent/options.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

#define PAUSE       (500 * WM_NS_PER_MS)
#define FRESH       (180 * WM_NS_PER_S) /* the longest that a session lives */
#define LIMIT       (16u * 1024 * 1024)
#define HEADER      "webmesh-places 1 %s\n"
#define HEADER_TEXT 128

struct wm_places {
	struct wm_agent *agent;
	struct wm_map map; /* public key -> struct wm_endpoint, of the last run */
	struct wm_timer timer;
	char *path; /* NULL = nothing is kept */
	struct wm_buf written;
	bool is_fresh;
	bool cannot_save; /* said once */
};

/* ---- what the last run has left ---- */

static void add_line(struct wm_places *p, const char *line, size_t len)
{
	char text[WM_ENDPOINT_TEXT];
	uint8_t key[WM_WG_KEY];
	struct wm_endpoint at;
	size_t key_len = WM_WG_KEY_TEXT - 1;
	if (len <= key_len + 1 || len - key_len - 1 >= sizeof(text) || line[key_len] != ' ')
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(len - key_len - 1), line + key_len + 1);
	if (!wm_wg_key_parse(line, key_len, key) || !wm_endpoint_parse(text, &at) ||
	    wm_map_find_n(&p->map, key, sizeof(key)) != NULL)
		return;
	wm_map_put_n(&p->map, key, sizeof(key), wm_memdup(&at, sizeof(at)));
}

/* @content ends with a NUL. */
static void add_lines(struct wm_places *p, const char *content)
{
	while (*content != '\0') {
		size_t len = strcspn(content, "\n");
		add_line(p, content, len);
		content += len + (content[len] == '\n');
	}
}

static void load(struct wm_places *p)
{
	char header[HEADER_TEXT];
	struct wm_buf content = {0};
	struct stat st;
	int n = snprintf(header, sizeof(header), HEADER, p->agent->identity.public_text);
	if (wm_file_read(p->path, LIMIT, true, &content, NULL) == 0 && stat(p->path, &st) == 0 &&
	    strncmp(wm_buf_str(&content), header, (size_t)n) == 0) {
		int64_t age = wm_clock_wall() - (int64_t)st.st_mtime * WM_NS_PER_S;
		add_lines(p, wm_buf_str(&content) + n);
		p->is_fresh = p->map.count > 0 && age < FRESH && age > -FRESH;
	}
	wm_buf_fini(&content);
}

struct wm_places *wm_places_open(struct wm_agent *a)
{
	const struct wm_node_options *o = a->options;
	struct wm_places *p = wm_alloc(sizeof(*p));
	char path[PATH_MAX];
	p->agent = a;
	if (o->storage_in_memory || wm_str_is_empty(o->wireguard_key_file) ||
	    snprintf(path, sizeof(path), "%s/last-places", o->storage_path) >= (int)sizeof(path))
		return p;
	p->path = wm_strdup(path);
	load(p);
	return p;
}

static void clear(struct wm_places *p)
{
	struct wm_map_entry *e;
	wm_map_each (e, &p->map)
		wm_free(e->value);
	wm_map_fini(&p->map);
}

void wm_places_free(struct wm_places *p)
{
	if (p == NULL)
		return;
	wm_timer_stop(&p->timer);
	clear(p);
	wm_buf_fini(&p->written);
	wm_free(p->path);
	wm_free(p);
}

bool wm_places_are_fresh(const struct wm_places *p)
{
	return p->is_fresh;
}

const struct wm_endpoint *wm_places_recall(void *arg, const uint8_t public_key[WM_WG_KEY])
{
	struct wm_places *p = arg;
	return wm_map_find_n(&p->map, public_key, WM_WG_KEY);
}

/* ---- for the next one ---- */

/* False when there are no peers: they may have gone with a device that is lost. */
static bool list_peers(const struct wm_places *p, struct wm_buf *out)
{
	struct wm_wg_config *now = wm_wg_device_get(p->agent->device, false);
	int64_t since = wm_clock_wall() - FRESH;
	wm_buf_printf(out, HEADER, p->agent->identity.public_text);
	for (size_t i = 0; i < now->n_peers; i++) {
		const struct wm_wg_peer_config *c = &now->peers[i];
		char key[WM_WG_KEY_TEXT], at[WM_ENDPOINT_TEXT];
		if (c->has_endpoint && c->last_handshake_wall_ns > since)
			wm_buf_printf(out, "%s %s\n", wm_wg_key_format(c->public_key, key),
				      wm_endpoint_format(&c->endpoint, at));
	}
	bool has_peers = now->n_peers > 0;
	wm_wg_config_free(now);
	return has_peers;
}

static bool is_written(const struct wm_places *p, const struct wm_buf *content)
{
	return p->written.len == content->len && content->len > 0 &&
	       memcmp(p->written.data, content->data, content->len) == 0 &&
	       utimensat(AT_FDCWD, p->path, NULL, 0) == 0;
}

void wm_places_save(struct wm_places *p)
{
	struct wm_buf content = {0};
	struct wm_err err;
	if (p == NULL || p->path == NULL)
		return;
	wm_timer_stop(&p->timer);
	if (!list_peers(p, &content) || is_written(p, &content)) {
		wm_buf_fini(&content);
		return;
	}
	int rc = wm_folder_make(p->agent->options->storage_path, &err);
	if (rc == 0)
		rc = wm_file_replace(p->path, 0600, content.data, content.len, &err);
	if (rc != 0 && !p->cannot_save)
		wm_warn(p->agent->log, "places.not_saved",
			"error=\"%s\" meaning=\"after a restart, peers behind a NAT have to find "
			"this node\"",
			err.text);
	p->cannot_save |= rc != 0;
	wm_buf_fini(&p->written);
	p->written = content;
}

static void on_timer(struct wm_timer *t)
{
	wm_places_save(wm_container_of(t, struct wm_places, timer));
}

void wm_places_note(struct wm_places *p)
{
	if (p != NULL && p->path != NULL && !wm_timer_is_running(&p->timer))
		wm_timer_start(p->agent->loop, &p->timer, PAUSE, on_timer);
}

void wm_places_forget(struct wm_places *p)
{
	wm_timer_stop(&p->timer);
	clear(p);
	if (p->path != NULL)
		unlink(p->path);
	wm_free(p->path);
	p->path = NULL;
}
