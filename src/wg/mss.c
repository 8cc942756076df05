#include "wg/mss.h"
#include "base/checksum.h"
#include "wg/flow.h"

enum { OPTION_END = 0, OPTION_NOTHING = 1, OPTION_MSS = 2, MSS_LEN = 4 };

/* A sum is made of words, and a field at an odd offset lies across two of them. */
static uint16_t as_summed(uint16_t v, size_t offset)
{
	return (uint16_t)(offset % 2 == 0 ? v : v << 8 | v >> 8);
}

/* RFC 1624, equation 3. */
static void replace(uint8_t *tcp, size_t at, uint16_t value, bool is_summed)
{
	uint64_t sum = wm_checksum_without_be16(wm_wg_get_be16(tcp + WM_TCP_CHECKSUM)) +
		       wm_checksum_without_be16(as_summed(wm_wg_get_be16(tcp + at), at)) +
		       wm_checksum_be16(as_summed(value, at));
	wm_wg_put_be16(tcp + at, value);
	if (is_summed)
		wm_wg_put_checksum(tcp + WM_TCP_CHECKSUM, (uint16_t)~wm_checksum_fold(sum));
}

/* Every such option, for a receiver may heed the first or the last. */
static bool clamp_options(uint8_t *tcp, size_t end, uint16_t most, bool is_summed)
{
	bool is_changed = false;
	for (size_t at = WM_TCP_HEADER; at < end && tcp[at] != OPTION_END;) {
		if (tcp[at] == OPTION_NOTHING) {
			at++;
			continue;
		}
		if (end - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > end - at)
			break;
		if (tcp[at] == OPTION_MSS && tcp[at + 1] == MSS_LEN &&
		    wm_wg_get_be16(tcp + at + 2) > most) {
			replace(tcp, at + 2, most, is_summed);
			is_changed = true;
		}
		at += tcp[at + 1];
	}
	return is_changed;
}

bool wm_wg_mss_clamp(uint8_t *packet, size_t len, uint32_t mtu, bool is_summed)
{
	struct wm_wg_flow flow;
	size_t at;
	uint32_t headers =
		(packet[0] >> 4 == 4 ? WM_IP4_HEADER : WM_IP6_HEADER) + (uint32_t)WM_TCP_HEADER;
	if (wm_wg_flow_read(packet, len, &flow, &at) != WM_DROP_NONE ||
	    flow.protocol != WM_PROTOCOL_TCP || flow.kind == WM_WG_FLOW_LATER ||
	    len - at < WM_TCP_HEADER || mtu <= headers || mtu - headers > UINT16_MAX)
		return false;
	uint8_t *tcp = packet + at;
	size_t end = (size_t)(tcp[WM_TCP_OFFSET] >> 4) * 4;
	if (!(tcp[WM_TCP_FLAGS] & WM_TCP_SYN) || end > len - at)
		return false;
	return clamp_options(tcp, end, (uint16_t)(mtu - headers), is_summed);
}
