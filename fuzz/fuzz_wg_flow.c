/* Any plaintext through the walk over its headers, and through a policy that asks for everything.
 */
#include <stdlib.h>

#include "wg/flow.h"
#include "wg/inner.h"
#include "wg/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct wm_wg_judge *judge;

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* Two ends may talk UDP with some ports, and one may be answered. */
static struct wm_wg_judge *make_judge(void)
{
	struct wm_prefix ten = {.addr = wm_addr_v4(0x0a000000), .bits = 8};
	struct wm_prefix ula = {.addr = {WM_IPV6, {0xfd}}, .bits = 8}, both[] = {ten, ula};
	struct wm_wg_rule rules[] = {
		{both, both, 2, 2, {0, 0}, {1, 9999}, 17, true, false},
		{both, both, 2, 2, {9000, 9000}, {0, 0}, 6, true, true},
		{NULL, both, 0, 2, {0, 0}, {0, 0}, 58, true, false},
	};
	struct wm_wg_policy_spec spec = {.rules = rules, .n_rules = 3};
	struct wm_wg_policy *policy = NULL;
	must(wm_wg_policy_new(&spec, &policy, NULL) == 0);
	return wm_wg_judge_new(policy, 1);
}

static void check(const uint8_t *data, size_t len)
{
	struct wm_wg_flow flow, quote;
	size_t payload;
	enum wm_drop why = wm_wg_flow_read(data, len, &flow, &payload);
	must(why == WM_DROP_NONE || why == WM_DROP_HEADERS || why == WM_DROP_FRAGMENT);
	enum wm_drop verdict = wm_wg_judge_packet(judge, 0, data, len);
	/* Out of the cache it is the same. */
	must(verdict == wm_wg_judge_packet(judge, 0, data, len));
	must(why == WM_DROP_NONE ? verdict == WM_DROP_NONE || verdict == WM_DROP_POLICY
				 : verdict == why);
	if (why != WM_DROP_NONE)
		return;
	must(payload <= len && payload >= (flow.version == 4 ? 20 : 40));
	must(flow.kind <= WM_WG_FLOW_LATER && flow.zero == 0);
	bool has_ports = flow.kind != WM_WG_FLOW_LATER && wm_wg_flow_has_ports(flow.protocol);
	must(has_ports || (flow.source_port == 0 && flow.target_port == 0));
	must(!has_ports || len - payload >= 8);
	if (wm_wg_flow_read_quote(data, len, &flow, payload, &quote))
		must(quote.version == flow.version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_wg_inner inner;
	if (judge == NULL)
		judge = make_judge();
	check(data, size);
	if (wm_wg_inner_parse(data, size, &inner)) {
		(void)wm_wg_inner_is_mapped(&inner);
		check(data, inner.len);
	}
	return 0;
}
