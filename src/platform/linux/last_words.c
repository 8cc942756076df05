#include "platform/linux/last_words.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/calendar.h"

#define DAY         86400
#define PATIENCE_MS 1000

static void write_all(int fd, const char *p, size_t n)
{
	while (fd >= 0 && n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (size_t)done;
	}
}

/* A pipe that is ready has room for more than we write at a time. */
static int has_room(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};

	return poll(&p, 1, PATIENCE_MS) != 0;
}

void wm_last_words_flush(struct wm_last_words *w)
{
	write_all(w->fds[0], w->text, w->n);
	if (w->fds[1] >= 0 && !has_room(w->fds[1]))
		w->fds[1] = -1;
	write_all(w->fds[1], w->text, w->n);
	w->n = 0;
}

static void add_char(struct wm_last_words *w, char c)
{
	if (w->n == sizeof(w->text))
		wm_last_words_flush(w);
	w->text[w->n++] = c;
}

void wm_last_words_add(struct wm_last_words *w, const char *s)
{
	for (; *s != '\0'; s++)
		add_char(w, *s);
}

void wm_last_words_add_n(struct wm_last_words *w, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_char(w, (s[i] >= ' ' && s[i] < 0x7f) ? s[i] : '?');
}

void wm_last_words_add_number(struct wm_last_words *w, uint64_t value, unsigned base,
			      unsigned width)
{
	char digits[24];
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value > 0 || n < width);
	if (base == 16)
		wm_last_words_add(w, "0x");
	while (n > 0)
		add_char(w, digits[--n]);
}

void wm_last_words_add_time(struct wm_last_words *w, int64_t seconds, int compact)
{
	struct wm_date date = wm_date_from_days(seconds / DAY);
	uint64_t rest = (uint64_t)(seconds % DAY);
	const uint64_t parts[] = {(uint64_t)date.year, (uint64_t)date.month, (uint64_t)date.day,
				  rest / 3600,         rest / 60 % 60,       rest % 60};
	const char *const gaps[] = {"-", "-", "T", ":", ":", "Z"};

	for (unsigned i = 0; i < 6; i++) {
		wm_last_words_add_number(w, parts[i], 10, i == 0 ? 4 : 2);
		if (!compact || i == 2 || i == 5)
			wm_last_words_add(w, gaps[i]);
	}
}
