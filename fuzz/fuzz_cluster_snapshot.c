/*
 * A snapshot that another server sent. Blocks are cut out of the bytes here, so that the checksums,
 * which nobody can guess, do not stand in front of what lies behind them.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/snapshot_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int ok)
{
	if (!ok)
		abort();
}

static int on_record(void *arg, const struct wm_kv *kv, struct wm_err *err)
{
	must(kv->key_len > 0 && kv->key_len <= WM_KEY_MAX && kv->value_len <= WM_VALUE_MAX);
	must(strlen(kv->key) == kv->key_len);
	++*(uint64_t *)arg;
	return 0;
}

static void read_blocks(const uint8_t *data, size_t size)
{
	for (uint64_t number = 0; size > 0; number++) {
		const uint8_t *content;
		size_t n, need;
		int rc = wm_snapshot_block_decode(data, size, number, &content, &n, &need, NULL);

		if (rc != 0) {
			must(rc == WM_DATA_LOSS || need == 0 || need > size);
			return;
		}
		data += need;
		size -= need;
	}
}

/* Contents, each behind two bytes of length. */
static void read_contents(const uint8_t *data, size_t size)
{
	struct wm_snapshot_head head = {0};
	uint64_t seen = 0;
	struct wm_snapshot_reader r = {.arg = &seen, .on_record = on_record};
	bool first = true;

	while (size >= 2 && !r.ended) {
		size_t n = (size_t)data[0] << 8 | data[1];
		int rc;

		data += 2;
		size -= 2;
		n = n < size ? n : size;
		rc = first ? wm_snapshot_head_decode(data, n, &head, NULL)
			   : wm_snapshot_content_decode(&r, data, n, NULL);
		if (rc != 0)
			break;
		first = false;
		data += n;
		size -= n;
	}
	must(seen == r.records);
	wm_snapshot_head_fini(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] == 'b')
		read_blocks(data + 1, size - 1);
	else
		read_contents(data, size);
	return 0;
}
