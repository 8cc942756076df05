#include "crypto/ident.h"
#include <string.h>
#include "base/mem.h"
#include "base/str.h"

bool wm_ident_is_valid(const char *s, size_t n)
{
	static const char refused[] = "/\\:*?\"'<>|, ";

	if (n == 0 || n > WM_IDENT_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f || strchr(refused, c) != NULL)
			return false;
	}
	return wm_utf8_is_valid(s, n);
}

bool wm_ident_is_node(const char *s, size_t n)
{
	static const char *const taken[] = {
		"self", "local", "localhost", "leader", "voters", "observers",
	};

	for (size_t i = 0; i < WM_ARRAY_LEN(taken); i++) {
		if (strlen(taken[i]) == n && memcmp(taken[i], s, n) == 0)
			return false;
	}
	return wm_ident_is_valid(s, n);
}
