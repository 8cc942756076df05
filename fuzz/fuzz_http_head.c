/*
 * The head of a request: however it is cut into pieces, the verdict is the same and takes the same
 * bytes; what is accepted has a path and stays within its bounds.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct wm_http_head *head, size_t used, size_t size)
{
	if (used > size)
		abort();
	if (head->status == 0 &&
	    (head->path[0] != '/' || strlen(head->path) > WM_HTTP_TARGET_MAX + 1))
		abort();
	if (head->status == 0 && used > WM_HTTP_HEAD_MAX)
		abort();
	if ((head->status == 400 || head->status == 414 || head->status == 431) &&
	    (head->keep_alive || used != size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_http_head whole, pieces;
	struct wm_http_scan scan = {0}, slow = {0};
	size_t used = wm_http_head_decode(&scan, data, size, &whole), again = 0, n = 0;
	if (used == 0) {
		if (size > WM_HTTP_HEAD_MAX)
			abort();
	} else {
		check(&whole, used, size);
	}
	while (again == 0 && n < size)
		again = wm_http_head_decode(&slow, data, ++n, &pieces);
	if ((again == 0) != (used == 0) || again > used)
		abort();
	if (used != 0 &&
	    (pieces.status != whole.status || pieces.keep_alive != whole.keep_alive ||
	     strcmp(pieces.path, whole.path) != 0 || strcmp(pieces.query, whole.query) != 0))
		abort();
	return 0;
}
