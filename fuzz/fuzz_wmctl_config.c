/* wmctl's configuration file: the first line names the context, the rest is the file. */
#include "base/mem.h"
#include "conf/yaml.h"
#include "programs/wmctl/context.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
	size_t n = end != NULL ? (size_t)(end - data) : 0;
	char *name = wm_strndup((const char *)data, n);
	struct wm_ctl_target target = {0};
	struct wm_buf notes = {0};
	struct wm_arena arena;
	struct wm_conf_node *root;
	struct wm_err err = {0};
	wm_arena_init(&arena, 0);
	if (wm_conf_yaml_parse(&arena, "c.yaml", data + n, size - n, &root, &err) == 0) {
		int rc = wm_ctl_context_read(&arena, root, name, &target, &notes, &err);
		if (rc != 0 && err.text[0] == '\0')
			abort();
		if (rc == 0 && (target.cert.data == NULL) != (target.key.data == NULL) &&
		    wm_tls_source_is_empty(&target.cert) != wm_tls_source_is_empty(&target.key))
			abort();
	}
	wm_arena_fini(&arena);
	wm_buf_fini(&notes);
	wm_free(name);
	return 0;
}
