#include <pthread.h>
#include <string.h>
#include <openssl/bio.h>
#include "crypto/evp.h"
#include "crypto/tls_impl.h"

/*
 * A BIO whose two ends are the buffers of a struct wm_tls: what OpenSSL writes is appended to out,
 * what it reads is taken from in. An empty in means "later", never "the end".
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static BIO_METHOD *method;

static int write_out(BIO *bio, const char *p, size_t n, size_t *written)
{
	struct wm_tls *t = BIO_get_data(bio);

	wm_buf_add(&t->out, p, n);
	*written = n;
	return 1;
}

static int read_in(BIO *bio, char *p, size_t n, size_t *taken)
{
	struct wm_tls *t = BIO_get_data(bio);
	size_t left = t->in.len - t->in_at;

	BIO_clear_retry_flags(bio);
	/* OpenSSL would go through all that came without asking anybody. */
	if (t->key_updates > WM_TLS_KEY_UPDATES_MAX)
		left = 0;
	if (left == 0) {
		BIO_set_retry_read(bio);
		return 0;
	}
	if (n > left)
		n = left;
	memcpy(p, t->in.data + t->in_at, n);
	t->in_at += n;
	*taken = n;
	return 1;
}

static long control(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "webmesh");
	wm_evp_must(method != NULL);
	wm_evp_must(BIO_meth_set_write_ex(method, write_out) == 1);
	wm_evp_must(BIO_meth_set_read_ex(method, read_in) == 1);
	wm_evp_must(BIO_meth_set_ctrl(method, control) == 1);
}

void wm_tls_bio_attach(struct wm_tls *t)
{
	BIO *bio;

	wm_evp_must(pthread_once(&once, make_method) == 0);
	bio = BIO_new(method);
	wm_evp_must(bio != NULL);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
}
