#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/rand.h"
#include "wg/cookie.h"

struct scene {
	struct wm_wg_checker checker; /* the receiver's */
	struct wm_wg_jar jar;         /* the sender's, about the receiver */
	struct wm_endpoint from;
	struct wm_wg_initiation msg;
};

static const int64_t second = 1000000000LL;

static void make_scene(struct scene *s)
{
	uint8_t key[32], secret[32];
	memset(s, 0, sizeof(*s));
	wm_rand_bytes(key, sizeof(key));
	wm_rand_bytes(secret, sizeof(secret));
	wm_rand_bytes(&s->msg, sizeof(s->msg));
	wm_wg_checker_set(&s->checker, key);
	wm_wg_jar_set(&s->jar, key);
	assert_true(wm_wg_checker_is_due(&s->checker, second));
	wm_wg_checker_set_secret(&s->checker, secret, second);
	assert_true(wm_endpoint_parse("192.0.2.1:1000", &s->from));
	wm_wg_jar_stamp(&s->jar, &s->msg, sizeof(s->msg), second);
}

static enum wm_wg_mac_state check(const struct scene *s)
{
	return wm_wg_checker_check(&s->checker, &s->msg, sizeof(s->msg), &s->from);
}

static bool reply(struct scene *s)
{
	uint8_t nonce[24];
	struct wm_wg_cookie_reply msg;
	wm_rand_bytes(nonce, sizeof(nonce));
	wm_wg_cookie_create(&s->checker, &s->msg, sizeof(s->msg), &s->from, nonce, &msg);
	assert_int_equal(wm_wg_get_le32(msg.type), WM_WG_COOKIE);
	assert_memory_equal(msg.receiver, s->msg.sender, 4);
	return wm_wg_cookie_consume(&s->jar, &msg, second);
}

static void test_the_first_mac(void **state)
{
	struct scene s;
	make_scene(&s);
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
	for (size_t bit = 0; bit < (sizeof(s.msg) - WM_WG_MAC) * 8; bit++) {
		((uint8_t *)&s.msg)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(check(&s), WM_WG_MAC_BAD);
		((uint8_t *)&s.msg)[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
}

static void test_a_cookie_proves_the_address(void **state)
{
	struct scene s;
	make_scene(&s);
	assert_true(reply(&s));
	wm_wg_jar_stamp(&s.jar, &s.msg, sizeof(s.msg), 2 * second);
	assert_int_equal(check(&s), WM_WG_MAC_COOKIE);
	s.from.port++;
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
	s.from.port--;
	s.from.addr.bytes[3]++;
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
	assert_true(wm_endpoint_parse("[2001:db8::1]:1000", &s.from));
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
}

static void test_an_address_of_the_other_family(void **state)
{
	struct scene s;
	make_scene(&s);
	assert_true(wm_endpoint_parse("[2001:db8::1]:1000", &s.from));
	assert_true(reply(&s));
	wm_wg_jar_stamp(&s.jar, &s.msg, sizeof(s.msg), 2 * second);
	assert_int_equal(check(&s), WM_WG_MAC_COOKIE);
	s.from.addr.bytes[15]++;
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
}

static void test_cookies_age_on_both_sides(void **state)
{
	uint8_t secret[32] = {1};
	struct scene s;
	make_scene(&s);
	assert_true(reply(&s));
	wm_wg_jar_stamp(&s.jar, &s.msg, sizeof(s.msg), 114 * second);
	assert_int_equal(check(&s), WM_WG_MAC_COOKIE);
	wm_wg_jar_stamp(&s.jar, &s.msg, sizeof(s.msg), 117 * second);
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);

	assert_false(wm_wg_checker_is_due(&s.checker, 120 * second));
	assert_true(wm_wg_checker_is_due(&s.checker, 121 * second));
	wm_wg_jar_stamp(&s.jar, &s.msg, sizeof(s.msg), 2 * second);
	wm_wg_checker_set_secret(&s.checker, secret, 121 * second);
	assert_int_equal(check(&s), WM_WG_MAC_FIRST);
}

static void test_a_reply_answers_one_message_only(void **state)
{
	struct scene s;
	make_scene(&s);
	assert_true(reply(&s));
	assert_false(reply(&s)); /* nothing is out */
	wm_wg_jar_stamp(&s.jar, &s.msg, sizeof(s.msg), second);
	s.msg.macs.mac1[0] ^= 1; /* a reply to something that we did not send */
	assert_false(reply(&s));
	s.msg.macs.mac1[0] ^= 1;
	assert_true(reply(&s));
}

static void test_every_flipped_bit_of_a_reply_is_noticed(void **state)
{
	static const uint8_t nonce[24] = {3};
	struct wm_wg_cookie_reply good, bad;
	struct scene s;
	make_scene(&s);
	wm_wg_cookie_create(&s.checker, &s.msg, sizeof(s.msg), &s.from, nonce, &good);
	for (size_t bit = 8 * 8; bit < sizeof(good) * 8; bit++) {
		bad = good;
		((uint8_t *)&bad)[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(wm_wg_cookie_consume(&s.jar, &bad, second));
	}
	assert_true(wm_wg_cookie_consume(&s.jar, &good, second));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_mac),
		cmocka_unit_test(test_a_cookie_proves_the_address),
		cmocka_unit_test(test_an_address_of_the_other_family),
		cmocka_unit_test(test_cookies_age_on_both_sides),
		cmocka_unit_test(test_a_reply_answers_one_message_only),
		cmocka_unit_test(test_every_flipped_bit_of_a_reply_is_noticed),
	};
	return cmocka_run_group_tests_name("wg/cookie", tests, NULL, NULL);
}
