/* Any datagram through the demultiplexer, and any plaintext through the look at its IP header. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "wg/demux.h"
#include "wg/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool fits(enum wm_wg_kind kind, size_t size)
{
	switch (kind) {
	case WM_WG_KIND_INITIATION: return size == 148;
	case WM_WG_KIND_RESPONSE: return size == 92;
	case WM_WG_KIND_COOKIE: return size == 64;
	case WM_WG_KIND_DATA: return size >= 32;
	case WM_WG_KIND_STUN: return size >= 20 && size % 4 == 0;
	case WM_WG_KIND_MALFORMED: return size >= 4;
	case WM_WG_KIND_FOREIGN: return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_wg_inner inner;
	must(fits(wm_wg_demux_parse(data, size), size));
	if (wm_wg_inner_parse(data, size, &inner)) {
		size_t addr = inner.version == 4 ? 4 : 16;
		must(inner.len <= size);
		must(inner.source >= data && inner.source + addr == inner.target);
		must(inner.target + addr <= data + inner.len);
	}
	return 0;
}
