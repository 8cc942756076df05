/* Any bytes as the texts of gRPC's headers: grpc-timeout, grpc-message, metadata of both kinds. */
#include "base/mem.h"
#include "base/str.h"
#include "rpc/metadata.h"
#include "rpc/status.h"
#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_timeout(const char *text, size_t len)
{
	char back[WM_RPC_TIMEOUT_TEXT];
	int64_t ns, again;
	if (!wm_rpc_timeout_parse(text, len, &ns))
		return;
	assert(ns >= 0);
	(void)wm_rpc_timeout_format(ns, back);
	assert(wm_rpc_timeout_parse(back, strlen(back), &again));
	assert(again >= ns || ns > INT64_MAX / 2);
}

static void try_message(const char *text, size_t len)
{
	struct wm_buf coded = {0};
	char out[128], again[128];
	(void)wm_rpc_percent_decode(text, len, out, sizeof(out));
	assert(wm_utf8_is_valid(out, strlen(out)));
	wm_rpc_percent_encode(out, &coded);
	(void)wm_rpc_percent_decode(wm_buf_str(&coded), coded.len, again, sizeof(again));
	assert(strcmp(out, again) == 0);
	wm_buf_fini(&coded);
}

static void try_metadata(const char *text, size_t len)
{
	static const char *const keys[] = {"x-bin", "x-text"};
	struct wm_rpc_metadata m = {0};
	const char *key, *value;
	size_t n;
	for (size_t i = 0; i < WM_ARRAY_LEN(keys); i++)
		(void)wm_rpc_metadata_decode(&m, keys[i], strlen(keys[i]), text, len);
	(void)wm_rpc_metadata_decode(&m, text, len, "value", 5);
	for (size_t i = 0; wm_rpc_metadata_at(&m, i, &key, &value, &n); i++)
		assert(value[n] == '\0' && wm_rpc_metadata_find(&m, key, NULL) != NULL);
	wm_rpc_metadata_fini(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	try_timeout(text, size);
	try_message(text, size);
	try_metadata(text, size);
	return 0;
}
