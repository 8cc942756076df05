#include "base/mem.h"
#include "base/str.h"
#include "crypto/key.h"
#include "programs/wmctl/commands.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX 256

/* Standard input whole and trimmed; @text is wiped by the caller. */
static int read_input(char text[INPUT_MAX], char **trimmed, struct wm_err *err)
{
	size_t n = 0;
	for (ssize_t got = 1; got > 0 && n < INPUT_MAX - 1; n += got > 0 ? (size_t)got : 0) {
		got = read(STDIN_FILENO, text + n, INPUT_MAX - 1 - n);
		if (got < 0)
			return wm_fail_errno(err, errno, "cannot read standard input");
	}
	text[n] = '\0';
	*trimmed = wm_str_trim(text);
	if (n == 0)
		return wm_fail(err, WM_INVALID_ARGUMENT, "no key on standard input");
	return 0;
}

/* The public key of a private key's text. */
static int public_of(const char *text, struct wm_pubkey *out, struct wm_err *err)
{
	struct wm_key key = {0};
	int rc = wm_key_parse(text, strlen(text), &key, err);
	if (rc == 0)
		*out = wm_key_public(&key);
	wm_key_fini(&key);
	return rc;
}

/* What stands on standard input: a private key, or (by its length) what @parse_other takes. */
static int read_public(size_t other_size,
		       int (*parse_other)(const char *s, size_t n, struct wm_pubkey *out,
					  struct wm_err *err),
		       struct wm_pubkey *out, struct wm_err *err)
{
	char text[INPUT_MAX], *trimmed = text;
	int rc = read_input(text, &trimmed, err);
	if (rc == 0 && strlen(trimmed) == WM_KEY_TEXT - 1)
		rc = public_of(trimmed, out, err);
	else if (rc == 0 && strlen(trimmed) == other_size)
		rc = parse_other(trimmed, other_size, out, err);
	else if (rc == 0)
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "a key has %d characters, and what stands on standard input has %zu",
			     WM_KEY_TEXT - 1, strlen(trimmed));
	wm_wipe(text, sizeof(text));
	return rc == 0 ? 0 : wm_wrap(err, "invalid key data");
}

int wm_ctl_genkey(struct wm_ctl *ctl, struct wm_err *err)
{
	struct wm_key key;
	char text[WM_KEY_TEXT];
	wm_key_generate(&key);
	wm_key_format_private(&key, text);
	wm_buf_printf(&ctl->out, "%s\n", text);
	wm_wipe(text, sizeof(text));
	wm_key_fini(&key);
	return 0;
}

int wm_ctl_pubkey(struct wm_ctl *ctl, struct wm_err *err)
{
	struct wm_pubkey public;
	char text[WM_PUBKEY_TEXT];
	int rc = read_public(WM_PEER_ID_TEXT - 1, wm_pubkey_parse_id, &public, err);
	if (rc == 0)
		wm_buf_printf(&ctl->out, "%s\n", wm_pubkey_format(&public, text));
	return rc;
}

int wm_ctl_keyid(struct wm_ctl *ctl, struct wm_err *err)
{
	struct wm_pubkey public;
	char text[WM_PEER_ID_TEXT];
	int rc = read_public(WM_PUBKEY_TEXT - 1, wm_pubkey_parse, &public, err);
	if (rc == 0)
		wm_buf_printf(&ctl->out, "%s\n", wm_pubkey_format_id(&public, text));
	return rc;
}
