#include "fabric/endpoint.h"

#include <string.h>

#include "base/str.h"
#include "fabric/desired.h"

/* RFC 1123: letters, digits, hyphens and dots; an underscore is seen in the wild. */
static bool is_host_name(const char *s)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_";
	size_t n = strlen(s);

	/* All digits and dots is an address that has gone wrong, and resolvers read those oddly. */
	return n > 0 && n < WM_HOST_NAME && s[strspn(s, allowed)] == '\0' &&
	       s[strspn(s, "0123456789.")] != '\0' && s[0] != '-' && s[0] != '.';
}

static bool can_be_sent_to(const struct wm_endpoint *e)
{
	return e->port != 0 && wm_addr_is_valid(&e->addr) && !wm_addr_is_unspecified(&e->addr) &&
	       !wm_addr_is_multicast(&e->addr);
}

void wm_endpoint_text_parse(const char *s, struct wm_endpoint_text *out)
{
	memset(out, 0, sizeof(*out));
	if (wm_str_is_empty(s))
		return;
	if (wm_endpoint_parse(s, &out->literal)) {
		out->kind =
			can_be_sent_to(&out->literal) ? WM_ENDPOINT_LITERAL : WM_ENDPOINT_ABSENT;
		return;
	}
	if (wm_host_port_parse(s, out->host, sizeof(out->host), &out->port) &&
	    is_host_name(out->host))
		out->kind = WM_ENDPOINT_NAME;
}

static bool is_local(const struct wm_endpoint_view *view, const struct wm_addr *a)
{
	for (size_t i = 0; i < view->n_local; i++)
		if (wm_prefix_contains(&view->local[i], a))
			return true;
	return false;
}

/* A bare address (what nodes store) names the candidate with that very address. */
static bool find_candidate_of(const struct wm_desired_peer *peer, const struct wm_addr *addr,
			      struct wm_endpoint *out)
{
	struct wm_endpoint_text text;

	for (size_t i = 0; i < peer->n_candidates; i++) {
		wm_endpoint_text_parse(peer->candidates[i], &text);
		if (text.kind == WM_ENDPOINT_LITERAL && wm_addr_equal(&text.literal.addr, addr)) {
			*out = text.literal;
			return true;
		}
	}
	return false;
}

static bool find_configured(const struct wm_desired_peer *peer, const struct wm_endpoint_view *view,
			    struct wm_endpoint *out)
{
	const struct wm_endpoint *found = NULL;
	struct wm_endpoint_text text;
	struct wm_addr bare;

	if (wm_addr_parse(peer->endpoint, &bare))
		return find_candidate_of(peer, &bare, out);
	wm_endpoint_text_parse(peer->endpoint, &text);
	if (text.kind == WM_ENDPOINT_LITERAL)
		found = &text.literal;
	else if (text.kind == WM_ENDPOINT_NAME && view->resolve != NULL)
		found = view->resolve(view->arg, text.host, text.port);
	if (found == NULL || !can_be_sent_to(found))
		return false;
	*out = *found;
	return true;
}

static bool find_local_candidate(const struct wm_desired_peer *peer,
				 const struct wm_endpoint_view *view, struct wm_endpoint *out)
{
	struct wm_endpoint_text text;

	for (size_t i = 0; i < peer->n_candidates; i++) {
		wm_endpoint_text_parse(peer->candidates[i], &text);
		if (text.kind == WM_ENDPOINT_LITERAL && is_local(view, &text.literal.addr)) {
			*out = text.literal;
			return true;
		}
	}
	return false;
}

bool wm_endpoint_choose(const struct wm_desired_peer *peer, const struct wm_endpoint_view *view,
			struct wm_endpoint *out)
{
	bool found = find_configured(peer, view, out);

	if (wm_str_is_empty(view->zone) || !wm_streq(view->zone, peer->zone))
		return found;
	if (found && is_local(view, &out->addr))
		return true;
	return find_local_candidate(peer, view, out) || found;
}
