#include "wg/seal.h"
#include <string.h>

static const uint8_t zeros[16];

static size_t padded_length(size_t len, size_t mtu)
{
	size_t padded = (len + 15) & ~(size_t)15;
	if (padded <= mtu)
		return padded;
	return len > mtu ? len : mtu;
}

/* Writes header and ciphertext; the padding stands behind the packet already. */
static size_t seal_padded(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, uint64_t counter,
			  const uint8_t *packet, size_t padded, uint8_t *out)
{
	struct wm_wg_data *header = (struct wm_wg_data *)out;
	uint8_t nonce[WM_AEAD_NONCE];
	wm_wg_put_le32(header->type, WM_WG_DATA);
	wm_wg_put_le32(header->receiver, s->keys.remote_index);
	wm_wg_put_le64(header->counter, counter);
	wm_aead_nonce(counter, nonce);
	wm_aead_seal(wm_wg_ciphers_get(ciphers, s, WM_WG_SEND), nonce, NULL, 0, packet, padded,
		     out + sizeof(*header));
	return sizeof(*header) + padded + WM_WG_TAG;
}

size_t wm_wg_seal_into(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, uint64_t counter,
		       uint8_t *packet, size_t len, size_t mtu, uint8_t *out)
{
	uint8_t kept[sizeof(zeros)];
	size_t padded = padded_length(len, mtu);
	if (padded == len)
		return seal_padded(ciphers, s, counter, packet, padded, out);
	memcpy(kept, packet + len, padded - len);
	memcpy(packet + len, zeros, padded - len);
	size_t sealed = seal_padded(ciphers, s, counter, packet, padded, out);
	memcpy(packet + len, kept, padded - len);
	return sealed;
}

size_t wm_wg_seal(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, struct wm_wg_data *header,
		  size_t len, size_t mtu)
{
	uint64_t counter;
	uint8_t *packet = (uint8_t *)header + sizeof(*header);
	size_t padded = padded_length(len, mtu);
	if (!wm_wg_session_take(s, 1, &counter))
		return 0;
	memcpy(packet + len, zeros, padded - len);
	return seal_padded(ciphers, s, counter, packet, padded, (uint8_t *)header);
}

bool wm_wg_open(struct wm_wg_ciphers *ciphers, const struct wm_wg_session *s, uint8_t *datagram,
		size_t len)
{
	uint8_t nonce[WM_AEAD_NONCE];
	uint8_t *packet = datagram + sizeof(struct wm_wg_data);
	wm_aead_nonce(wm_wg_get_le64(((struct wm_wg_data *)datagram)->counter), nonce);
	return wm_aead_open(wm_wg_ciphers_get(ciphers, s, WM_WG_RECV), nonce, NULL, 0, packet,
			    len - sizeof(struct wm_wg_data), packet);
}
