/*
 * Sealing and opening a batch of packets in place: through wg/seal.h, and by the bare libraries.
 * Prints nanoseconds per packet.
 */
#include "micro.h"
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/rand.h"
#include "wg/seal.h"
#ifdef WM_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

#define BATCH 64
#define ROOM  2048
#define TAG   16

/* One way of doing it: @seal and @open do packet @i of the batch. */
struct way {
	const char *name;
	void (*seal)(unsigned i, size_t len);
	bool (*open)(unsigned i, size_t len);
};

static _Alignas(64) uint8_t packets[BATCH][ROOM];
static uint8_t key[32], nonce[12];

static uint8_t *text_of(unsigned i)
{
	return packets[i] + sizeof(struct wm_wg_data);
}

/* ---- ours ---- */

static struct wm_wg_session *session;
static struct wm_wg_ciphers ciphers;

static void seal_ours(unsigned i, size_t len)
{
	wm_wg_seal(&ciphers, session, (struct wm_wg_data *)packets[i], len, 1420);
}

static bool open_ours(unsigned i, size_t len)
{
	/* Padded to 16, but not beyond the MTU. */
	size_t padded = (len + 15) / 16 * 16 < 1420 ? (len + 15) / 16 * 16 : 1420;
	return wm_wg_open(&ciphers, session, packets[i], sizeof(struct wm_wg_data) + padded + TAG);
}

static void prepare_ours(void)
{
	struct wm_wg_keys keys = {.local_index = 1, .remote_index = 1};
	memcpy(keys.send, key, sizeof(key)); /* what it seals, it opens */
	memcpy(keys.recv, key, sizeof(key));
	session = wm_wg_session_new(NULL, &keys, true, 1);
	wm_wg_ciphers_speed_up(&ciphers);
}

/* ---- OpenSSL ---- */

static EVP_CIPHER_CTX *evp;

static void seal_openssl(unsigned i, size_t len)
{
	uint8_t *p = text_of(i);
	int n;
	if (EVP_EncryptInit_ex2(evp, NULL, NULL, nonce, NULL) != 1 ||
	    EVP_EncryptUpdate(evp, p, &n, p, (int)len) != 1 ||
	    EVP_EncryptFinal_ex(evp, p + len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_GET_TAG, TAG, p + len) != 1)
		micro_fail("OpenSSL does not seal");
}

static bool open_openssl(unsigned i, size_t len)
{
	uint8_t *p = text_of(i);
	int n;
	return EVP_DecryptInit_ex2(evp, NULL, NULL, nonce, NULL) == 1 &&
	       EVP_CIPHER_CTX_ctrl(evp, EVP_CTRL_AEAD_SET_TAG, TAG, p + len) == 1 &&
	       EVP_DecryptUpdate(evp, p, &n, p, (int)len) == 1 &&
	       EVP_DecryptFinal_ex(evp, p + len, &n) == 1;
}

static void prepare_openssl(void)
{
	evp = EVP_CIPHER_CTX_new();
	if (evp == NULL || EVP_EncryptInit_ex2(evp, EVP_chacha20_poly1305(), key, nonce, NULL) != 1)
		micro_fail("OpenSSL has no ChaCha20-Poly1305");
}

/* ---- intel-ipsec-mb ---- */

#ifdef WM_HAVE_IPSEC_MB
static IMB_MGR *manager;

static void run_job(uint8_t *p, size_t len, IMB_CIPHER_DIRECTION direction, uint8_t tag[TAG])
{
	IMB_JOB *j = IMB_GET_NEXT_JOB(manager);
	/* Field by field: clearing the rest of it would count. */
	j->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	j->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	j->cipher_direction = direction;
	j->chain_order =
		direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	j->enc_keys = key;
	j->dec_keys = key;
	j->key_len_in_bytes = sizeof(key);
	j->iv = nonce;
	j->iv_len_in_bytes = sizeof(nonce);
	j->src = p;
	j->dst = p;
	j->cipher_start_src_offset_in_bytes = 0;
	j->hash_start_src_offset_in_bytes = 0;
	j->msg_len_to_cipher_in_bytes = len;
	j->msg_len_to_hash_in_bytes = len;
	j->u.CHACHA20_POLY1305.aad = NULL;
	j->u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
	j->auth_tag_output = tag;
	j->auth_tag_output_len_in_bytes = TAG;
	j = IMB_SUBMIT_JOB_NOCHECK(manager);
	if (j == NULL || j->status != IMB_STATUS_COMPLETED)
		micro_fail("intel-ipsec-mb does not finish a job");
}

static void seal_ipsec_mb(unsigned i, size_t len)
{
	run_job(text_of(i), len, IMB_DIR_ENCRYPT, text_of(i) + len);
}

static bool open_ipsec_mb(unsigned i, size_t len)
{
	uint8_t tag[TAG];
	run_job(text_of(i), len, IMB_DIR_DECRYPT, tag);
	return memcmp(tag, text_of(i) + len, TAG) == 0;
}

static void prepare_ipsec_mb(void)
{
	IMB_ARCH arch;
	manager = alloc_mb_mgr(0);
	if (manager == NULL)
		micro_fail("intel-ipsec-mb gives no manager");
	init_mb_mgr_auto(manager, &arch);
}
#endif

/* ---- */

static const struct way ways[] = {
	{"wg", seal_ours, open_ours},
	{"openssl", seal_openssl, open_openssl},
#ifdef WM_HAVE_IPSEC_MB
	{"ipsec_mb", seal_ipsec_mb, open_ipsec_mb},
#endif
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static void run_batch(const struct way *w, size_t len, struct micro_bare *s)
{
	bool ok = true;
	double start = micro_cpu();
	for (unsigned i = 0; i < BATCH; i++)
		w->seal(i, len);
	double middle = micro_cpu();
	for (unsigned i = 0; i < BATCH; i++)
		ok &= w->open(i, len);
	s->opening += micro_cpu() - middle;
	s->sealing += middle - start;
	s->packets += BATCH;
	if (!ok)
		micro_fail("what was sealed does not open");
}

static void print_sums(const char *verb, const char *way, size_t len, double seconds, double n)
{
	char name[64];
	snprintf(name, sizeof(name), "%s_%s_%zu", verb, way, len);
	micro_print(name, seconds * 1e9 / n);
}

static void run_length(size_t len)
{
	struct micro_bare sums[WAYS] = {{.packets = 0}};
	while (sums[0].sealing < MICRO_SECONDS)
		for (unsigned w = 0; w < WAYS; w++)
			run_batch(&ways[w], len, &sums[w]);
	for (unsigned w = 0; w < WAYS; w++) {
		print_sums("seal", ways[w].name, len, sums[w].sealing, sums[w].packets);
		print_sums("open", ways[w].name, len, sums[w].opening, sums[w].packets);
	}
}

static void prepare(void)
{
	wm_rand_bytes(key, sizeof(key));
	wm_rand_bytes(packets, sizeof(packets));
	prepare_ours();
	prepare_openssl();
#ifdef WM_HAVE_IPSEC_MB
	prepare_ipsec_mb();
#endif
}

void micro_bare(struct micro_bare *b, size_t len)
{
	if (session == NULL)
		prepare();
	run_batch(&ways[WAYS - 1], len, b);
}

void micro_cipher(void)
{
	prepare();
	run_length(64);
	run_length(512);
	run_length(1420);
}
