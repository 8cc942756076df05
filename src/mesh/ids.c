#include "mesh/ids.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* Besides what the registry forbids, control characters: IDs are printed to terminals and logs. */
static bool is_allowed(unsigned char c)
{
	return c >= 0x20 && c != 0x7f && strchr("/\\:*?\"'<>|, ", c) == NULL;
}

static bool is_id(const char *s, size_t n)
{
	if (n == 0 || n > WM_ID_MAX || !wm_utf8_is_valid(s, n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!is_allowed((unsigned char)s[i]))
			return false;
	return true;
}

bool wm_id_is_valid(const char *s)
{
	return s != NULL && is_id(s, strnlen(s, WM_ID_MAX + 1));
}

static bool is_reserved_name(const char *s)
{
	static const char *const names[] = {"self",   "local",  "localhost",
					    "leader", "voters", "observers"};

	for (size_t i = 0; i < WM_ARRAY_LEN(names); i++)
		if (strcmp(s, names[i]) == 0)
			return true;
	return false;
}

bool wm_node_id_is_valid(const char *s)
{
	return wm_id_is_valid(s) && !is_reserved_name(s);
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

	if (rc == 0 && is_reserved_name(s))
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

		if (!is_id(key, n))
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
