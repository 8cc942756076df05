/*
 * Any bytes as a sequence of length-prefixed messages, which arrives in pieces: what comes out must
 * not depend on where it was cut. Whole messages are decoded too.
 */
#include "pb/v1.h"
#include "rpc/decode.h"
#include "rpc/frame.h"
#include <assert.h>
#include <stdint.h>

#define LIMIT 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int next(const uint8_t *data, size_t len, size_t *at, struct wm_rpc_frame *f)
{
	struct wm_err err;
	return wm_rpc_frame_decode(data, len, at, LIMIT, f, &err);
}

/* The number of whole messages, when the bytes come @step at a time. */
static int count(const uint8_t *data, size_t size, size_t step)
{
	struct wm_rpc_frame f;
	size_t at = 0;
	int n = 0, rc = 0;
	for (size_t len = 0; len <= size && rc >= 0; len += step) {
		while ((rc = next(data, len, &at, &f)) > 0)
			n++;
	}
	while (rc >= 0 && (rc = next(data, size, &at, &f)) > 0)
		n++;
	return rc < 0 ? -n - 1 : n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_arena arena;
	struct wm_rpc_frame f;
	ProtobufCMessage *m;
	struct wm_err err;
	size_t at = 0;
	assert(count(data, size, 1) == count(data, size, size + 1));
	wm_arena_init(&arena, 0);
	while (next(data, size, &at, &f) > 0) {
		assert(f.len <= LIMIT && f.data + f.len <= data + size);
		int rc = wm_rpc_decode(&arena, &v1__peer_configurations__descriptor, &f,
				       f.len % 2 == 0 ? "gzip" : "", LIMIT, &m, &err);
		assert(rc == 0 || err.text[0] != '\0');
		wm_arena_reset(&arena);
	}
	wm_arena_fini(&arena);
	return 0;
}
