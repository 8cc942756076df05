/*
 * What is changed in packets that pass through, and what is said about them. The first bytes are an
 * MTU and the outer type of service. Whatever the packet is: nothing but the fields that are meant
 * changes, right checksums stay right, and an ICMP error is itself a packet with right checksums
 * that nobody would answer with another.
 */
#include "base/checksum.h"
#include "base/mem.h"
#include "wg/ecn.h"
#include "wg/inner.h"
#include "wg/mss.h"
#include "wg/toobig.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SAID 3

static void must(bool holds)
{
	if (!holds)
		abort();
}

static unsigned differing(const uint8_t *a, const uint8_t *b, size_t len)
{
	unsigned n = 0;
	for (size_t i = 0; i < len; i++)
		n += a[i] != b[i];
	return n;
}

static uint16_t sum_of(const uint8_t *data, size_t len)
{
	return wm_checksum_fold(wm_checksum_add(0, data, len));
}

static void check_mss(uint8_t *packet, size_t len, uint16_t mtu)
{
	uint8_t *before = wm_memdup(packet, len);
	bool had_sum = sum_of(packet, len) == 0xffff;
	bool is_changed = wm_wg_mss_clamp(packet, len, mtu, true);
	/* Nobody is told of a change that is none; the glance misses nothing. */
	must(is_changed || memcmp(packet, before, len) == 0);
	must(!is_changed || wm_wg_mss_is_due(packet, len));
	/* All of it sums up as before, for the checksum makes up for what has changed. */
	must(!is_changed || !had_sum || sum_of(packet, len) == 0xffff);
	must(!wm_wg_mss_clamp(packet, len, mtu, true));
	wm_free(before);
}

static void check_ecn(uint8_t *packet, size_t len, uint8_t tos)
{
	uint8_t *before = wm_memdup(packet, len);
	uint8_t inner = wm_wg_ecn_of(packet);
	bool is_good = wm_wg_ecn_receive(packet, tos);
	must(differing(packet, before, len) <= 3);
	must(!is_good || wm_wg_ecn_of(packet) == wm_wg_ecn_join(inner, tos & 3));
	must(is_good || differing(packet, before, len) == 0);
	wm_free(before);
}

static void check_toobig(const uint8_t *packet, size_t len, uint16_t mtu)
{
	uint8_t error[WM_WG_TOOBIG_BYTES], again[WM_WG_TOOBIG_BYTES];
	struct wm_wg_inner inner;
	size_t got = wm_wg_toobig_write(packet, len, mtu, error);
	if (got == 0)
		return;
	must(got <= sizeof(error) && wm_wg_inner_parse(error, got, &inner) && inner.len == got);
	size_t icmp = inner.version == 4 ? WM_IP4_HEADER : WM_IP6_HEADER;
	size_t addr = inner.version == 4 ? 4 : 16;
	uint64_t pseudo = inner.version == 4 ? 0
					     : wm_checksum_pseudo6(error + WM_IP6_ADDRESSES, 58,
								   (uint32_t)(got - icmp));
	must(inner.version == 6 || sum_of(error, icmp) == 0xffff);
	must(wm_checksum_fold(wm_checksum_add(pseudo, error + icmp, got - icmp)) == 0xffff);
	must(memcmp(error + icmp + 8, packet, got - icmp - 8) == 0);
	must(memcmp(inner.target, packet + (inner.version == 4 ? 12 : 8), addr) == 0);
	must(wm_wg_toobig_write(error, got, mtu, again) == 0);
	(void)wm_wg_toobig_is_wanted(packet);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_wg_inner inner;
	if (size <= SAID || !wm_wg_inner_parse(data + SAID, size - SAID, &inner))
		return 0;
	uint16_t mtu = wm_wg_get_be16(data);
	uint8_t *packet = wm_memdup(data + SAID, inner.len);
	check_toobig(packet, inner.len, mtu);
	check_mss(packet, inner.len, mtu);
	check_ecn(packet, inner.len, data[2]);
	wm_free(packet);
	return 0;
}
