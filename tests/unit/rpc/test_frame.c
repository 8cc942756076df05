#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "pb/v1.h"
#include "rpc/decode.h"
#include "rpc/frame.h"
#include "rpc/gzip.h"

#define MAX (4u << 20)

static const uint8_t two[] = {0, 0, 0, 0, 3, 'a', 'b', 'c', 1, 0, 0, 0, 0};

static void whole_messages(void **state)
{
	struct wm_rpc_frame f;
	size_t at = 0;
	assert_int_equal(wm_rpc_frame_decode(two, sizeof(two), &at, 3, &f, NULL), 1);
	assert_int_equal(at, 8);
	assert_false(f.compressed);
	assert_int_equal(f.len, 3);
	assert_memory_equal(f.data, "abc", 3);
	assert_int_equal(wm_rpc_frame_decode(two, sizeof(two), &at, 3, &f, NULL), 1);
	assert_true(f.compressed);
	assert_int_equal(f.len, 0);
	assert_int_equal(at, sizeof(two));
	assert_int_equal(wm_rpc_frame_decode(two, sizeof(two), &at, 3, &f, NULL), 0);
	assert_int_equal(at, sizeof(two));
}

static void every_cut(void **state)
{
	struct wm_rpc_frame f;
	for (size_t len = 0; len < 8; len++) {
		size_t at = 0;
		assert_int_equal(wm_rpc_frame_decode(two, len, &at, 3, &f, NULL), 0);
		assert_int_equal(at, 0);
	}
}

static void limits(void **state)
{
	static const uint8_t large[] = {0, 0xff, 0xff, 0xff, 0xff};
	static const uint8_t unknown[] = {2, 0, 0, 0, 0};
	struct wm_rpc_frame f;
	struct wm_err err;
	size_t at = 0;
	assert_int_equal(wm_rpc_frame_decode(two, sizeof(two), &at, 2, &f, &err),
			 WM_RESOURCE_EXHAUSTED);
	assert_string_equal(err.text, "message of 3 bytes is above the limit of 2");
	assert_int_equal(wm_rpc_frame_decode(large, 5, &at, 4u << 20, &f, &err),
			 WM_RESOURCE_EXHAUSTED);
	assert_int_equal(wm_rpc_frame_decode(unknown, 5, &at, 4u << 20, &f, &err), WM_INTERNAL);
	assert_int_equal(at, 0);
}

static void both_ways(void **state)
{
	V1__GetStatusRequest m = V1__GET_STATUS_REQUEST__INIT;
	char id[] = "n1";
	struct wm_buf out = {0};
	struct wm_rpc_frame f;
	struct wm_arena arena;
	ProtobufCMessage *back;
	size_t at = 0;
	m.id = id;
	assert_int_equal(wm_rpc_frame_encode(&m.base, 4, false, &out, NULL), 0);
	assert_int_equal(wm_rpc_frame_encode(&m.base, 3, false, &out, NULL), WM_RESOURCE_EXHAUSTED);
	assert_int_equal(out.len, 9);
	assert_memory_equal(out.data, "\0\0\0\0\4\x0a\x02n1", 9);
	assert_int_equal(wm_rpc_frame_decode(out.data, out.len, &at, 4, &f, NULL), 1);
	wm_arena_init(&arena, 0);
	assert_int_equal(wm_rpc_decode(&arena, m.base.descriptor, &f, "", MAX, &back, NULL), 0);
	assert_string_equal(((V1__GetStatusRequest *)back)->id, "n1");
	wm_arena_fini(&arena);
	wm_buf_fini(&out);
}

static void compressed(void **state)
{
	const struct wm_rpc_frame f = {.compressed = true, .data = two, .len = 3};
	struct wm_arena arena;
	struct wm_err err;
	ProtobufCMessage *m;
	const ProtobufCMessageDescriptor *type = &v1__get_status_request__descriptor;
	wm_arena_init(&arena, 0);
	assert_int_equal(wm_rpc_decode(&arena, type, &f, "deflate", MAX, &m, &err),
			 WM_UNIMPLEMENTED);
	assert_string_equal(err.text, "grpc-encoding \"deflate\" is not supported, gzip is");
	assert_int_equal(wm_rpc_decode(&arena, type, &f, "identity", MAX, &m, &err), WM_INTERNAL);
	assert_int_equal(wm_rpc_decode(&arena, type, &f, "", MAX, &m, &err), WM_INTERNAL);
	wm_arena_fini(&arena);
}

/* A message of @size bytes in all, packed if that is shorter. */
static void encode_sized(size_t size, struct wm_buf *out)
{
	V1__GetStatusRequest m = V1__GET_STATUS_REQUEST__INIT;
	size_t len = size - (size <= 129 ? 2 : size <= 16386 ? 3 : size <= 2097155 ? 4 : 5);
	m.id = calloc(1, len + 1);
	memset(m.id, 'x', len);
	assert_int_equal(wm_rpc_frame_encode(&m.base, MAX, true, out, NULL), 0);
	free(m.id);
}

static void gzip_both_ways(void **state)
{
	static const size_t sizes[] = {511, 512, 5000, 100000, MAX};
	for (size_t i = 0; i < 5; i++) {
		struct wm_buf out = {0};
		struct wm_rpc_frame f;
		struct wm_arena arena;
		ProtobufCMessage *m;
		size_t at = 0;
		encode_sized(sizes[i], &out);
		assert_int_equal(wm_rpc_frame_decode(out.data, out.len, &at, MAX, &f, NULL), 1);
		assert_int_equal(at, out.len);
		assert_int_equal(f.compressed, sizes[i] >= 512);
		assert_true(!f.compressed || f.len < sizes[i] / 4);
		wm_arena_init(&arena, 0);
		const ProtobufCMessageDescriptor *type = &v1__get_status_request__descriptor;
		assert_int_equal(wm_rpc_decode(&arena, type, &f, "gzip", MAX, &m, NULL), 0);
		assert_int_equal(protobuf_c_message_get_packed_size(m), sizes[i]);
		/* The limit is that of the message, not of what was sent. */
		struct wm_err err;
		if (f.compressed) {
			assert_int_equal(wm_rpc_decode(&arena, type, &f, "gzip", (uint32_t)sizes[i],
						       &m, NULL),
					 0);
			assert_int_equal(wm_rpc_decode(&arena, type, &f, "gzip",
						       (uint32_t)sizes[i] - 1, &m, &err),
					 WM_RESOURCE_EXHAUSTED);
		}
		wm_arena_fini(&arena);
		wm_buf_fini(&out);
	}
}

static void gzip_leaves_alone_what_it_cannot_shorten(void **state)
{
	uint8_t noise[600];
	uint32_t x = 1;
	struct wm_buf out = {0};
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 16);
	assert_false(wm_rpc_gzip_encode(noise, sizeof(noise), &out));
	assert_false(wm_rpc_gzip_encode(noise, 1, &out));
	assert_false(wm_rpc_gzip_encode(noise, 0, &out));
	assert_int_equal(out.len, 0);
	wm_buf_fini(&out);
}

static void gzip_that_is_none(void **state)
{
	static const char text[1000];
	struct wm_buf packed = {0}, out = {0};
	struct wm_err err;
	assert_true(wm_rpc_gzip_encode(text, sizeof(text), &packed));
	for (size_t cut = 0; cut < packed.len; cut++)
		assert_int_equal(wm_rpc_gzip_decode(packed.data, cut, MAX, &out, &err),
				 WM_INTERNAL);
	for (size_t i = 0; i < 2; i++) { /* the magic number */
		packed.data[i] ^= 1;
		assert_int_equal(wm_rpc_gzip_decode(packed.data, packed.len, MAX, &out, &err),
				 WM_INTERNAL);
		packed.data[i] ^= 1;
	}
	packed.data[packed.len - 5] ^= 1; /* the checksum */
	assert_int_equal(wm_rpc_gzip_decode(packed.data, packed.len, MAX, &out, &err), WM_INTERNAL);
	packed.data[packed.len - 5] ^= 1;
	wm_buf_add(&packed, "x", 1);
	assert_int_equal(wm_rpc_gzip_decode(packed.data, packed.len, MAX, &out, &err), WM_INTERNAL);
	assert_int_equal(out.len, 0);
	assert_int_equal(wm_rpc_gzip_decode(packed.data, packed.len - 1, 1000, &out, &err), 0);
	assert_int_equal(out.len, 1000);
	assert_int_equal(wm_rpc_gzip_decode(packed.data, packed.len - 1, 999, &out, &err),
			 WM_RESOURCE_EXHAUSTED);
	assert_int_equal(out.len, 1000);
	wm_buf_fini(&packed);
	wm_buf_fini(&out);
}

static void gzip_in_lists(void **state)
{
	assert_true(wm_rpc_gzip_is_in("gzip"));
	assert_true(wm_rpc_gzip_is_in("identity, deflate,gzip"));
	assert_false(wm_rpc_gzip_is_in(""));
	assert_false(wm_rpc_gzip_is_in("identity,gzipped, x-gzip"));
}

/* Two bytes that become a struct of hundreds, a million times: refused, not swallowed. */
static void amplification(void **state)
{
	enum { LEN = 4 << 20 };
	static uint8_t empty_peers[LEN];
	struct wm_rpc_frame f = {.data = empty_peers, .len = LEN};
	struct wm_arena arena;
	struct wm_err err;
	ProtobufCMessage *m;
	for (size_t i = 0; i < LEN; i += 2)
		empty_peers[i] = 5 << 3 | 2; /* PeerConfigurations.peers, of no bytes */
	wm_arena_init(&arena, 0);
	assert_int_equal(
		wm_rpc_decode(&arena, &v1__peer_configurations__descriptor, &f, "", MAX, &m, &err),
		WM_RESOURCE_EXHAUSTED);
	assert_in_range(arena.used, 0, 64 << 20);
	assert_int_equal(arena.limit, 0);
	f.len = 200;
	assert_int_equal(
		wm_rpc_decode(&arena, &v1__peer_configurations__descriptor, &f, "", MAX, &m, &err),
		0);
	assert_int_equal(((V1__PeerConfigurations *)m)->n_peers, 100);
	wm_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_messages),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(limits),
		cmocka_unit_test(both_ways),
		cmocka_unit_test(compressed),
		cmocka_unit_test(gzip_both_ways),
		cmocka_unit_test(gzip_leaves_alone_what_it_cannot_shorten),
		cmocka_unit_test(gzip_that_is_none),
		cmocka_unit_test(gzip_in_lists),
		cmocka_unit_test(amplification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
