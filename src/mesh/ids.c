#include "mesh/ids.h"

#include <string.h>

#include "base/str.h"
#include "crypto/ident.h"

bool wm_id_is_valid(const char *s)
{
	return s != NULL && wm_ident_is_valid(s, strnlen(s, WM_ID_MAX + 1));
}

bool wm_node_id_is_valid(const char *s)
{
	return s != NULL && wm_ident_is_node(s, strnlen(s, WM_ID_MAX + 1));
}

bool wm_id_is_valid_or_any(const char *s)
{
	return wm_streq(s, "*") || wm_id_is_valid(s);
}

int wm_id_check(const char *s, const char *field, struct wm_err *err)
{
	if (wm_id_is_valid(s))
		return 0;
	if (wm_str_is_empty(s))
		return wm_fail(err, WM_INVALID_ARGUMENT, "%s must not be empty", field);
	return wm_fail(err, WM_INVALID_ARGUMENT,
		       "%s \"%.80s\" is not a valid ID: 1 to %d bytes of UTF-8 without blanks and "
		       "without any of / \\ : * ? \" ' < > | ,",
		       field, s, WM_ID_MAX);
}

int wm_node_id_check(const char *s, const char *field, struct wm_err *err)
{
	int rc = wm_id_check(s, field, err);

	if (rc == 0 && !wm_node_id_is_valid(s))
		rc = wm_fail(err, WM_INVALID_ARGUMENT,
			     "%s \"%s\" has a meaning of its own in the mesh: choose another",
			     field, s);
	return rc;
}

bool wm_path_key_is_valid(const char *key)
{
	if (*key == '/')
		key++;
	for (;;) {
		size_t n = strcspn(key, "/");

		if (!wm_ident_is_valid(key, n))
			return false;
		if (key[n] == '\0')
			return true;
		key += n + 1;
	}
}

bool wm_path_key_is_reserved(const char *key)
{
	return wm_str_starts(key, "/registry") || wm_str_starts(key, "/raft");
}
