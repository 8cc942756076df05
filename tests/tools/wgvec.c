/*
 * The pure functions of src/wg/ as a filter, for the tests that hold them against another
 * implementation: each line of the input is a verb and its words (bytes in hex, numbers, "-" for
 * nothing), each line of the output its result, or "drop" and the reason. What is random elsewhere
 * comes from the input.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "wg/cookie.h"
#include "wg/demux.h"
#include "wg/seal.h"
#include "wg/tai64n.h"
#include "wg/timers.h"

#define LINE_MAX_BYTES (1 << 20)
#define PACKET_MAX     4096
#define NOW            (1000 * WM_WG_S)

static char *rest; /* of the line at hand */

static const char *word(void)
{
	const char *w = strtok_r(NULL, " \n", &rest);
	if (w == NULL) {
		fprintf(stderr, "wgvec: a word is missing\n");
		exit(2);
	}
	return w;
}

/* Bytes of any length up to @cap; returns how many. */
static size_t take_some(void *out, size_t cap)
{
	const char *w = word();
	size_t n = strcmp(w, "-") == 0 ? 0 : strlen(w) / 2;
	if (n > cap || (n > 0 && !wm_hex_parse(w, out, n))) {
		fprintf(stderr, "wgvec: bad bytes: %s\n", w);
		exit(2);
	}
	return n;
}

static void take(void *out, size_t n)
{
	if (take_some(out, n) != n) {
		fprintf(stderr, "wgvec: %zu bytes expected\n", n);
		exit(2);
	}
}

static uint64_t take_number(void)
{
	return strtoull(word(), NULL, 10);
}

static void give(const void *p, size_t n)
{
	char text[2 * PACKET_MAX + 1];
	wm_hex_format(p, n, text);
	printf("%s ", n > 0 ? text : "-");
}

static void give_keys(const struct wm_wg_keys *k)
{
	give(k->send, sizeof(k->send));
	give(k->recv, sizeof(k->recv));
	printf("%" PRIu32, k->remote_index);
}

static bool is_dropped(enum wm_drop why)
{
	if (why != WM_DROP_NONE)
		printf("drop %s", wm_drop_name(why));
	return why != WM_DROP_NONE;
}

/* ---- the handshake ---- */

struct party {
	struct wm_wg_identity self;
	struct wm_wg_remote peer;
	uint32_t index;
	uint8_t ephemeral[WM_WG_KEY];
};

/* PRIVATE PEER PSK INDEX EPHEMERAL */
static void take_party(struct party *p)
{
	uint8_t key[WM_WG_KEY], psk[WM_WG_KEY];
	memset(p, 0, sizeof(*p));
	take(key, sizeof(key));
	wm_wg_identity_set(&p->self, key);
	take(key, sizeof(key));
	take(psk, sizeof(psk));
	wm_wg_remote_set(&p->peer, &p->self, key, psk);
	p->index = (uint32_t)take_number();
	take(p->ephemeral, sizeof(p->ephemeral));
}

static bool initiate(struct party *p, struct wm_wg_initiator *st, struct wm_wg_initiation *msg)
{
	uint8_t timestamp[WM_WG_TIMESTAMP];
	take(timestamp, sizeof(timestamp));
	memset(st, 0, sizeof(*st));
	return wm_wg_initiation_create(st, &p->self, &p->peer, p->index, p->ephemeral, timestamp,
				       msg);
}

/* initiate PARTY TIMESTAMP -> MESSAGE */
static void run_initiate(void)
{
	struct party p;
	struct wm_wg_initiator st;
	struct wm_wg_initiation msg;
	take_party(&p);
	if (initiate(&p, &st, &msg))
		give(&msg, sizeof(msg));
	else
		printf("unusable");
}

/* respond PARTY MESSAGE -> STATIC TIMESTAMP MESSAGE SEND RECV THEIR_INDEX */
static void run_respond(void)
{
	struct party p;
	struct wm_wg_responder st;
	struct wm_wg_initiation msg;
	struct wm_wg_response reply;
	struct wm_wg_keys keys;
	uint8_t timestamp[WM_WG_TIMESTAMP];
	take_party(&p);
	take(&msg, sizeof(msg));
	if (is_dropped(wm_wg_initiation_open(&st, &p.self, &msg)) ||
	    is_dropped(wm_wg_initiation_verify(&st, &p.peer, &msg, timestamp)) ||
	    is_dropped(wm_wg_response_create(&st, &p.peer, p.index, p.ephemeral, &reply, &keys)))
		return;
	give(st.remote_static, sizeof(st.remote_static));
	give(timestamp, sizeof(timestamp));
	give(&reply, sizeof(reply));
	give_keys(&keys);
}

/* finish PARTY TIMESTAMP MESSAGE -> SEND RECV THEIR_INDEX */
static void run_finish(void)
{
	struct party p;
	struct wm_wg_initiator st;
	struct wm_wg_initiation hello;
	struct wm_wg_response msg;
	struct wm_wg_keys keys;
	take_party(&p);
	bool ok = initiate(&p, &st, &hello);
	take(&msg, sizeof(msg));
	if (!ok)
		printf("unusable");
	else if (!is_dropped(wm_wg_response_consume(&st, &p.self, &p.peer, &msg, &keys)))
		give_keys(&keys);
}

/* ---- MACs and cookies ---- */

/* PUBLIC SECRET ADDRESS MESSAGE */
static size_t take_receiver(struct wm_wg_checker *c, struct wm_endpoint *from, uint8_t *msg)
{
	uint8_t key[WM_WG_KEY], secret[32];
	memset(c, 0, sizeof(*c));
	take(key, sizeof(key));
	take(secret, sizeof(secret));
	wm_wg_checker_set(c, key);
	wm_wg_checker_set_secret(c, secret, NOW);
	if (!wm_endpoint_parse(word(), from))
		exit(2);
	return take_some(msg, WM_WG_HANDSHAKE_MAX);
}

/* stamp PUBLIC COOKIE AGE_S MESSAGE -> MESSAGE */
static void run_stamp(void)
{
	struct wm_wg_jar jar;
	uint8_t key[WM_WG_KEY], msg[WM_WG_HANDSHAKE_MAX];
	take(key, sizeof(key));
	wm_wg_jar_set(&jar, key);
	size_t has_cookie = take_some(jar.cookie, sizeof(jar.cookie));
	jar.cookie_at = has_cookie ? NOW : 0;
	int64_t age = (int64_t)take_number();
	size_t len = take_some(msg, sizeof(msg));
	wm_wg_jar_stamp(&jar, msg, len, NOW + age * WM_WG_S);
	give(msg, len);
}

/* check RECEIVER -> 0 (not for us), 1 (first MAC) or 2 (both) */
static void run_check(void)
{
	struct wm_wg_checker c;
	struct wm_endpoint from;
	uint8_t msg[WM_WG_HANDSHAKE_MAX];
	size_t len = take_receiver(&c, &from, msg);
	printf("%d", (int)wm_wg_checker_check(&c, msg, len, &from));
}

/* cookie RECEIVER NONCE -> REPLY */
static void run_cookie(void)
{
	struct wm_wg_checker c;
	struct wm_endpoint from;
	struct wm_wg_cookie_reply reply;
	uint8_t msg[WM_WG_HANDSHAKE_MAX], nonce[24];
	size_t len = take_receiver(&c, &from, msg);
	take(nonce, sizeof(nonce));
	wm_wg_cookie_create(&c, msg, len, &from, nonce, &reply);
	give(&reply, sizeof(reply));
}

/* taste PUBLIC MESSAGE REPLY -> the cookie that MESSAGE was answered with, or "no" */
static void run_taste(void)
{
	struct wm_wg_jar jar;
	struct wm_wg_cookie_reply reply;
	uint8_t key[WM_WG_KEY], msg[WM_WG_HANDSHAKE_MAX];
	take(key, sizeof(key));
	wm_wg_jar_set(&jar, key);
	size_t len = take_some(msg, sizeof(msg));
	wm_wg_jar_stamp(&jar, msg, len, NOW);
	take(&reply, sizeof(reply));
	if (wm_wg_cookie_consume(&jar, &reply, NOW))
		give(jar.cookie, sizeof(jar.cookie));
	else
		printf("no");
}

/* ---- data ---- */

static struct wm_epoch *epoch;

/* seal KEY THEIR_INDEX COUNTER MTU PACKET -> DATAGRAM */
static void run_seal(void)
{
	struct {
		struct wm_wg_data header;
		uint8_t bytes[PACKET_MAX];
	} msg;
	struct wm_wg_keys keys = {.local_index = 1};
	struct wm_wg_ciphers ciphers = {.provider = NULL};
	take(keys.send, sizeof(keys.send));
	keys.remote_index = (uint32_t)take_number();
	struct wm_wg_session *s = wm_wg_session_new(NULL, &keys, true, NOW);
	atomic_store(&s->next_counter, take_number());
	size_t mtu = take_number();
	size_t len = take_some(msg.bytes, PACKET_MAX - WM_WG_SEAL_TAIL);
	size_t sealed = wm_wg_seal(&ciphers, s, &msg.header, len, mtu);
	if (sealed == 0)
		printf("drop expired");
	else
		give(&msg, sealed);
	wm_wg_ciphers_wipe(&ciphers);
	wm_wg_session_retire(s, epoch);
}

/* open KEY DATAGRAM -> PACKET, padded */
static void run_open(void)
{
	uint8_t msg[PACKET_MAX];
	struct wm_wg_keys keys = {.local_index = 1};
	struct wm_wg_ciphers ciphers = {.provider = NULL};
	take(keys.recv, sizeof(keys.recv));
	struct wm_wg_session *s = wm_wg_session_new(NULL, &keys, true, NOW);
	size_t len = take_some(msg, sizeof(msg));
	if (wm_wg_demux_parse(msg, len) != WM_WG_KIND_DATA)
		printf("drop short");
	else if (!wm_wg_session_can_receive(s, wm_wg_get_le64(((struct wm_wg_data *)msg)->counter),
					    NOW))
		printf("drop expired");
	else if (!wm_wg_open(&ciphers, s, msg, len))
		printf("drop auth");
	else
		give(msg + sizeof(struct wm_wg_data), len - WM_WG_DATA_MIN);
	wm_wg_ciphers_wipe(&ciphers);
	wm_wg_session_retire(s, epoch);
}

/* window COUNTERS... -> 1 or 0 for each: accepted or not */
static void run_window(void)
{
	struct wm_wg_replay r = {.next = 0};
	for (const char *w; (w = strtok_r(NULL, " \n", &rest)) != NULL;)
		putchar(wm_wg_replay_accept(&r, strtoull(w, NULL, 10)) ? '1' : '0');
}

/* ---- time ---- */

/* timestamp LAST WALL_NS -> NEXT */
static void run_timestamp(void)
{
	uint8_t last[WM_WG_TIMESTAMP];
	take(last, sizeof(last));
	wm_wg_timestamp_next(last, (int64_t)take_number());
	give(last, sizeof(last));
}

/* What an event does to the timers; the intents that it asks for at once. */
static unsigned apply_event(struct wm_wg_timers *t, const char *name, int64_t now)
{
	struct wm_wg_traffic *traffic = t->traffic;
	bool is_data = name[strlen(name) - 1] == '+';
	if (strncmp(name, "sent", 4) == 0 && wm_wg_traffic_sent(traffic, is_data, now))
		wm_wg_timers_watch(t);
	if (strncmp(name, "received", 8) == 0 && wm_wg_traffic_received(traffic, is_data, now))
		wm_wg_timers_watch(t);
	if (strcmp(name, "want") == 0)
		return wm_wg_timers_want(t, now);
	if (strncmp(name, "session", 7) == 0)
		wm_wg_timers_session_made(t, is_data, now);
	if (strncmp(name, "interval", 8) == 0)
		return wm_wg_timers_set_interval(t, strtoll(name + 8, NULL, 10) * WM_WG_S, now);
	return 0;
}

/* Says what is done, and does it, as far as the timers notice: whatever is sent is sent. */
static void carry_out(struct wm_wg_timers *t, unsigned intents, int64_t now, bool has_session)
{
	if (intents & WM_WG_KEEPALIVE && !has_session)
		intents = (intents & ~(unsigned)WM_WG_KEEPALIVE) | wm_wg_timers_want(t, now);
	if (intents == 0)
		return;
	printf("%lld:%s%s%s%s ", (long long)now / (WM_WG_S / 1000),
	       intents & WM_WG_FORGET ? "forget" : "", intents & WM_WG_GIVE_UP ? "giveup" : "",
	       intents & WM_WG_INITIATE ? "initiate" : "",
	       intents & WM_WG_KEEPALIVE ? "keepalive" : "");
	if (intents & WM_WG_INITIATE)
		wm_wg_timers_initiation_sent(t, 0, now);
	if (intents & (WM_WG_INITIATE | WM_WG_KEEPALIVE))
		(void)wm_wg_traffic_sent(t->traffic, false, now);
}

/* timers MS:EVENT ... -> MS:INTENT ...; a session stays usable from its first event on */
static void run_timers(void)
{
	struct wm_wg_traffic traffic = {.last = 0};
	struct wm_wg_timers t = {.interval = 0};
	bool has_session = false;
	wm_wg_timers_init(&t, &traffic);
	for (const char *w; (w = strtok_r(NULL, " \n", &rest)) != NULL;) {
		char *name;
		int64_t now = strtoll(w, &name, 10) * (WM_WG_S / 1000);
		for (int64_t due; (due = wm_wg_timers_due(&t)) <= now;)
			carry_out(&t, wm_wg_timers_run(&t, due), due, has_session);
		has_session |= strncmp(name + 1, "session+", 8) == 0;
		carry_out(&t, apply_event(&t, name + 1, now), now, has_session);
	}
}

static const struct {
	const char *verb;
	void (*run)(void);
} verbs[] = {
	{"initiate", run_initiate}, {"respond", run_respond},     {"finish", run_finish},
	{"stamp", run_stamp},       {"check", run_check},         {"cookie", run_cookie},
	{"taste", run_taste},       {"seal", run_seal},           {"open", run_open},
	{"window", run_window},     {"timestamp", run_timestamp}, {"timers", run_timers},
};

static bool obey(char *line)
{
	const char *verb = strtok_r(line, " \n", &rest);
	for (size_t i = 0; verb != NULL && i < WM_ARRAY_LEN(verbs); i++)
		if (strcmp(verb, verbs[i].verb) == 0) {
			verbs[i].run();
			putchar('\n');
			return true;
		}
	return false;
}

int main(void)
{
	char *line = wm_alloc(LINE_MAX_BYTES);
	bool ok = true;
	setvbuf(stdout, NULL, _IOLBF, 0);
	epoch = wm_epoch_new();
	while (ok && fgets(line, LINE_MAX_BYTES, stdin) != NULL)
		ok = obey(line);
	wm_epoch_free(epoch);
	wm_free(line);
	return ok ? 0 : 2;
}
