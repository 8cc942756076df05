#include "base/err.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define N_CODES 17

static const struct {
	const char *name;
	bool may_retry;
} codes[N_CODES] = {
	[-WM_OK] = {"OK", false},
	[-WM_CANCELLED] = {"CANCELLED", false},
	[-WM_UNKNOWN] = {"UNKNOWN", false},
	[-WM_INVALID_ARGUMENT] = {"INVALID_ARGUMENT", false},
	[-WM_DEADLINE_EXCEEDED] = {"DEADLINE_EXCEEDED", true},
	[-WM_NOT_FOUND] = {"NOT_FOUND", false},
	[-WM_ALREADY_EXISTS] = {"ALREADY_EXISTS", false},
	[-WM_PERMISSION_DENIED] = {"PERMISSION_DENIED", false},
	[-WM_RESOURCE_EXHAUSTED] = {"RESOURCE_EXHAUSTED", true},
	[-WM_FAILED_PRECONDITION] = {"FAILED_PRECONDITION", false},
	[-WM_ABORTED] = {"ABORTED", true},
	[-WM_OUT_OF_RANGE] = {"OUT_OF_RANGE", false},
	[-WM_UNIMPLEMENTED] = {"UNIMPLEMENTED", false},
	[-WM_INTERNAL] = {"INTERNAL", false},
	[-WM_UNAVAILABLE] = {"UNAVAILABLE", true},
	[-WM_DATA_LOSS] = {"DATA_LOSS", false},
	[-WM_UNAUTHENTICATED] = {"UNAUTHENTICATED", false},
};

static const struct {
	int sys;
	enum wm_code code;
} sys_codes[] = {
	{ENOENT, WM_NOT_FOUND},
	{ENODEV, WM_NOT_FOUND},
	{ENXIO, WM_NOT_FOUND},
	{ESRCH, WM_NOT_FOUND},
	{EEXIST, WM_ALREADY_EXISTS},
	{EADDRINUSE, WM_ALREADY_EXISTS},
	{EACCES, WM_PERMISSION_DENIED},
	{EPERM, WM_PERMISSION_DENIED},
	{EROFS, WM_PERMISSION_DENIED},
	{EINVAL, WM_INVALID_ARGUMENT},
	{EDOM, WM_INVALID_ARGUMENT},
	{ENAMETOOLONG, WM_INVALID_ARGUMENT},
	{ERANGE, WM_OUT_OF_RANGE},
	{EOVERFLOW, WM_OUT_OF_RANGE},
	{ENOMEM, WM_RESOURCE_EXHAUSTED},
	{ENOSPC, WM_RESOURCE_EXHAUSTED},
	{ENOBUFS, WM_RESOURCE_EXHAUSTED},
	{EMFILE, WM_RESOURCE_EXHAUSTED},
	{ENFILE, WM_RESOURCE_EXHAUSTED},
	{EMSGSIZE, WM_RESOURCE_EXHAUSTED},
	{ETIMEDOUT, WM_DEADLINE_EXCEEDED},
	{ECANCELED, WM_CANCELLED},
	{EAGAIN, WM_UNAVAILABLE},
	{EINTR, WM_UNAVAILABLE},
	{EBUSY, WM_UNAVAILABLE},
	{ECONNREFUSED, WM_UNAVAILABLE},
	{ECONNRESET, WM_UNAVAILABLE},
	{ECONNABORTED, WM_UNAVAILABLE},
	{EPIPE, WM_UNAVAILABLE},
	{ENOTCONN, WM_UNAVAILABLE},
	{ENETDOWN, WM_UNAVAILABLE},
	{ENETUNREACH, WM_UNAVAILABLE},
	{EHOSTUNREACH, WM_UNAVAILABLE},
	{EADDRNOTAVAIL, WM_UNAVAILABLE},
	{EISDIR, WM_FAILED_PRECONDITION},
	{ENOTDIR, WM_FAILED_PRECONDITION},
	{ENOTEMPTY, WM_FAILED_PRECONDITION},
	{ENOSYS, WM_UNIMPLEMENTED},
	{ENOTSUP, WM_UNIMPLEMENTED},
	{EAFNOSUPPORT, WM_UNIMPLEMENTED},
	{EPROTONOSUPPORT, WM_UNIMPLEMENTED},
	{EIO, WM_DATA_LOSS},
#ifdef EDQUOT /* POSIX reserves the name; Windows has no such error */
	{EDQUOT, WM_RESOURCE_EXHAUSTED},
#endif
#ifdef EHOSTDOWN /* of most systems, but not of POSIX */
	{EHOSTDOWN, WM_UNAVAILABLE},
#endif
};

/* An error text that had to be cut says so. */
static void mark_cut(char *text, size_t size)
{
	memcpy(text + size - 4, "...", 4);
}

/* Through a second buffer, since an argument may be the very text that is replaced. */
static void WM_PRINTF(2, 0) set_text(struct wm_err *err, const char *fmt, va_list ap)
{
	char text[WM_ERR_TEXT];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	if (n < 0)
		text[0] = '\0';
	else if ((size_t)n >= sizeof(text))
		mark_cut(text, sizeof(text));
	memcpy(err->text, text, sizeof(text));
}

static void append_text(struct wm_err *err, const char *s)
{
	size_t used = strlen(err->text);
	int n = snprintf(err->text + used, sizeof(err->text) - used, ": %s", s);

	if (n < 0 || (size_t)n >= sizeof(err->text) - used)
		mark_cut(err->text, sizeof(err->text));
}

static enum wm_code code_of_sys(int sys)
{
	for (size_t i = 0; i < sizeof(sys_codes) / sizeof(sys_codes[0]); i++) {
		if (sys_codes[i].sys == sys)
			return sys_codes[i].code;
	}
	return WM_INTERNAL;
}

int wm_fail(struct wm_err *err, enum wm_code code, const char *fmt, ...)
{
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	err->code = code;
	err->sys = 0;
	return code;
}

int wm_fail_errno(struct wm_err *err, int sys, const char *fmt, ...)
{
	enum wm_code code = code_of_sys(sys);
	va_list ap;

	if (err == NULL)
		return code;
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	append_text(err, strerror(sys));
	err->code = code;
	err->sys = sys;
	return code;
}

int wm_wrap(struct wm_err *err, const char *fmt, ...)
{
	char inner[WM_ERR_TEXT];
	va_list ap;

	if (err == NULL)
		return WM_UNKNOWN;
	memcpy(inner, err->text, sizeof(inner));
	inner[sizeof(inner) - 1] = '\0';
	va_start(ap, fmt);
	set_text(err, fmt, ap);
	va_end(ap);
	append_text(err, inner);
	if (err->code == WM_OK)
		err->code = WM_UNKNOWN;
	return err->code;
}

int wm_err_copy(struct wm_err *to, const struct wm_err *from)
{
	if (from == NULL)
		return WM_OK;
	if (to != NULL && to != from)
		*to = *from;
	return from->code;
}

const char *wm_err_name(int code)
{
	if (code > 0 || code <= -N_CODES)
		return "UNKNOWN";
	return codes[-code].name;
}

enum wm_code wm_err_from_grpc(unsigned status)
{
	if (status >= N_CODES)
		return WM_UNKNOWN;
	return (enum wm_code)(-(int)status);
}

int wm_err_exit_status(int code)
{
	if (code == WM_OK)
		return 0;
	return code == WM_INVALID_ARGUMENT ? 2 : 1;
}

bool wm_err_may_retry(int code)
{
	if (code > 0 || code <= -N_CODES)
		return false;
	return codes[-code].may_retry;
}
