#include "wg/wake.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int wm_wg_wake_open(struct wm_wg_wake *w, struct wm_err *err)
{
	atomic_init(&w->is_set, false);
	if (pipe2(w->fds, O_CLOEXEC | O_NONBLOCK) == 0)
		return 0;
	w->fds[0] = w->fds[1] = -1;
	return wm_fail_errno(err, errno, "open a pipe");
}

void wm_wg_wake_close(struct wm_wg_wake *w)
{
	for (unsigned i = 0; i < 2; i++) {
		if (w->fds[i] >= 0)
			close(w->fds[i]);
		w->fds[i] = -1;
	}
}

void wm_wg_wake_set(struct wm_wg_wake *w)
{
	if (!atomic_exchange(&w->is_set, true))
		(void)!write(w->fds[1], "", 1);
}

void wm_wg_wake_clear(struct wm_wg_wake *w)
{
	char byte[8];
	(void)!read(w->fds[0], byte, sizeof(byte));
	/* Whoever sets it from here on writes a new byte, and what was set before is seen below. */
	atomic_store(&w->is_set, false);
}
