/* A batch of transactions from a log. What decodes has been checked, and is encoded alike again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/txn_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

/* Decodes @data and encodes what was there into @out; false when something was malformed. */
static int through(const uint8_t *data, size_t size, struct wm_buf *out)
{
	struct wm_txn_batch_head head;
	struct wm_wire w;

	if (wm_txn_batch_decode_head(&w, data, size, &head, NULL) != 0)
		return 0;
	wm_txn_batch_encode_head(out, &head);
	for (;;) {
		struct wm_txn *t;
		size_t before = out->len;

		if (wm_txn_batch_decode(&w, &t, NULL) != 0)
			return 0;
		if (t == NULL)
			return 1;
		must(wm_txn_check(t, NULL) == 0);
		wm_txn_batch_encode(out, t);
		must(out->len - before <= wm_txn_batch_size(t));
		wm_txn_free(t);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_buf once = {0}, twice = {0};

	if (through(data, size, &once)) {
		must(through(once.data, once.len, &twice));
		must(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
	}
	wm_buf_fini(&once);
	wm_buf_fini(&twice);
	return 0;
}
