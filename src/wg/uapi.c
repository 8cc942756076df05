/*
 * A request is a table of keys: first those of the device, then, from the first public_key on,
 * those of a peer. Each key has a function that reads its value.
 */
#include "wg/uapi.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define LINE_MAX_BYTES 256

struct reading {
	struct wm_wg_config *config;
	struct wm_wg_peer_config *peer; /* NULL before the first public_key */
	size_t cap_peers, cap_allowed;
};

struct key {
	const char *name;
	bool (*read)(struct reading *r, const char *value);
};

static bool read_true(const char *value)
{
	return wm_streq(value, "true");
}

/* ---- of the device ---- */

static bool read_private_key(struct reading *r, const char *value)
{
	r->config->has_private_key = true;
	return wm_hex_parse(value, r->config->private_key, WM_WG_KEY);
}

static bool read_listen_port(struct reading *r, const char *value)
{
	uint64_t port;
	if (!wm_parse_u64(value, 0, UINT16_MAX, &port))
		return false;
	r->config->has_listen_port = true;
	r->config->listen_port = (uint16_t)port;
	return true;
}

static bool read_fwmark(struct reading *r, const char *value)
{
	uint64_t mark;
	if (!wm_parse_u64(value, 0, UINT32_MAX, &mark))
		return false;
	r->config->has_fwmark = true;
	r->config->fwmark = (uint32_t)mark;
	return true;
}

static bool read_replace_peers(struct reading *r, const char *value)
{
	r->config->replace_peers = true;
	return read_true(value);
}

/* ---- of a peer ---- */

static bool read_public_key(struct reading *r, const char *value)
{
	struct wm_wg_config *c = r->config;
	if (c->n_peers == r->cap_peers) {
		r->cap_peers = r->cap_peers != 0 ? r->cap_peers * 2 : 4;
		struct wm_wg_peer_config *more = wm_calloc(r->cap_peers, sizeof(*more));
		if (c->n_peers > 0) { /* not realloc: it would leave keys behind */
			memcpy(more, c->peers, c->n_peers * sizeof(*more));
			wm_wipe(c->peers, c->n_peers * sizeof(*more));
		}
		wm_free(c->peers);
		c->peers = more;
	}
	r->peer = &c->peers[c->n_peers++];
	r->cap_allowed = 0;
	return wm_hex_parse(value, r->peer->public_key, WM_WG_KEY);
}

static bool read_remove(struct reading *r, const char *value)
{
	r->peer->flags |= WM_WG_PEER_REMOVE;
	return read_true(value);
}

static bool read_update_only(struct reading *r, const char *value)
{
	r->peer->flags |= WM_WG_PEER_UPDATE_ONLY;
	return read_true(value);
}

static bool read_preshared_key(struct reading *r, const char *value)
{
	r->peer->has_psk = true;
	return wm_hex_parse(value, r->peer->psk, WM_WG_KEY);
}

static bool read_endpoint(struct reading *r, const char *value)
{
	r->peer->has_endpoint = true;
	return wm_endpoint_parse(value, &r->peer->endpoint) && r->peer->endpoint.port != 0;
}

static bool read_keepalive(struct reading *r, const char *value)
{
	uint64_t seconds;
	if (!wm_parse_u64(value, 0, UINT16_MAX, &seconds))
		return false;
	r->peer->has_keepalive = true;
	r->peer->keepalive_s = (uint16_t)seconds;
	return true;
}

static bool read_replace_allowed(struct reading *r, const char *value)
{
	r->peer->flags |= WM_WG_PEER_REPLACE_ALLOWED;
	return read_true(value);
}

/* "10.0.0.0/8"; with a minus in front it is taken away. */
static bool read_allowed_ip(struct reading *r, const char *value)
{
	struct wm_wg_allowed a = {.remove = value[0] == '-'};
	struct wm_wg_peer_config *p = r->peer;
	if (!wm_prefix_parse(value + a.remove, &a.prefix))
		return false;
	if (p->n_allowed == r->cap_allowed) {
		r->cap_allowed = r->cap_allowed != 0 ? r->cap_allowed * 2 : 4;
		p->allowed = wm_realloc(p->allowed, r->cap_allowed * sizeof(a));
	}
	p->allowed[p->n_allowed++] = a;
	return true;
}

static bool read_protocol_version(struct reading *r, const char *value)
{
	return wm_streq(value, "1");
}

static const struct key device_keys[] = {
	{"private_key", read_private_key}, {"listen_port", read_listen_port},
	{"fwmark", read_fwmark},           {"replace_peers", read_replace_peers},
	{"public_key", read_public_key},
};

static const struct key peer_keys[] = {
	{"public_key", read_public_key},
	{"remove", read_remove},
	{"update_only", read_update_only},
	{"preshared_key", read_preshared_key},
	{"endpoint", read_endpoint},
	{"persistent_keepalive_interval", read_keepalive},
	{"replace_allowed_ips", read_replace_allowed},
	{"allowed_ip", read_allowed_ip},
	{"protocol_version", read_protocol_version},
};

/* ---- requests ---- */

static const struct key *find_key(const struct reading *r, const char *name)
{
	const struct key *keys = r->peer != NULL ? peer_keys : device_keys;
	size_t n = r->peer != NULL ? WM_ARRAY_LEN(peer_keys) : WM_ARRAY_LEN(device_keys);
	for (size_t i = 0; i < n; i++)
		if (wm_streq(keys[i].name, name))
			return &keys[i];
	return NULL;
}

static int read_line(struct reading *r, char *line, size_t number, struct wm_err *err)
{
	char *value = strchr(line, '=');
	if (value == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "line %zu is not key=value", number);
	*value++ = '\0';
	const struct key *key = find_key(r, line);
	if (key == NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "line %zu: unknown key", number);
	/* The value may be a secret, so it is not repeated. */
	if (!key->read(r, value))
		return wm_fail(err, WM_INVALID_ARGUMENT, "line %zu: bad value for %s", number,
			       key->name);
	return 0;
}

/* Copies the next line into @line; 0 at the end. */
static int next_line(const char **at, const char *end, char line[LINE_MAX_BYTES], size_t number,
		     struct wm_err *err)
{
	const char *stop = memchr(*at, '\n', (size_t)(end - *at));
	size_t len = (size_t)((stop != NULL ? stop : end) - *at);
	if (*at == end)
		return 0;
	if (len >= LINE_MAX_BYTES || memchr(*at, '\0', len) != NULL)
		return wm_fail(err, WM_INVALID_ARGUMENT, "line %zu is too long or not text",
			       number);
	memcpy(line, *at, len);
	line[len] = '\0';
	*at = stop != NULL ? stop + 1 : end;
	return 1;
}

static int read_lines(struct reading *r, const char *at, const char *end, struct wm_err *err)
{
	char line[LINE_MAX_BYTES];
	int rc;
	for (size_t number = 2; (rc = next_line(&at, end, line, number, err)) == 1; number++) {
		rc = read_line(r, line, number, err);
		if (rc != 0)
			break;
	}
	wm_wipe(line, sizeof(line));
	return rc;
}

int wm_wg_uapi_parse(const char *text, size_t len, enum wm_wg_uapi_verb *verb,
		     struct wm_wg_config **out, struct wm_err *err)
{
	const char *at = text, *end = text + len;
	char line[LINE_MAX_BYTES];
	*out = NULL;
	int rc = next_line(&at, end, line, 1, err);
	if (rc < 0)
		return rc;
	if (rc == 1 && wm_streq(line, "get=1") && at == end) {
		*verb = WM_WG_UAPI_GET;
		return 0;
	}
	if (rc == 0 || !wm_streq(line, "set=1"))
		return wm_fail(err, WM_INVALID_ARGUMENT,
			       "a request begins with set=1, or is get=1 alone");
	*verb = WM_WG_UAPI_SET;
	struct reading r = {.config = wm_alloc(sizeof(*r.config))};
	rc = read_lines(&r, at, end, err);
	if (rc != 0)
		wm_wg_config_free(r.config);
	else
		*out = r.config;
	return rc;
}

/* ---- answers ---- */

static void add_key(struct wm_buf *out, const char *name, const uint8_t key[WM_WG_KEY])
{
	char hex[2 * WM_WG_KEY + 1];
	wm_hex_format(key, WM_WG_KEY, hex);
	wm_buf_printf(out, "%s=%s\n", name, hex);
	wm_wipe(hex, sizeof(hex));
}

static void add_peer(struct wm_buf *out, const struct wm_wg_peer_config *p)
{
	char endpoint[WM_ENDPOINT_TEXT], prefix[WM_PREFIX_TEXT];
	add_key(out, "public_key", p->public_key);
	if (p->has_psk)
		add_key(out, "preshared_key", p->psk);
	wm_buf_add_str(out, "protocol_version=1\n");
	if (p->has_endpoint)
		wm_buf_printf(out, "endpoint=%s\n", wm_endpoint_format(&p->endpoint, endpoint));
	wm_buf_printf(out, "last_handshake_time_sec=%lld\nlast_handshake_time_nsec=%lld\n",
		      p->last_handshake_wall_ns / WM_NS_PER_S,
		      p->last_handshake_wall_ns % WM_NS_PER_S);
	wm_buf_printf(out, "tx_bytes=%" PRIu64 "\nrx_bytes=%" PRIu64 "\n", p->tx_bytes,
		      p->rx_bytes);
	wm_buf_printf(out, "persistent_keepalive_interval=%u\n", p->keepalive_s);
	for (size_t i = 0; i < p->n_allowed; i++)
		wm_buf_printf(out, "allowed_ip=%s\n",
			      wm_prefix_format(&p->allowed[i].prefix, prefix));
}

void wm_wg_uapi_format(const struct wm_wg_config *c, struct wm_buf *out)
{
	if (c->has_private_key)
		add_key(out, "private_key", c->private_key);
	if (c->has_listen_port)
		wm_buf_printf(out, "listen_port=%u\n", c->listen_port);
	if (c->has_fwmark)
		wm_buf_printf(out, "fwmark=%u\n", c->fwmark);
	for (size_t i = 0; i < c->n_peers; i++)
		add_peer(out, &c->peers[i]);
	wm_wg_uapi_format_result(0, out);
}

static int errno_of(int code)
{
	switch (code) {
	case WM_OK: return 0;
	case WM_ALREADY_EXISTS: return EADDRINUSE;
	case WM_PERMISSION_DENIED: return EPERM;
	case WM_RESOURCE_EXHAUSTED: return ENOMEM;
	case WM_INVALID_ARGUMENT: return EINVAL;
	default: return EIO;
	}
}

void wm_wg_uapi_format_result(int code, struct wm_buf *out)
{
	wm_buf_printf(out, "errno=%d\n\n", -errno_of(code));
}
