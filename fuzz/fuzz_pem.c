/*
 * Certificates and keys in PEM form, as files and base64 data bring them: the text is tried as a
 * certificate, as a key and as both, and what is accepted must survive a round trip.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/buf.h"
#include "base/err.h"
#include "crypto/pki.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct wm_pki_cert *c)
{
	struct wm_buf cert = {0}, key = {0};
	struct wm_pki_cert *again;

	wm_pki_cert_encode(c, true, &cert);
	wm_pki_cert_encode_key(c, &key);
	if (wm_pki_cert_decode(cert.data, cert.len, key.data, key.len, &again, NULL) != 0)
		abort();
	wm_pki_cert_free(again);
	wm_pki_buf_wipe(&key);
	wm_buf_fini(&cert);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_pki_cert *c;
	struct wm_err err;
	char cn[64];

	if (wm_pki_cn_decode(data, size, cn, sizeof(cn), &err) != 0)
		cn[0] = '\0';
	if (wm_pki_cert_decode(data, size, data, size, &c, &err) == 0) {
		round_trip(c);
		wm_pki_cert_free(c);
	}
	return 0;
}
