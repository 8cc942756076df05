/*
 * What a verdict costs: out of a worker's cache, and out of the table, of 1,000 and of 10,000
 * rules; how large the tables are, and how long they take to make. Prints nanoseconds, MiB,
 * milliseconds. Rules are like those of a mesh: from one network to another, some of them with
 * ports; packets are all different and mostly match one.
 */
#include "micro.h"
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/rand.h"
#include "wg/judge.h"
#include "wg/packet.h"

#define PACKETS 4096
#define LEN     40

static uint8_t packets[PACKETS][LEN];

static void fill_rules(struct wm_wg_rule *rules, struct wm_prefix *prefixes, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = 0; k < 2; k++)
			prefixes[2 * i + k] = (struct wm_prefix){
				.addr = wm_addr_v4(0x0a000000 | wm_rand_below(1u << 24)),
				.bits = (uint8_t)(16 + wm_rand_below(17))};
		uint16_t port = (uint16_t)(1 + wm_rand_below(60000));
		rules[i] = (struct wm_wg_rule){.sources = &prefixes[2 * i],
					       .targets = &prefixes[2 * i + 1],
					       .n_sources = 1,
					       .n_targets = 1,
					       .protocol = i % 2 ? WM_PROTOCOL_TCP : 0,
					       .allows = wm_rand_below(2)};
		if (i % 2)
			rules[i].target_ports =
				(struct wm_wg_ports){port, (uint16_t)(port + i % 5)};
	}
}

struct wm_wg_policy *micro_policy_new(unsigned n)
{
	struct wm_wg_rule *rules = wm_calloc(n, sizeof(*rules));
	struct wm_prefix *prefixes = wm_calloc(2 * n, sizeof(*prefixes));
	struct wm_wg_policy_spec spec = {.rules = rules, .n_rules = n, .allows_rest = true};
	struct wm_wg_policy *p;
	struct wm_err err;
	fill_rules(rules, prefixes, n);
	if (wm_wg_policy_new(&spec, &p, &err) != 0)
		micro_fail(err.text);
	wm_free(prefixes);
	wm_free(rules);
	return p;
}

static void fill_packets(void)
{
	for (unsigned i = 0; i < PACKETS; i++) {
		uint8_t *p = packets[i];
		wm_rand_bytes(p, LEN);
		p[0] = 0x45;
		wm_wg_put_be16(p + WM_IP4_LENGTH, LEN);
		wm_wg_put_be16(p + WM_IP4_FRAGMENT, WM_IP4_DONT_FRAGMENT);
		p[WM_IP4_PROTOCOL] = WM_PROTOCOL_TCP;
		p[WM_IP4_ADDRESSES] = p[WM_IP4_ADDRESSES + 4] = 10;
	}
}

static void print(const char *what, unsigned n, double value)
{
	char name[40];
	snprintf(name, sizeof(name), "%s_%u", what, n);
	micro_print(name, value);
}

/* @spread packets in turns: of few the cache knows all, of many hardly any. */
static double judge(struct wm_wg_judge *j, unsigned spread)
{
	uint64_t done = 0, passed = 0;
	double start = micro_cpu(), took;
	do {
		for (unsigned i = 0; i < PACKETS; i++)
			passed +=
				wm_wg_judge_packet(j, 0, packets[i % spread], LEN) == WM_DROP_NONE;
		done += PACKETS;
	} while ((took = micro_cpu() - start) < MICRO_SECONDS);
	if (passed == 0)
		micro_fail("no packet may pass");
	return took * 1e9 / (double)done;
}

static double ask_table(const struct wm_wg_policy *p)
{
	static struct wm_wg_flow flows[PACKETS];
	uint64_t done = 0, passed = 0;
	size_t payload;
	for (unsigned i = 0; i < PACKETS; i++)
		if (wm_wg_flow_read(packets[i], LEN, &flows[i], &payload) != WM_DROP_NONE)
			micro_fail("a packet cannot be read");
	double start = micro_cpu(), took;
	do {
		for (unsigned i = 0; i < PACKETS; i++)
			passed += wm_wg_policy_allows(p, &flows[i]);
		done += PACKETS;
	} while ((took = micro_cpu() - start) < MICRO_SECONDS);
	if (passed == 0)
		micro_fail("no flow may pass");
	return took * 1e9 / (double)done;
}

static void run(unsigned n)
{
	double start = micro_cpu();
	struct wm_wg_policy *p = micro_policy_new(n);
	print("policy_compile", n, (micro_cpu() - start) * 1e3);
	print("policy_mib", n, (double)wm_wg_policy_bytes(p) / (1 << 20));
	print("policy_table", n, ask_table(p));
	struct wm_wg_judge *j = wm_wg_judge_new(p, 1);
	print("policy_cached", n, judge(j, 16));
	print("policy_uncached", n, judge(j, PACKETS));
	wm_wg_judge_free(j);
}

void micro_policy(void)
{
	fill_packets();
	run(1000);
	run(10000);
}
