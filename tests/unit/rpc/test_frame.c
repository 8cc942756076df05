#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "pb/v1.h"
#include "rpc/decode.h"
#include "rpc/frame.h"

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
	assert_int_equal(wm_rpc_frame_encode(&m.base, 4, &out, NULL), 0);
	assert_int_equal(wm_rpc_frame_encode(&m.base, 3, &out, NULL), WM_RESOURCE_EXHAUSTED);
	assert_int_equal(out.len, 9);
	assert_memory_equal(out.data, "\0\0\0\0\4\x0a\x02n1", 9);
	assert_int_equal(wm_rpc_frame_decode(out.data, out.len, &at, 4, &f, NULL), 1);
	wm_arena_init(&arena, 0);
	assert_int_equal(wm_rpc_decode(&arena, m.base.descriptor, &f, "", &back, NULL), 0);
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
	assert_int_equal(wm_rpc_decode(&arena, type, &f, "gzip", &m, &err), WM_UNIMPLEMENTED);
	assert_string_equal(err.text, "grpc-encoding \"gzip\" is not supported");
	assert_int_equal(wm_rpc_decode(&arena, type, &f, "identity", &m, &err), WM_INTERNAL);
	assert_int_equal(wm_rpc_decode(&arena, type, &f, "", &m, &err), WM_INTERNAL);
	wm_arena_fini(&arena);
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
		wm_rpc_decode(&arena, &v1__peer_configurations__descriptor, &f, "", &m, &err),
		WM_RESOURCE_EXHAUSTED);
	assert_in_range(arena.used, 0, 64 << 20);
	assert_int_equal(arena.limit, 0);
	f.len = 200;
	assert_int_equal(
		wm_rpc_decode(&arena, &v1__peer_configurations__descriptor, &f, "", &m, &err), 0);
	assert_int_equal(((V1__PeerConfigurations *)m)->n_peers, 100);
	wm_arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_messages), cmocka_unit_test(every_cut),
		cmocka_unit_test(limits),         cmocka_unit_test(both_ways),
		cmocka_unit_test(compressed),     cmocka_unit_test(amplification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
