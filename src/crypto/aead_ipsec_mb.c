#include "crypto/aead_ipsec_mb.h"
#include <assert.h>
#include <dlfcn.h>
#include <intel-ipsec-mb.h>
#include <pthread.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/vault.h"

/*
 * The library is loaded when somebody first asks for it: mapped and set up it takes some MiB and
 * milliseconds, which a node that moves little data should not pay. Its manager serves one thread,
 * so each thread that makes contexts has one, which ends with the thread.
 *
 * A packet is one job that is done when it has been submitted: this cipher is not one of those that
 * the library keeps back to work on several at once. A burst of jobs costs a little more than jobs
 * one by one, for each job is copied into its ring (measured: 530 against 500 ns at 1420 bytes).
 */
#define LIBRARY "libIPSec_MB.so.1"

struct context {
	uint8_t key[WM_AEAD_KEY];
	uint8_t behind[16]; /* the library loads so much more than the key has */
	IMB_MGR *manager;   /* of the thread that made it */
};

static struct {
	IMB_MGR *(*alloc)(uint64_t flags);
	void (*init)(IMB_MGR *m, IMB_ARCH *arch);
	void (*free)(IMB_MGR *m);
	int (*error)(IMB_MGR *m);
	pthread_key_t manager; /* of each thread */
} lib;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool is_loaded;

/* POSIX lets a symbol be a function; C needs the detour to say so. */
static bool find_symbol(void *handle, const char *name, void *out)
{
	void *symbol = dlsym(handle, name);
	memcpy(out, &symbol, sizeof(symbol));
	return symbol != NULL;
}

/* It has held keys' products. */
static void free_manager(void *m)
{
	lib.free(m);
}

static void load(void)
{
	__builtin_cpu_init();
	/* Below AVX2 it is no faster than OpenSSL. */
	if (!__builtin_cpu_supports("avx2"))
		return;
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (handle == NULL)
		return;
	is_loaded = find_symbol(handle, "alloc_mb_mgr", (void *)&lib.alloc) &&
		    find_symbol(handle, "init_mb_mgr_auto", (void *)&lib.init) &&
		    find_symbol(handle, "free_mb_mgr", (void *)&lib.free) &&
		    find_symbol(handle, "imb_get_errno", (void *)&lib.error) &&
		    pthread_key_create(&lib.manager, free_manager) == 0;
	if (!is_loaded)
		dlclose(handle);
}

/* The calling thread's manager, or NULL when the library does not work here. */
static IMB_MGR *get_manager(void)
{
	IMB_MGR *m = pthread_getspecific(lib.manager);
	IMB_ARCH arch;
	if (m != NULL)
		return m;
	if ((m = lib.alloc(0)) == NULL)
		return NULL;
	lib.init(m, &arch);
	if (lib.error(m) != 0 || pthread_setspecific(lib.manager, m) != 0) {
		lib.free(m);
		return NULL;
	}
	return m;
}

static bool is_usable(void)
{
	return pthread_once(&once, load) == 0 && is_loaded && get_manager() != NULL;
}

static void rekey(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	struct context *c = a->state;
	memcpy(c->key, key, sizeof(c->key));
}

static void init(struct wm_aead *a, const uint8_t key[WM_AEAD_KEY])
{
	struct context *c = wm_vault_alloc(sizeof(*c));
	c->manager = get_manager();
	assert(c->manager != NULL); /* is_usable has said so */
	a->state = c;
	rekey(a, key);
}

static void fini(struct wm_aead *a)
{
	wm_vault_free(a->state);
	a->state = NULL;
}

static void run(struct context *c, IMB_CIPHER_DIRECTION direction, const uint8_t *nonce,
		const void *ad, size_t ad_len, const uint8_t *in, size_t len, uint8_t *out,
		uint8_t tag[WM_AEAD_TAG])
{
	IMB_JOB *j = IMB_GET_NEXT_JOB(c->manager);
	j->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
	j->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
	j->cipher_direction = direction;
	j->chain_order =
		direction == IMB_DIR_ENCRYPT ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
	j->enc_keys = c->key;
	j->dec_keys = c->key;
	j->key_len_in_bytes = WM_AEAD_KEY;
	j->iv = nonce;
	j->iv_len_in_bytes = WM_AEAD_NONCE;
	j->src = in;
	j->dst = out;
	j->cipher_start_src_offset_in_bytes = 0;
	j->hash_start_src_offset_in_bytes = 0;
	j->msg_len_to_cipher_in_bytes = len;
	j->msg_len_to_hash_in_bytes = len;
	j->u.CHACHA20_POLY1305.aad = ad;
	j->u.CHACHA20_POLY1305.aad_len_in_bytes = ad_len;
	j->auth_tag_output = tag;
	j->auth_tag_output_len_in_bytes = WM_AEAD_TAG;
	j = IMB_SUBMIT_JOB_NOCHECK(c->manager);
	if (j == NULL)
		j = IMB_FLUSH_JOB(c->manager);
	assert(j != NULL && j->status == IMB_STATUS_COMPLETED);
}

static void seal(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad,
		 size_t ad_len, const void *in, size_t len, void *out)
{
	uint8_t *to = out;
	assert(len <= WM_AEAD_MAX_LENGTH && ad_len <= WM_AEAD_MAX_LENGTH);
	run(a->state, IMB_DIR_ENCRYPT, nonce, ad, ad_len, in, len, to, to + len);
}

static bool open(struct wm_aead *a, const uint8_t nonce[WM_AEAD_NONCE], const void *ad,
		 size_t ad_len, const void *in, size_t len, void *out)
{
	const uint8_t *from = in;
	uint8_t tag[WM_AEAD_TAG], seen[WM_AEAD_TAG];
	if (len < WM_AEAD_TAG || len > WM_AEAD_MAX_LENGTH + WM_AEAD_TAG)
		return false;
	assert(ad_len <= WM_AEAD_MAX_LENGTH);
	len -= WM_AEAD_TAG;
	memcpy(seen, from + len, sizeof(seen)); /* @out may be @in */
	run(a->state, IMB_DIR_DECRYPT, nonce, ad, ad_len, from, len, out, tag);
	return wm_equal_secret(tag, seen, sizeof(tag));
}

const struct wm_aead_provider wm_aead_ipsec_mb = {
	.name = "ipsec-mb",
	.is_usable = is_usable,
	.init = init,
	.rekey = rekey,
	.fini = fini,
	.seal = seal,
	.open = open,
};
