/* The endpoint part of base/addr.h. */
#include "base/addr.h"

#include <string.h>

#include "base/socket.h"
#include "base/str.h"

#ifdef _WIN32
#include <iphlpapi.h>
#else
#include <net/if.h>
#endif

#define ZONE_TEXT IF_NAMESIZE

bool wm_endpoint_equal(const struct wm_endpoint *a, const struct wm_endpoint *b)
{
	return a->port == b->port && a->scope == b->scope && wm_addr_equal(&a->addr, &b->addr);
}

static bool parse_zone(const char *s, uint32_t *scope)
{
	uint64_t number;

	*scope = if_nametoindex(s);
	if (*scope != 0)
		return true;
	if (!wm_parse_u64(s, 1, UINT32_MAX, &number))
		return false;
	*scope = (uint32_t)number;
	return true;
}

/* What stands between the brackets: an IPv6 address, with a zone if it is link-local. */
static bool parse_bracketed(const char *s, size_t n, struct wm_endpoint *out)
{
	char host[WM_ADDR_TEXT + 1 + ZONE_TEXT];
	char *rest = host;

	if (n >= sizeof(host) || memchr(s, ':', n) == NULL)
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	wm_str_cut(&rest, '%');
	if (!wm_addr_parse(host, &out->addr))
		return false;
	if (rest == NULL)
		return true;
	return out->addr.family == WM_IPV6 && wm_addr_is_link_local(&out->addr) &&
	       parse_zone(rest, &out->scope);
}

static bool parse_plain(const char *s, size_t n, struct wm_endpoint *out)
{
	char host[WM_ADDR_TEXT];

	if (n >= sizeof(host) || memchr(s, ':', n) != NULL)
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	return wm_addr_parse(host, &out->addr);
}

bool wm_endpoint_parse(const char *s, struct wm_endpoint *out)
{
	struct wm_endpoint e = {0};
	const char *colon = s != NULL ? strrchr(s, ':') : NULL;
	uint64_t port;
	bool ok;

	if (colon == NULL || !wm_parse_u64(colon + 1, 0, UINT16_MAX, &port))
		return false;
	if (*s == '[' && colon[-1] == ']')
		ok = parse_bracketed(s + 1, (size_t)(colon - s) - 2, &e);
	else
		ok = parse_plain(s, (size_t)(colon - s), &e);
	if (!ok)
		return false;
	e.port = (uint16_t)port;
	*out = e;
	return true;
}

char *wm_endpoint_format(const struct wm_endpoint *e, char out[WM_ENDPOINT_TEXT])
{
	bool v6 = e->addr.family == WM_IPV6;
	char *end = out;

	if (wm_addr_is_valid(&e->addr)) {
		if (v6)
			*end++ = '[';
		end += strlen(wm_addr_format(&e->addr, end));
		if (v6 && e->scope != 0) {
			*end++ = '%';
			end = wm_put_u64(end, e->scope);
		}
		if (v6)
			*end++ = ']';
		*end++ = ':';
		end = wm_put_u64(end, e->port);
	}
	*end = '\0';
	return out;
}

bool wm_endpoint_from_sockaddr(const struct sockaddr *sa, struct wm_endpoint *out)
{
	struct wm_endpoint e = {0};
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		e.addr.family = WM_IPV4;
		memcpy(e.addr.bytes, &v4.sin_addr, 4);
		e.port = ntohs(v4.sin_port);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		e.addr.family = WM_IPV6;
		memcpy(e.addr.bytes, &v6.sin6_addr, 16);
		e.addr = wm_addr_unmapped(&e.addr);
		e.port = ntohs(v6.sin6_port);
		e.scope = wm_addr_is_link_local(&e.addr) ? v6.sin6_scope_id : 0;
	} else {
		return false;
	}
	*out = e;
	return true;
}

unsigned wm_endpoint_to_sockaddr(const struct wm_endpoint *e, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(e->port)};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(e->port)};

	memset(out, 0, sizeof(*out));
	if (e->addr.family == WM_IPV4) {
		memcpy(&v4.sin_addr, e->addr.bytes, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	if (e->addr.family == WM_IPV6) {
		memcpy(&v6.sin6_addr, e->addr.bytes, 16);
		v6.sin6_scope_id = e->scope;
		memcpy(out, &v6, sizeof(v6));
		return sizeof(v6);
	}
	return 0;
}

/* No blanks and no control characters: neither a name nor an address has them. */
static bool is_host_text(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || s[i] == '[' || s[i] == ']')
			return false;
	}
	return true;
}

bool wm_host_port_parse(const char *s, char *host, size_t size, uint16_t *port)
{
	const char *colon = s != NULL ? strrchr(s, ':') : NULL;
	uint64_t number;
	size_t n;

	if (colon == NULL || !wm_parse_u64(colon + 1, 1, UINT16_MAX, &number))
		return false;
	n = (size_t)(colon - s);
	if (n >= 2 && s[0] == '[' && s[n - 1] == ']') {
		s++;
		n -= 2;
		if (n == 0)
			return false;
	} else if (memchr(s, ':', n) != NULL) {
		return false; /* an IPv6 address without brackets: where does it end? */
	}
	if (n >= size || !is_host_text(s, n))
		return false;
	memcpy(host, s, n);
	host[n] = '\0';
	*port = (uint16_t)number;
	return true;
}
