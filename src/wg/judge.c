/*
 * Most packets are TCP or UDP without options, and of a flow that is known. For these the key of
 * the cache is loaded straight from the packet; only if there is no verdict, or the packet is
 * anything else, its headers are walked. Either way the same flow has the same key.
 */
#include "wg/judge.h"
#include <string.h>
#include "base/mem.h"
#include "base/rand.h"
#include "wg/packet.h"

_Static_assert(sizeof(struct wm_wg_flow) == 40, "a flow has no padding");

struct wm_wg_judge *wm_wg_judge_new(struct wm_wg_policy *policy, unsigned n_workers)
{
	struct wm_wg_judge *j = wm_alloc(sizeof(*j));
	j->policy = policy;
	j->n_workers = n_workers;
	j->verdicts = wm_calloc((size_t)n_workers * WM_WG_VERDICTS, sizeof(*j->verdicts));
	wm_rand_bytes(j->factors, sizeof(j->factors));
	for (unsigned i = 0; i < WM_WG_KEY_WORDS; i++)
		j->factors[i] |= 1;
	return j;
}

void wm_wg_judge_free(struct wm_wg_judge *j)
{
	if (j == NULL)
		return;
	wm_wg_policy_free(j->policy);
	wm_free(j->verdicts);
	wm_free(j);
}

static void free_item(struct wm_epoch_item *item)
{
	wm_wg_judge_free(wm_container_of(item, struct wm_wg_judge, item));
}

void wm_wg_judge_retire(struct wm_wg_judge *j, struct wm_epoch *epoch)
{
	if (j != NULL)
		wm_epoch_retire(epoch, &j->item, free_item);
}

/* ---- keys ---- */

/* What tells one flow from another, all of it. */
struct key {
	uint64_t words[WM_WG_KEY_WORDS];
};

static uint64_t load64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

/* The last word; @ports as they lie in a packet. It is never zero. */
static uint64_t last_word(const uint8_t ports[4], uint8_t protocol, uint8_t kind, uint8_t version)
{
	uint32_t both;
	memcpy(&both, ports, sizeof(both));
	return both | (uint64_t)protocol << 32 | (uint64_t)kind << 40 | (uint64_t)version << 48;
}

static struct key key_of(const struct wm_wg_flow *f)
{
	uint8_t addresses[32] = {0}, ports[4];
	size_t size = f->version == 4 ? 4 : 16;
	struct key k;
	memcpy(addresses, f->source, size);
	memcpy(addresses + size, f->target, size);
	wm_wg_put_be16(ports, f->source_port);
	wm_wg_put_be16(ports + 2, f->target_port);
	memcpy(k.words, addresses, sizeof(addresses));
	k.words[4] = last_word(ports, f->protocol, f->kind, f->version);
	return k;
}

/* Whether @packet, of which @len bytes are left behind the IP header, is TCP or UDP as it should
 * be. */
static bool is_plain(uint8_t protocol, size_t len)
{
	return (protocol == WM_PROTOCOL_TCP && len >= WM_TCP_HEADER) ||
	       (protocol == WM_PROTOCOL_UDP && len >= WM_UDP_HEADER);
}

static uint64_t transport_word(const uint8_t *t, uint8_t protocol, uint8_t version)
{
	bool answers = protocol == WM_PROTOCOL_TCP && t[WM_TCP_FLAGS] & (WM_TCP_ACKS | WM_TCP_RST);
	return last_word(t, protocol, answers ? WM_WG_FLOW_ANSWERS : WM_WG_FLOW_OPENS, version);
}

/* The key of a plain packet; false for any other, which has to be walked. */
static bool load_key(const uint8_t *p, size_t len, struct key *k)
{
	if (len > WM_IP4_HEADER && p[0] == 0x45) {
		uint8_t protocol = p[WM_IP4_PROTOCOL];
		if (wm_wg_get_be16(p + WM_IP4_FRAGMENT) & WM_IP4_IS_FRAGMENT ||
		    !is_plain(protocol, len - WM_IP4_HEADER))
			return false;
		*k = (struct key){{load64(p + WM_IP4_ADDRESSES), 0, 0, 0,
				   transport_word(p + WM_IP4_HEADER, protocol, 4)}};
		return true;
	}
	if (len <= WM_IP6_HEADER || p[0] >> 4 != 6 ||
	    !is_plain(p[WM_IP6_NEXT], len - WM_IP6_HEADER))
		return false;
	const uint8_t *a = p + WM_IP6_ADDRESSES;
	*k = (struct key){{load64(a), load64(a + 8), load64(a + 16), load64(a + 24),
			   transport_word(p + WM_IP6_HEADER, p[WM_IP6_NEXT], 6)}};
	return true;
}

/* ---- verdicts ---- */

static struct wm_wg_verdict *row_of(struct wm_wg_judge *j, unsigned worker, const struct key *k)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < WM_WG_KEY_WORDS; i++)
		sum += (k->words[i] ^ k->words[i] >> 32) * j->factors[i];
	return &j->verdicts[worker * WM_WG_VERDICTS + (size_t)(sum >> 32) % WM_WG_VERDICTS];
}

static bool is_for(const struct wm_wg_verdict *v, const struct key *k)
{
	uint64_t differs = 0;
	for (unsigned i = 0; i < WM_WG_KEY_WORDS; i++)
		differs |= v->key[i] ^ k->words[i];
	return differs == 0;
}

static bool allows(struct wm_wg_judge *j, unsigned worker, const struct wm_wg_flow *f)
{
	struct key k = key_of(f);
	struct wm_wg_verdict *v = row_of(j, worker, &k);
	if (!is_for(v, &k)) {
		memcpy(v->key, k.words, sizeof(v->key));
		v->allows = wm_wg_policy_allows(j->policy, f);
	}
	return v->allows;
}

static enum wm_drop walk(struct wm_wg_judge *j, unsigned worker, const uint8_t *packet, size_t len)
{
	struct wm_wg_flow flow, quote;
	size_t payload;
	enum wm_drop why = wm_wg_flow_read(packet, len, &flow, &payload);
	if (why != WM_DROP_NONE || allows(j, worker, &flow))
		return why;
	bool is_answer = wm_wg_flow_read_quote(packet, len, &flow, payload, &quote) &&
			 allows(j, worker, &quote);
	return is_answer ? WM_DROP_NONE : WM_DROP_POLICY;
}

enum wm_drop wm_wg_judge_packet(struct wm_wg_judge *j, unsigned worker, const uint8_t *packet,
				size_t len)
{
	struct key k;
	if (!load_key(packet, len, &k))
		return walk(j, worker, packet, len);
	const struct wm_wg_verdict *v = row_of(j, worker, &k);
	if (!is_for(v, &k))
		return walk(j, worker, packet, len);
	return v->allows ? WM_DROP_NONE : WM_DROP_POLICY;
}
