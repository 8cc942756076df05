/*
 * A timer on the clock of the wall that never runs out but is cancelled when that clock jumps, as
 * it does when the host wakes: timerfd_create(2). How long it slept is what the clock that counts
 * sleep has gained on the one that does not.
 */
#include "platform/suspend.h"
#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"

#define FAR_AWAY 9000000000LL /* seconds since 1970: just less than the kernel can count */

struct wm_suspend {
	int fd;
	int64_t gained; /* by the one clock on the other */
};

static int64_t ask_gained(void)
{
	struct timespec awake;
	clock_gettime(CLOCK_MONOTONIC, &awake);
	return wm_clock_now() - ((int64_t)awake.tv_sec * WM_NS_PER_S + awake.tv_nsec);
}

static int arm(int fd)
{
	const struct itimerspec never = {.it_value = {.tv_sec = FAR_AWAY}};
	return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL);
}

int wm_suspend_open(struct wm_suspend **out, struct wm_err *err)
{
	int fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (fd >= 0 && arm(fd) != 0) {
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		return wm_fail_errno(err, errno, "watch for the host's sleep");
	*out = wm_alloc(sizeof(**out));
	(*out)->fd = fd;
	(*out)->gained = ask_gained();
	return 0;
}

void wm_suspend_close(struct wm_suspend *s)
{
	if (s != NULL)
		close(s->fd);
	wm_free(s);
}

int wm_suspend_fd(const struct wm_suspend *s)
{
	return s->fd;
}

int64_t wm_suspend_read(struct wm_suspend *s)
{
	uint64_t runs;
	int64_t before = s->gained;
	(void)arm(s->fd); /* before it is read: what happens from here on is told again */
	(void)!read(s->fd, &runs, sizeof(runs));
	s->gained = ask_gained();
	return s->gained - before;
}
