#include "rpc/gzip.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define GZIP_WRAPPER 16 /* added to the window's size: gzip's header, not zlib's */
#define STEP         (16u << 10)
#define LEVEL        1 /* text of an API shrinks to a third at any level, and this one is fast */

static z_stream stream_of(const void *p, size_t len)
{
	return (z_stream){.next_in = (Bytef *)(uintptr_t)p, .avail_in = (uInt)len};
}

/* Up to @max bytes and one more, which tells that there are more. */
static int inflate_all(z_stream *z, uint32_t max, struct wm_buf *out)
{
	int rc = Z_OK;
	while (rc == Z_OK && z->total_out <= max) {
		size_t left = (size_t)max + 1 - z->total_out, room = left < STEP ? left : STEP;
		z->next_out = wm_buf_reserve(out, room);
		z->avail_out = (uInt)room;
		rc = inflate(z, Z_NO_FLUSH);
		wm_buf_commit(out, room - z->avail_out);
	}
	return rc;
}

int wm_rpc_gzip_decode(const void *p, size_t len, uint32_t max, struct wm_buf *out,
		       struct wm_err *err)
{
	z_stream z = stream_of(p, len);
	size_t before = out->len;
	if (inflateInit2(&z, MAX_WBITS + GZIP_WRAPPER) != Z_OK)
		abort(); /* memory is gone */
	int rc = inflate_all(&z, max, out);
	size_t size = z.total_out, behind = z.avail_in;
	(void)inflateEnd(&z);
	if (size <= max && rc == Z_STREAM_END && behind == 0)
		return 0;
	out->len = before;
	if (size > max)
		return wm_fail(
			err, WM_RESOURCE_EXHAUSTED,
			"a message of %zu compressed bytes unpacks to more than the limit of %u",
			len, max);
	return wm_fail(err, WM_INTERNAL, "a compressed message is not gzip, or not whole");
}

bool wm_rpc_gzip_encode(const void *p, size_t len, struct wm_buf *out)
{
	z_stream z = stream_of(p, len);
	if (len == 0)
		return false;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, MAX_WBITS + GZIP_WRAPPER, MAX_MEM_LEVEL - 1,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		abort(); /* memory is gone */
	z.next_out = wm_buf_reserve(out, len);
	z.avail_out = (uInt)(len - 1);
	bool shorter = deflate(&z, Z_FINISH) == Z_STREAM_END;
	if (shorter)
		wm_buf_commit(out, z.total_out);
	(void)deflateEnd(&z);
	return shorter;
}

bool wm_rpc_gzip_is_in(const char *encodings)
{
	static const char between[] = ", \t";
	for (const char *p = encodings; *p != '\0';) {
		p += strspn(p, between);
		size_t n = strcspn(p, between);
		if (n == strlen(WM_RPC_GZIP) && strncmp(p, WM_RPC_GZIP, n) == 0)
			return true;
		p += n;
	}
	return false;
}
