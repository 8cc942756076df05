#include "rules.h"
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "packets.h"

static const uint8_t protocols[] = {0, 1, 6, 6, 17, 17, 50, 58, 132, 200};

/* ---- random rules ---- */

static struct wm_prefix any_prefix(enum rules_shape shape)
{
	struct wm_prefix p = {.addr.family = one_in(2) ? WM_IPV6 : WM_IPV4};
	unsigned bytes = p.addr.family == WM_IPV6 ? 16 : 4;
	bool is_near = shape != RULES_SCATTERED;
	for (unsigned i = 0; i < bytes; i++)
		p.addr.bytes[i] = (uint8_t)(one_in(3) ? any_below(256) : one_in(2) ? 0 : 0x80);
	if (is_near)
		p.addr.bytes[0] = bytes == 16 ? 0xfd : 10;
	p.bits = (uint8_t)(is_near && !one_in(20) ? 8 * (1 + any_below(bytes))
						  : any_below(bytes * 8 + 1));
	return p;
}

static const struct wm_prefix *any_prefixes(enum rules_shape shape, size_t *n)
{
	*n = shape == RULES_PORTS    ? any_below(10) / 9
	     : shape == RULES_GROUPS ? any_below(20)
				     : any_below(8) > 0;
	struct wm_prefix *list = wm_calloc(*n + 1, sizeof(*list));
	for (size_t i = 0; i < *n; i++)
		list[i] = any_prefix(shape);
	return list;
}

static struct wm_wg_ports any_ports(enum rules_shape shape)
{
	struct wm_wg_ports p = {0, 0};
	if (one_in(shape == RULES_PORTS ? 5 : 2))
		return p;
	p.first = (uint16_t)any_below(one_in(2) ? 65536 : 100);
	p.last = one_in(2) ? p.first : (uint16_t)(p.first + any_below(65536u - p.first));
	return p;
}

static void make_rule(struct wm_wg_rule *r, enum rules_shape shape)
{
	r->sources = any_prefixes(shape, &r->n_sources);
	r->targets = any_prefixes(shape, &r->n_targets);
	r->protocol = protocols[any_below(sizeof(protocols))];
	r->allows = one_in(2);
	r->only_answers = r->protocol == TCP && one_in(4);
	if (wm_wg_flow_has_ports(r->protocol)) {
		r->source_ports = any_ports(shape);
		r->target_ports = any_ports(shape);
	}
}

/* Behind a rule for everybody there is nothing left to test: these come last. */
static void narrow(struct wm_wg_rule *r)
{
	if (r->n_sources > 0 || r->n_targets > 0 || r->source_ports.last > 0 ||
	    r->target_ports.last > 0)
		return;
	struct wm_prefix p = any_prefix(RULES_NESTED);
	wm_free((void *)(uintptr_t)r->targets);
	r->targets = wm_memdup(&p, sizeof(p));
	r->n_targets = 1;
}

void rules_make(struct rules *r, enum rules_shape shape, unsigned n)
{
	memset(r, 0, sizeof(*r));
	r->items = wm_calloc(n + 1, sizeof(*r->items));
	for (unsigned i = 0; i < n; i++) {
		make_rule(&r->items[i], shape);
		if (i < n - n / 10)
			narrow(&r->items[i]);
	}
	for (unsigned i = 0; i < 3; i++)
		r->members[i] = any_prefix(RULES_NESTED).addr;
	r->spec = (struct wm_wg_policy_spec){.rules = r->items,
					     .n_rules = n,
					     .allows_rest = one_in(2),
					     .members = r->members,
					     .n_members = one_in(2) ? 3 : 0,
					     .peer_port = 9000};
}

void rules_free(struct rules *r)
{
	for (size_t i = 0; i < r->spec.n_rules; i++) {
		wm_free((void *)(uintptr_t)r->items[i].sources);
		wm_free((void *)(uintptr_t)r->items[i].targets);
	}
	wm_free(r->items);
}

/* ---- what they mean ---- */

static struct wm_addr addr_of(const struct wm_wg_flow *f, const uint8_t bytes[16])
{
	struct wm_addr a = {.family = f->version == 4 ? WM_IPV4 : WM_IPV6};
	memcpy(a.bytes, bytes, sizeof(a.bytes));
	return a;
}

static bool is_among(const struct wm_prefix *list, size_t n, const struct wm_addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (wm_prefix_contains(&list[i], a))
			return true;
	return n == 0;
}

static bool is_port(const struct wm_wg_ports *p, uint16_t port)
{
	return (p->first == 0 && p->last == 0) || (port >= p->first && port <= p->last);
}

static bool is_about(const struct wm_wg_rule *r, const struct wm_wg_flow *f)
{
	struct wm_addr source = addr_of(f, f->source), target = addr_of(f, f->target);
	bool names_more = r->source_ports.last != 0 || r->target_ports.last != 0 || r->only_answers;
	if (!is_among(r->sources, r->n_sources, &source) ||
	    !is_among(r->targets, r->n_targets, &target))
		return false;
	if (r->protocol != 0 && r->protocol != f->protocol)
		return false;
	if (f->kind == WM_WG_FLOW_LATER)
		return r->allows || !names_more;
	if (r->only_answers && f->kind != WM_WG_FLOW_ANSWERS)
		return false;
	return is_port(&r->source_ports, f->source_port) &&
	       is_port(&r->target_ports, f->target_port);
}

static bool is_member(const struct wm_wg_policy_spec *s, const struct wm_addr *a)
{
	for (size_t i = 0; i < s->n_members; i++)
		if (wm_addr_equal(&s->members[i], a))
			return true;
	return false;
}

static bool is_fixed(const struct wm_wg_policy_spec *s, const struct wm_wg_flow *f)
{
	struct wm_addr source = addr_of(f, f->source), target = addr_of(f, f->target);
	if (f->protocol != TCP || !is_member(s, &source) || !is_member(s, &target))
		return false;
	return f->kind == WM_WG_FLOW_LATER || f->target_port == s->peer_port ||
	       (f->source_port == s->peer_port && f->kind == WM_WG_FLOW_ANSWERS);
}

bool rules_allow(const struct wm_wg_policy_spec *s, const struct wm_wg_flow *f)
{
	if (is_fixed(s, f))
		return true;
	for (size_t i = 0; i < s->n_rules; i++)
		if (is_about(&s->rules[i], f))
			return s->rules[i].allows;
	return s->allows_rest;
}

/* ---- packets at their edges ---- */

static void any_end(const struct wm_prefix *list, size_t n, uint8_t version, uint8_t out[16])
{
	unsigned bytes = version == 4 ? 4 : 16;
	struct wm_prefix p = n > 0 ? list[any_below((uint32_t)n)] : any_prefix(RULES_NESTED);
	bool fits = p.addr.family == (version == 4 ? WM_IPV4 : WM_IPV6);
	memset(out, 0, 16);
	any_bytes(out, bytes);
	if (!fits)
		return;
	uint8_t host = one_in(3) ? 0 : one_in(2) ? 0xff : out[bytes - 1];
	for (unsigned i = 0; i < bytes * 8; i++) {
		uint8_t bit = (uint8_t)(0x80 >> i % 8);
		const uint8_t from = i < p.bits ? p.addr.bytes[i / 8] : host;
		out[i / 8] = (uint8_t)((out[i / 8] & ~bit) | (from & bit));
	}
	if (one_in(6)) /* just beside it */
		out[bytes - 1] = (uint8_t)(out[bytes - 1] + (one_in(2) ? 1 : -1));
}

static uint16_t any_port(const struct wm_wg_ports *p)
{
	switch (any_below(4)) {
	case 0: return p->first;
	case 1: return p->last;
	case 2: return (uint16_t)(p->last + 1);
	default: return (uint16_t)any_below(65536);
	}
}

static void take_members(const struct rules *r, struct wm_wg_flow *f)
{
	const struct wm_addr *a = &r->members[any_below(3)], *b = &r->members[any_below(3)];
	if (a->family != b->family)
		return;
	f->version = a->family;
	memcpy(f->source, a->bytes, 16);
	memcpy(f->target, b->bytes, 16);
	f->protocol = one_in(8) ? UDP : TCP;
	f->source_port = one_in(2) ? 9000 : 40000;
	f->target_port = one_in(2) ? 9000 : 40000;
}

struct wm_wg_flow rules_flow(const struct rules *r)
{
	static const struct wm_wg_rule none;
	const struct wm_wg_rule *at =
		r->spec.n_rules > 0 ? &r->items[any_below((uint32_t)r->spec.n_rules)] : &none;
	struct wm_wg_flow f = {.version = one_in(2) ? 4 : 6};
	any_end(at->sources, at->n_sources, f.version, f.source);
	any_end(at->targets, at->n_targets, f.version, f.target);
	f.protocol = at->protocol != 0 && !one_in(4)
			     ? at->protocol
			     : protocols[1 + any_below(sizeof(protocols) - 1)];
	if (one_in(10))
		f.protocol++; /* just beside it */
	f.source_port = any_port(&at->source_ports);
	f.target_port = any_port(&at->target_ports);
	if (one_in(20))
		take_members(r, &f);
	f.kind = one_in(6)                        ? WM_WG_FLOW_LATER
		 : f.protocol == TCP && one_in(2) ? WM_WG_FLOW_ANSWERS
						  : WM_WG_FLOW_OPENS;
	if (f.kind == WM_WG_FLOW_LATER || !wm_wg_flow_has_ports(f.protocol))
		f.source_port = f.target_port = 0;
	return f;
}

static size_t put_transport(const struct wm_wg_flow *f, uint8_t *t)
{
	memset(t, 0, 24);
	t[0] = (uint8_t)(f->source_port >> 8);
	t[1] = (uint8_t)f->source_port;
	t[2] = (uint8_t)(f->target_port >> 8);
	t[3] = (uint8_t)f->target_port;
	if (f->protocol == TCP)
		t[13] = f->kind == WM_WG_FLOW_ANSWERS ? (one_in(2) ? ACK : RST) : SYN;
	return 24;
}

size_t rules_packet(const struct wm_wg_flow *f, uint8_t out[80])
{
	bool is_later = f->kind == WM_WG_FLOW_LATER;
	size_t at = f->version == 4 ? 20 : 40;
	memset(out, 0, 80);
	out[0] = f->version == 4 ? 0x45 : 0x60;
	if (f->version == 4) {
		out[9] = f->protocol;
		out[7] = is_later ? 2 : 0;
		memcpy(out + 12, f->source, 4);
		memcpy(out + 16, f->target, 4);
	} else {
		out[6] = is_later ? 44 : f->protocol;
		memcpy(out + 8, f->source, 16);
		memcpy(out + 24, f->target, 16);
		if (is_later) {
			out[at] = f->protocol;
			out[at + 3] = 2 << 3;
			at += 8;
		}
	}
	at += put_transport(f, out + at);
	if (f->version == 4)
		out[3] = (uint8_t)at;
	else
		out[5] = (uint8_t)(at - 40);
	return at;
}
