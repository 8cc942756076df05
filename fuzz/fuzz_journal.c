/* The text of a journal. What parses is written and parsed again to the same text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fabric/notes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_notes n = {0}, again = {0};
	struct wm_buf a = {0}, b = {0};

	if (wm_notes_parse((const char *)data, size, &n, NULL) != 0) {
		must(wm_notes_is_empty(&n));
		return 0;
	}
	for (size_t i = 0; i < n.settings.n; i++)
		must(wm_sysctl_name_is_valid(n.settings.items[i].name));
	wm_notes_format(&n, &a);
	must(wm_notes_parse(wm_buf_str(&a), a.len, &again, NULL) == 0);
	wm_notes_format(&again, &b);
	must(a.len == b.len && memcmp(a.data, b.data, a.len) == 0);
	wm_notes_fini(&n);
	wm_notes_fini(&again);
	wm_buf_fini(&a);
	wm_buf_fini(&b);
	return 0;
}
