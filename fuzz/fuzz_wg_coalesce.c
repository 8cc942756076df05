/*
 * A list of packets, each behind its length in two bytes, of which the first byte of the input says
 * what the interface takes and whether their checksums are put right. Every packet comes out once,
 * and what was joined comes apart again bit for bit, identifiers that do not matter excepted.
 */
#include "base/checksum.h"
#include "wg/coalesce.h"
#include "wg/packet.h"
#include "wg/segment.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TAKES_TCP = 1, TAKES_UDP = 2, PUT_RIGHT = 4 };

struct item {
	uint8_t *bytes; /* what is joined, an allocation of its own */
	uint8_t *was;
	size_t len;
	bool has_left;
};

static struct wm_wg_coalesce coalesce;
static struct item items[WM_WG_COALESCE_PACKETS];
static unsigned n_items;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void put_sum(uint8_t *field, uint64_t sum, const uint8_t *data, size_t len)
{
	wm_wg_put_be16(field, 0);
	wm_wg_put_checksum(field, (uint16_t)~wm_checksum_fold(wm_checksum_add(sum, data, len)));
}

/* The checksums of a packet without IP options; a fuzzer does not find them. */
static void put_right(uint8_t *p, size_t len)
{
	bool is_v4 = len >= 40 && p[0] == 0x45, is_v6 = len >= 60 && p[0] >> 4 == 6;
	if (!is_v4 && !is_v6)
		return;
	uint8_t protocol = p[is_v4 ? WM_IP4_PROTOCOL : WM_IP6_NEXT];
	uint8_t *t = p + (is_v4 ? WM_IP4_HEADER : WM_IP6_HEADER);
	size_t left = (size_t)(p + len - t);
	if (is_v4)
		put_sum(p + WM_IP4_CHECKSUM, 0, p, WM_IP4_HEADER);
	uint64_t pseudo =
		is_v4 ? wm_checksum_pseudo4(p + WM_IP4_ADDRESSES, protocol, (uint16_t)left)
		      : wm_checksum_pseudo6(p + WM_IP6_ADDRESSES, protocol, (uint32_t)left);
	put_sum(t + (protocol == WM_PROTOCOL_UDP ? WM_UDP_CHECKSUM : WM_TCP_CHECKSUM), pseudo, t,
		left);
}

static uint8_t *copy(const uint8_t *p, size_t len)
{
	uint8_t *to = malloc(len > 0 ? len : 1);
	must(to != NULL);
	memcpy(to, p, len);
	return to;
}

static bool add_item(const uint8_t *p, size_t len, bool is_put_right)
{
	struct item *i = &items[n_items];
	uint8_t *bytes = copy(p, len);
	if (is_put_right)
		put_right(bytes, len);
	if (!wm_wg_coalesce_add(&coalesce, bytes, len)) {
		must(n_items == WM_WG_COALESCE_PACKETS);
		free(bytes);
		return false;
	}
	*i = (struct item){.bytes = bytes, .was = copy(bytes, len), .len = len};
	n_items++;
	return true;
}

/* The item whose bytes the span is the end of; @is_first: all of them. */
static struct item *take_item(const struct wm_span *span, bool is_first)
{
	for (unsigned i = 0; i < n_items; i++) {
		struct item *it = &items[i];
		if (it->has_left || it->bytes + it->len != span->data + span->len ||
		    span->len > it->len || (is_first && span->len != it->len))
			continue;
		it->has_left = true;
		return it;
	}
	abort();
}

static void check_equal(const struct item *i, uint8_t *got, size_t len)
{
	must(len == i->len);
	if (got[0] >> 4 == 4 && got[WM_IP4_FRAGMENT] & 0x40) {
		memcpy(got + WM_IP4_ID, i->was + WM_IP4_ID, 2);
		memcpy(got + WM_IP4_CHECKSUM, i->was + WM_IP4_CHECKSUM, 2);
	}
	must(memcmp(got, i->was, len) == 0);
}

static void check_joined(const struct wm_wg_chain *chain)
{
	struct item *parts[WM_WG_COALESCE_PACKETS];
	struct wm_wg_segments s;
	uint8_t *whole = malloc(chain->len), *out = NULL;
	size_t len = 0;
	must(whole != NULL && chain->len <= 65535);
	for (unsigned i = 0; i < chain->n_spans; i++) {
		must(chain->spans[i].len <= chain->len - len);
		memcpy(whole + len, chain->spans[i].data, chain->spans[i].len);
		len += chain->spans[i].len;
		parts[i] = take_item(&chain->spans[i], i == 0);
	}
	must(len == chain->len);
	must(wm_wg_segments_begin(&s, whole, len, &chain->offload) == WM_DROP_NONE);
	must(s.count == chain->n_spans);
	for (unsigned i = 0; i < s.count; i++) {
		size_t got = wm_wg_segments_next(&s, &out);
		/* A copy, for the next segment's headers are made of these. */
		uint8_t *segment = copy(out, got);
		check_equal(parts[i], segment, got);
		free(segment);
	}
	free(whole);
}

static void check_chain(const struct wm_wg_chain *chain)
{
	if (chain->n_spans > 1) {
		check_joined(chain);
		return;
	}
	must(chain->offload.kind == WM_OFFLOAD_NONE && !chain->offload.needs_checksum);
	const struct item *i = take_item(chain->spans, true);
	must(chain->len == i->len && memcmp(i->bytes, i->was, i->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wm_wg_chain *chains = NULL;
	uint8_t how = size > 0 ? data[0] : 0;
	n_items = 0;
	wm_wg_coalesce_begin(&coalesce, how & TAKES_TCP, how & TAKES_UDP);
	for (size_t at = 1, len; at + 2 <= size; at += 2 + len) {
		len = wm_wg_get_be16(data + at);
		len = len <= size - at - 2 ? len : size - at - 2;
		if (!add_item(data + at + 2, len, how & PUT_RIGHT))
			break;
	}
	unsigned n = wm_wg_coalesce_end(&coalesce, &chains);
	for (unsigned i = 0; i < n; i++)
		check_chain(&chains[i]);
	for (unsigned i = 0; i < n_items; i++) {
		must(items[i].has_left);
		free(items[i].bytes);
		free(items[i].was);
	}
	return 0;
}
