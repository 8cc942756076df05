#include "platform/sysctl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/str.h"

static int open_setting(const char *name, int flags, struct wm_err *err)
{
	char path[WM_SYSCTL_NAME + 16];
	int fd;

	if (!wm_sysctl_name_is_valid(name))
		return wm_fail(err, WM_INVALID_ARGUMENT, "setting %.80s: no such name", name);
	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd >= 0 ? fd : wm_fail_errno(err, errno, "setting %s", name);
}

int wm_sysctl_get(const char *name, char out[WM_SYSCTL_VALUE], struct wm_err *err)
{
	char text[64];
	ssize_t n;
	int sys, fd = open_setting(name, O_RDONLY, err);

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof(text) - 1);
	sys = errno;
	close(fd);
	if (n < 0)
		return wm_fail_errno(err, sys, "setting %s", name);
	text[n] = '\0';
	if (!wm_sysctl_value_is_valid(wm_str_trim(text)))
		return wm_fail(err, WM_OUT_OF_RANGE, "setting %s: its value is no number", name);
	(void)wm_str_copy(out, WM_SYSCTL_VALUE, wm_str_trim(text));
	return 0;
}

int wm_sysctl_set(const char *name, const char *value, struct wm_err *err)
{
	struct wm_err why;
	size_t len = strlen(value);
	ssize_t n = -1;
	int fd, code;

	if (!wm_sysctl_value_is_valid(value))
		return wm_fail(err, WM_INVALID_ARGUMENT, "setting %s: no such value", name);
	fd = open_setting(name, O_WRONLY, &why);
	if (fd >= 0) {
		n = write(fd, value, len);
		if (n != (ssize_t)len)
			wm_fail_errno(&why, n < 0 ? errno : EIO, "setting %s", name);
		close(fd);
	}
	if (n == (ssize_t)len)
		return 0;
	code = wm_err_copy(err, &why);
	/* Containers mount these read-only; then only whoever owns the host can help. */
	if (err != NULL && (why.sys == EROFS || why.sys == EACCES || why.sys == EPERM))
		code = wm_fail(err, why.code,
			       "%.300s; outside of this container or as root: sysctl -w %s=%s",
			       why.text, name, value);
	return code;
}
