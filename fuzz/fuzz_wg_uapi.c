/* A request on the socket of stock `wg`; what is accepted must be fit to be shown again. */
#include <stdint.h>
#include <stdlib.h>

#include "wg/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum wm_wg_uapi_verb verb = WM_WG_UAPI_SET;
	struct wm_wg_config *config;
	struct wm_buf out = {.len = 0};
	int rc = wm_wg_uapi_parse((const char *)data, size, &verb, &config, NULL);
	if ((rc != 0 || verb == WM_WG_UAPI_GET) != (config == NULL))
		abort();
	if (config != NULL)
		wm_wg_uapi_format(config, &out);
	wm_wg_uapi_format_result(rc, &out);
	wm_wg_config_free(config);
	wm_buf_fini(&out);
	return 0;
}
