/* What a setting may be called and what it may be, the same on every system. */
#include <string.h>

#include "base/str.h"
#include "platform/sysctl.h"

bool wm_sysctl_name_is_valid(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		"_-.:@/+";

	return strlen(name) < WM_SYSCTL_NAME && name[strspn(name, allowed)] == '\0' &&
	       (wm_str_starts(name, "net/ipv4/") || wm_str_starts(name, "net/ipv6/")) &&
	       strstr(name, "..") == NULL;
}

bool wm_sysctl_value_is_valid(const char *value)
{
	const char *digits = value[0] == '-' ? value + 1 : value;
	size_t n = strspn(digits, "0123456789");

	return n > 0 && digits[n] == '\0' && strlen(value) < WM_SYSCTL_VALUE;
}
