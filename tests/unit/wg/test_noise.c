#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/rand.h"
#include "crypto/x25519.h"
#include "wg/noise.h"

/* Two parties that know each other, and one handshake between them. */
struct pair {
	struct wm_wg_identity a, b;
	struct wm_wg_remote a_of_b, b_of_a; /* b as a sees it; a as b sees it */
};

static const uint8_t timestamp[WM_WG_TIMESTAMP] = {0x40, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};

static void make_identity(struct wm_wg_identity *id)
{
	uint8_t key[32];
	wm_x25519_generate(key);
	wm_wg_identity_set(id, key);
	assert_true(id->is_set);
}

static void make_pair(struct pair *p, const uint8_t psk_a[32], const uint8_t psk_b[32])
{
	memset(p, 0, sizeof(*p));
	make_identity(&p->a);
	make_identity(&p->b);
	wm_wg_remote_set(&p->a_of_b, &p->a, p->b.public_key, psk_a);
	wm_wg_remote_set(&p->b_of_a, &p->b, p->a.public_key, psk_b);
	assert_true(p->a_of_b.is_usable && p->b_of_a.is_usable);
	assert_memory_equal(p->a_of_b.shared, p->b_of_a.shared, 32);
}

static void initiate(struct wm_wg_initiator *st, const struct wm_wg_identity *id,
		     const struct wm_wg_remote *r, uint32_t index, struct wm_wg_initiation *msg)
{
	uint8_t ephemeral[32];
	wm_x25519_generate(ephemeral);
	assert_true(wm_wg_initiation_create(st, id, r, index, ephemeral, timestamp, msg));
	assert_true(st->is_live);
}

static enum wm_drop answer(const struct wm_wg_identity *id, const struct wm_wg_remote *r,
			   const struct wm_wg_initiation *msg, uint32_t index,
			   struct wm_wg_response *out, struct wm_wg_keys *keys)
{
	struct wm_wg_responder st;
	uint8_t ephemeral[32], seen[WM_WG_TIMESTAMP];
	enum wm_drop why = wm_wg_initiation_open(&st, id, msg);
	if (why != WM_DROP_NONE)
		return why;
	why = wm_wg_initiation_verify(&st, r, msg, seen);
	if (why != WM_DROP_NONE)
		return why;
	assert_memory_equal(seen, timestamp, sizeof(seen));
	wm_x25519_generate(ephemeral);
	return wm_wg_response_create(&st, r, index, ephemeral, out, keys);
}

static void check_keys(const struct wm_wg_keys *a, const struct wm_wg_keys *b)
{
	assert_memory_equal(a->send, b->recv, 32);
	assert_memory_equal(a->recv, b->send, 32);
	assert_memory_not_equal(a->send, a->recv, 32);
	assert_int_equal(a->local_index, b->remote_index);
	assert_int_equal(b->local_index, a->remote_index);
}

static void shake_hands(const uint8_t psk[32])
{
	struct pair p;
	struct wm_wg_initiator st;
	struct wm_wg_initiation hello;
	struct wm_wg_response reply;
	struct wm_wg_keys a, b;
	make_pair(&p, psk, psk);
	initiate(&st, &p.a, &p.a_of_b, 7, &hello);
	assert_int_equal(answer(&p.b, &p.b_of_a, &hello, 9, &reply, &b), WM_DROP_NONE);
	assert_int_equal(wm_wg_response_consume(&st, &p.a, &p.a_of_b, &reply, &a), WM_DROP_NONE);
	check_keys(&a, &b);
	assert_int_equal(a.local_index, 7);
	assert_int_equal(b.local_index, 9);
}

static void test_both_sides_get_the_same_keys(void **state)
{
	uint8_t psk[32] = {0};
	shake_hands(psk);
	wm_rand_bytes(psk, sizeof(psk));
	shake_hands(psk);
}

static void test_another_preshared_key_fails(void **state)
{
	struct pair p;
	struct wm_wg_initiator st;
	struct wm_wg_initiation hello;
	struct wm_wg_response reply;
	struct wm_wg_keys keys;
	make_pair(&p, (const uint8_t[32]){1}, (const uint8_t[32]){2});
	initiate(&st, &p.a, &p.a_of_b, 7, &hello);
	assert_int_equal(answer(&p.b, &p.b_of_a, &hello, 9, &reply, &keys), WM_DROP_NONE);
	assert_int_equal(wm_wg_response_consume(&st, &p.a, &p.a_of_b, &reply, &keys),
			 WM_DROP_HANDSHAKE);
}

static void test_initiations_may_cross(void **state)
{
	static const uint8_t none[32];
	struct pair p;
	struct wm_wg_initiator st_a, st_b;
	struct wm_wg_initiation hello_a, hello_b;
	struct wm_wg_response reply_a, reply_b;
	struct wm_wg_keys a1, b1, a2, b2;
	make_pair(&p, none, none);
	initiate(&st_a, &p.a, &p.a_of_b, 1, &hello_a);
	initiate(&st_b, &p.b, &p.b_of_a, 2, &hello_b);
	assert_int_equal(answer(&p.b, &p.b_of_a, &hello_a, 3, &reply_b, &b1), WM_DROP_NONE);
	assert_int_equal(answer(&p.a, &p.a_of_b, &hello_b, 4, &reply_a, &a2), WM_DROP_NONE);
	assert_int_equal(wm_wg_response_consume(&st_a, &p.a, &p.a_of_b, &reply_b, &a1),
			 WM_DROP_NONE);
	assert_int_equal(wm_wg_response_consume(&st_b, &p.b, &p.b_of_a, &reply_a, &b2),
			 WM_DROP_NONE);
	check_keys(&a1, &b1);
	check_keys(&a2, &b2);
}

static void test_every_flipped_bit_is_noticed(void **state)
{
	static const uint8_t none[32];
	struct pair p;
	struct wm_wg_initiator st;
	struct wm_wg_initiation hello;
	struct wm_wg_response reply, other;
	struct wm_wg_keys a, b;
	make_pair(&p, none, none);
	initiate(&st, &p.a, &p.a_of_b, 7, &hello);
	assert_int_equal(answer(&p.b, &p.b_of_a, &hello, 9, &reply, &b), WM_DROP_NONE);
	/* The type, the sender's index and the MACs are for others to check. */
	for (size_t bit = 8 * 8; bit < 116 * 8; bit++) {
		struct wm_wg_initiation bad = hello;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(answer(&p.b, &p.b_of_a, &bad, 9, &other, &b), WM_DROP_HANDSHAKE);
	}
	for (size_t bit = 8 * 8; bit < 60 * 8; bit++) {
		struct wm_wg_response bad = reply;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(wm_wg_response_consume(&st, &p.a, &p.a_of_b, &bad, &a),
				 WM_DROP_HANDSHAKE);
	}
	/* None of the forgeries has harmed the handshake. */
	assert_int_equal(wm_wg_response_consume(&st, &p.a, &p.a_of_b, &reply, &a), WM_DROP_NONE);
}

static void test_a_weak_public_key_is_refused(void **state)
{
	static const uint8_t zero[32];
	uint8_t one[32] = {1};
	struct wm_wg_identity id = {.is_set = false};
	struct wm_wg_remote r;
	struct wm_wg_initiator st = {.is_live = false};
	struct wm_wg_initiation msg;
	make_identity(&id);
	wm_wg_remote_set(&r, &id, zero, zero);
	assert_false(r.is_usable);
	wm_wg_remote_set(&r, &id, one, zero);
	assert_false(r.is_usable);
	assert_false(wm_wg_initiation_create(&st, &id, &r, 1, id.private_key, timestamp, &msg));
	assert_false(st.is_live);
}

static void test_a_weak_ephemeral_is_refused(void **state)
{
	static const uint8_t none[32];
	struct pair p;
	struct wm_wg_initiator st;
	struct wm_wg_initiation hello;
	struct wm_wg_responder responder;
	make_pair(&p, none, none);
	initiate(&st, &p.a, &p.a_of_b, 7, &hello);
	memset(hello.ephemeral, 0, 32);
	assert_int_equal(wm_wg_initiation_open(&responder, &p.b, &hello), WM_DROP_HANDSHAKE);
}

static void test_without_a_key_nothing_goes(void **state)
{
	static const uint8_t none[32];
	struct pair p;
	struct wm_wg_initiator st = {.is_live = false};
	struct wm_wg_initiation hello;
	struct wm_wg_responder responder;
	struct wm_wg_response reply = {.type = {2}};
	struct wm_wg_keys keys;
	make_pair(&p, none, none);
	initiate(&st, &p.a, &p.a_of_b, 7, &hello);
	wm_wg_identity_set(&p.b, none);
	assert_false(p.b.is_set);
	assert_int_equal(wm_wg_initiation_open(&responder, &p.b, &hello), WM_DROP_HANDSHAKE);
	wm_wg_initiator_fini(&st);
	assert_int_equal(wm_wg_response_consume(&st, &p.a, &p.a_of_b, &reply, &keys),
			 WM_DROP_HANDSHAKE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_both_sides_get_the_same_keys),
		cmocka_unit_test(test_another_preshared_key_fails),
		cmocka_unit_test(test_initiations_may_cross),
		cmocka_unit_test(test_every_flipped_bit_is_noticed),
		cmocka_unit_test(test_a_weak_public_key_is_refused),
		cmocka_unit_test(test_a_weak_ephemeral_is_refused),
		cmocka_unit_test(test_without_a_key_nothing_goes),
	};
	return cmocka_run_group_tests_name("wg/noise", tests, NULL, NULL);
}
