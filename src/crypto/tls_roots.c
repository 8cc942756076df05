#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include "crypto/evp.h"
#include "crypto/tls_impl.h"

/*
 * The system's roots, read when a chain needs them and not before: reading a bundle of all of them
 * takes 50 ms and a megabyte, and a node whose mesh has an authority of its own never asks. There
 * is one copy for the process; a config's store asks it by subject through a lookup method, and
 * keeps the certificates that it was given.
 */
static pthread_once_t roots_once = PTHREAD_ONCE_INIT, method_once = PTHREAD_ONCE_INIT;
static X509_STORE *roots;
static X509_LOOKUP_METHOD *method;

static bool has_hashed_names(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *e;
	bool found = false;

	if (dir == NULL)
		return false;
	while (!found && (e = readdir(dir)) != NULL)
		found = strspn(e->d_name, "0123456789abcdef") == 8 && e->d_name[8] == '.';
	closedir(dir);
	return found;
}

/* Where they lie by hash, even then only those asked for are read. */
static void open_roots(void)
{
	const char *dir = getenv(X509_get_default_cert_dir_env());

	roots = X509_STORE_new();
	wm_evp_must(roots != NULL);
	if (dir == NULL)
		dir = X509_get_default_cert_dir();
	if (getenv(X509_get_default_cert_file_env()) == NULL && has_hashed_names(dir))
		wm_evp_must(X509_STORE_load_path(roots, dir) == 1);
	else
		X509_STORE_set_default_paths(roots);
}

static STACK_OF(X509) * find_roots(const X509_NAME *name)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) * found;

	wm_evp_must(pthread_once(&roots_once, open_roots) == 0);
	wm_evp_must(ctx != NULL && X509_STORE_CTX_init(ctx, roots, NULL, NULL) == 1);
	found = X509_STORE_CTX_get1_certs(ctx, name);
	X509_STORE_CTX_free(ctx);
	return found;
}

/*
 * Called for a subject that @lookup's store does not hold. As OpenSSL's own methods do, it adds
 * what it finds to the store and answers with a pointer that borrows the store's reference.
 */
static int look_up(X509_LOOKUP *lookup, X509_LOOKUP_TYPE type, const X509_NAME *name,
		   X509_OBJECT *out)
{
	X509_STORE *store = X509_LOOKUP_get_store(lookup);
	STACK_OF(X509) * found;
	int ok = 0;

	if (type != X509_LU_X509)
		return 0;
	/* A system without roots trusts nobody; the chain's verdict says so, not the queue. */
	ERR_set_mark();
	found = find_roots(name);
	for (int i = 0; i < sk_X509_num(found); i++)
		wm_evp_must(X509_STORE_add_cert(store, sk_X509_value(found, i)) == 1);
	if (sk_X509_num(found) > 0) {
		ok = X509_OBJECT_set1_X509(out, sk_X509_value(found, 0));
		if (ok == 1)
			X509_free(sk_X509_value(found, 0)); /* the reference that set1 took */
	}
	sk_X509_pop_free(found, X509_free);
	ERR_pop_to_mark();
	return ok;
}

static void make_method(void)
{
	method = X509_LOOKUP_meth_new("the system's roots");
	wm_evp_must(method != NULL);
	wm_evp_must(X509_LOOKUP_meth_set_get_by_subject(method, look_up) == 1);
}

void wm_tls_roots_attach(X509_STORE *store)
{
	wm_evp_must(pthread_once(&method_once, make_method) == 0);
	wm_evp_must(X509_STORE_add_lookup(store, method) != NULL);
}
