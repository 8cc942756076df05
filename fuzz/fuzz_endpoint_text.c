/* What a node advertises as its endpoint. A literal can be sent to; a name is one that resolvers
 * take. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fabric/endpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = wm_strndup((const char *)data, size);
	struct wm_endpoint_text t;

	wm_endpoint_text_parse(text, &t);
	if (t.kind == WM_ENDPOINT_LITERAL)
		must(t.literal.port != 0 && wm_addr_is_valid(&t.literal.addr) &&
		     !wm_addr_is_unspecified(&t.literal.addr));
	if (t.kind == WM_ENDPOINT_NAME)
		must(t.port != 0 && t.host[0] != '\0' && strlen(t.host) < sizeof(t.host) &&
		     strpbrk(t.host, " /:%") == NULL);
	wm_free(text);
	return 0;
}
