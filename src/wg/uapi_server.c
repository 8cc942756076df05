#include "wg/uapi_server.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "base/log.h"
#include "base/mem.h"
#include "loop/conn.h"
#include "wg/userspace.h"
#include "wg/uapi.h"

#define CLIENTS_MAX 16
#define QUEUED_MAX  (1024 * 1024) /* of answers that wait when a client asks again */

struct wm_wg_uapi_server {
	struct wm_wg_userspace *device;
	struct wm_listener *listener;
	struct wm_list clients;
	unsigned n_clients;
};

struct client {
	struct wm_list node;
	struct wm_wg_uapi_server *server;
	struct wm_conn *conn;
	struct wm_buf in;
	size_t seen;  /* bytes of it that hold no end of a request */
	bool is_over; /* closes when its answers have left */
};

static void free_client(struct client *c)
{
	wm_list_remove(&c->node);
	c->server->n_clients--;
	wm_conn_close(c->conn);
	if (c->in.data != NULL)
		wm_wipe(c->in.data, c->in.cap);
	wm_buf_fini(&c->in);
	wm_free(c);
}

static void answer(struct client *c, struct wm_buf *text)
{
	wm_conn_write(c->conn, text->data, text->len);
	wm_wipe(text->data, text->len);
	wm_buf_fini(text);
}

static int set(struct wm_wg_userspace *d, struct wm_wg_config *wish)
{
	struct wm_err err;
	int rc = wm_wg_userspace_configure(d, wish, &err);
	if (rc != 0) {
		char quoted[WM_ERR_TEXT];
		wm_warn(d->log, "wg.uapi_refused", "reason=%s",
			wm_log_quote(err.text, quoted, sizeof(quoted)));
	}
	return rc;
}

/* At least as much as the text of @c needs. */
static size_t room_for(const struct wm_wg_config *c)
{
	size_t n = 512 + c->n_peers * 512;
	for (size_t i = 0; i < c->n_peers; i++)
		n += c->peers[i].n_allowed * 64;
	return n;
}

/* One request of @len bytes, without its empty line. */
static void serve(struct client *c, const char *text, size_t len)
{
	struct wm_wg_userspace *d = c->server->device;
	struct wm_wg_config *config;
	struct wm_buf out = {.len = 0};
	enum wm_wg_uapi_verb verb;
	int rc = wm_wg_uapi_parse(text, len, &verb, &config, NULL);
	if (rc == 0 && verb == WM_WG_UAPI_GET) {
		config = wm_wg_userspace_get(d, true);
		wm_buf_reserve(&out, room_for(config)); /* at once, so that no copy stays behind */
		wm_wg_uapi_format(config, &out);
	} else {
		wm_wg_uapi_format_result(rc == 0 ? set(d, config) : rc, &out);
	}
	wm_wg_config_free(config);
	answer(c, &out);
}

/* Serves the whole requests in the buffer; false when it asks for more than it reads. */
static bool serve_all(struct client *c)
{
	while (c->in.len > 0) {
		if (wm_conn_queued(c->conn) > QUEUED_MAX)
			return false;
		const char *text = wm_buf_str(&c->in);
		size_t from = c->seen > 0 ? c->seen - 1 : 0; /* the end may have come in halves */
		const char *end = memmem(text + from, c->in.len - from, "\n\n", 2);
		c->seen = end == NULL ? c->in.len : 0;
		if (end == NULL)
			break;
		size_t len = (size_t)(end - text);
		serve(c, text, len + 1);
		wm_wipe(c->in.data, len);
		wm_buf_consume(&c->in, len + 2);
	}
	return true;
}

static void on_read(void *arg, struct wm_conn *conn, const uint8_t *data, size_t len,
		    const struct wm_err *err)
{
	struct client *c = arg;
	if (err != NULL || c->in.len + len > WM_WG_UAPI_MAX) {
		free_client(c);
		return;
	}
	wm_buf_add(&c->in, data, len);
	wm_wipe((void *)(uintptr_t)data, len); /* the loop's, which nobody reads again */
	bool reads = serve_all(c);
	c->is_over = len == 0;
	if (!reads || (c->is_over && wm_conn_queued(conn) == 0))
		free_client(c);
}

static void on_drain(void *arg, struct wm_conn *conn)
{
	struct client *c = arg;
	if (c->is_over)
		free_client(c);
}

static void on_accept(void *arg, struct wm_conn *conn)
{
	static const struct wm_conn_events events = {.on_read = on_read, .on_drain = on_drain};
	struct wm_wg_uapi_server *s = arg;
	if (s->n_clients == CLIENTS_MAX) {
		wm_conn_close(conn);
		return;
	}
	struct client *c = wm_alloc(sizeof(*c));
	c->server = s;
	c->conn = conn;
	wm_list_push(&s->clients, &c->node);
	s->n_clients++;
	wm_conn_set_events(conn, &events, c);
	wm_conn_read_start(conn);
}

int wm_wg_uapi_server_open(struct wm_loop *loop, struct wm_wg_userspace *d, const char *dir,
			   struct wm_wg_uapi_server **out, struct wm_err *err)
{
	char path[108]; /* what a socket address holds */
	struct wm_listen_opts opts = {.path = path};
	int n = snprintf(path, sizeof(path), "%s/%s.sock", dir, d->face.name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return wm_fail(err, WM_INVALID_ARGUMENT, "the path %s/%s.sock is too long", dir,
			       d->face.name);
	if (mkdir(dir, 0755) != 0 && errno != EEXIST)
		return wm_fail_errno(err, errno, "make the folder %s", dir);
	struct wm_wg_uapi_server *s = wm_alloc(sizeof(*s));
	s->device = d;
	wm_list_init(&s->clients);
	int rc = wm_listener_open(loop, &opts, on_accept, s, &s->listener, err);
	if (rc != 0) {
		wm_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void wm_wg_uapi_server_close(struct wm_wg_uapi_server *s)
{
	struct wm_list *it, *tmp;
	if (s == NULL)
		return;
	wm_list_each_safe (it, tmp, &s->clients)
		free_client(wm_container_of(it, struct client, node));
	wm_listener_close(s->listener);
	wm_free(s);
}
