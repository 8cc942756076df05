#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"
#include "base/mem.h"
#include "base/str.h"

struct wm_log {
	struct wm_log *root;
	atomic_int level; /* the root's counts */
	enum wm_log_format format;
	int fd;
	char *component; /* "" for none */
	char *fields;    /* "" for none */
};

static const struct {
	const char *name;   /* as people and JSON write it */
	const char *padded; /* as a text line shows it */
} levels[] = {
	[WM_LOG_TRACE] = {"trace", "TRACE"}, [WM_LOG_DEBUG] = {"debug", "DEBUG"},
	[WM_LOG_INFO] = {"info", "INFO "},   [WM_LOG_WARN] = {"warn", "WARN "},
	[WM_LOG_ERROR] = {"error", "ERROR"},
};

struct wm_log *wm_log_new(int fd, enum wm_log_level level, enum wm_log_format format)
{
	struct wm_log *log = wm_alloc(sizeof(*log));

	log->root = log;
	atomic_init(&log->level, level);
	log->format = format;
	log->fd = fd;
	log->component = wm_strdup("");
	log->fields = wm_strdup("");
	return log;
}

static char *join_fields(const char *a, const char *b)
{
	size_t size = strlen(a) + strlen(b) + 2;
	char *out = wm_alloc(size);

	snprintf(out, size, "%s%s%s", a, *a != '\0' && *b != '\0' ? " " : "", b);
	return out;
}

struct wm_log *wm_log_child(struct wm_log *parent, const char *component, const char *fields)
{
	struct wm_log *log;

	if (parent == NULL)
		return NULL;
	log = wm_alloc(sizeof(*log));
	log->root = parent->root;
	log->format = parent->format;
	log->fd = parent->fd;
	log->component = wm_strdup(component != NULL ? component : parent->component);
	log->fields = join_fields(parent->fields, fields != NULL ? fields : "");
	return log;
}

void wm_log_free(struct wm_log *log)
{
	if (log == NULL)
		return;
	wm_free(log->component);
	wm_free(log->fields);
	wm_free(log);
}

void wm_log_set_level(struct wm_log *log, enum wm_log_level level)
{
	if (log != NULL)
		atomic_store_explicit(&log->root->level, level, memory_order_relaxed);
}

bool wm_log_is_on(const struct wm_log *log, enum wm_log_level level)
{
	if (log == NULL || level >= WM_LOG_OFF)
		return false;
	return (int)level >= atomic_load_explicit(&log->root->level, memory_order_relaxed);
}

bool wm_log_level_parse(const char *s, enum wm_log_level *out)
{
	if (s == NULL)
		return false;
	if (*s == '\0' || wm_streq(s, "silent") || wm_streq(s, "off")) {
		*out = WM_LOG_OFF;
		return true;
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(levels); i++) {
		if (wm_streq(s, levels[i].name)) {
			*out = (enum wm_log_level)i;
			return true;
		}
	}
	return false;
}

static void build_text(struct wm_log_line *l, const struct wm_log *log, enum wm_log_level level,
		       const char *event, const char *pairs)
{
	const char *const parts[] = {log->component[0] != '\0' ? "component=" : "", log->component,
				     log->fields, pairs};

	wm_log_line_add(l, " ");
	wm_log_line_add(l, levels[level].padded);
	wm_log_line_add(l, " ");
	wm_log_line_add_text(l, event);
	for (size_t i = 0; i < WM_ARRAY_LEN(parts); i++) {
		if (parts[i][0] == '\0')
			continue;
		if (i != 1)
			wm_log_line_add(l, " ");
		wm_log_line_add_text(l, parts[i]);
	}
	wm_log_line_end(l, "");
}

static void build_json(struct wm_log_line *l, const struct wm_log *log, enum wm_log_level level,
		       const char *event, const char *pairs)
{
	wm_log_line_add_json_pair(l, "level", levels[level].name);
	wm_log_line_add_json_pair(l, "event", event);
	if (log->component[0] != '\0')
		wm_log_line_add_json_pair(l, "component", log->component);
	wm_log_line_add_json(l, log->fields);
	wm_log_line_add_json(l, pairs);
	wm_log_line_end(l, "}");
}

/* A log that cannot be written is not a reason to stop, nor is there anybody to tell. */
static void write_line(int fd, const char *p, unsigned n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		p += done;
		n -= (unsigned)done;
	}
}

void wm_log_write(struct wm_log *log, enum wm_log_level level, const char *event, const char *fmt,
		  ...)
{
	char pairs[WM_LOG_LINE], when[WM_TIME_TEXT];
	struct wm_log_line line;
	int saved_errno = errno;
	va_list ap;

	if (!wm_log_is_on(log, level))
		return;
	va_start(ap, fmt);
	if (vsnprintf(pairs, sizeof(pairs), fmt, ap) < 0)
		pairs[0] = '\0';
	va_end(ap);
	wm_time_format(wm_clock_wall(), when);
	line.len = 0;
	line.cut = false;
	if (log->format == WM_LOG_JSON) {
		wm_log_line_add(&line, "{\"time\":\"");
		wm_log_line_add(&line, when);
		wm_log_line_add(&line, "\"");
		build_json(&line, log, level, event, pairs);
	} else {
		wm_log_line_add(&line, when);
		build_text(&line, log, level, event, pairs);
	}
	write_line(log->fd, line.data, (unsigned)line.len);
	errno = saved_errno;
}

/* The character at @s as it stands between quotes, in @out; @taken says how many bytes it was. */
static size_t quote_char(const char *s, char out[8], size_t *taken)
{
	static const char plain[] = "\"\\\n\r\t", letters[] = "\"\\nrt";
	const char *special = strchr(plain, *s);

	*taken = wm_utf8_sequence(s, strnlen(s, 4));
	if (special != NULL) {
		out[0] = '\\';
		out[1] = letters[special - plain];
		return 2;
	}
	if (*taken == 0 || (unsigned char)*s < ' ' || *s == 0x7f) {
		*taken = 1;
		return (size_t)snprintf(out, 8, "\\x%02x", (unsigned char)*s);
	}
	memcpy(out, s, *taken);
	return *taken;
}

static bool needs_quotes(const char *s)
{
	return *s == '\0' || s[strcspn(s, " \"=\\\x7f")] != '\0' || !wm_utf8_is_valid(s, strlen(s));
}

static bool has_control(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ')
			return true;
	}
	return false;
}

/* The room that the quoted value takes, with quotes and NUL. */
static size_t quoted_size(const char *s)
{
	size_t size = 3, taken;
	char piece[8];

	for (; *s != '\0'; s += taken)
		size += quote_char(s, piece, &taken);
	return size;
}

/* As much as fits in front of @behind further characters; returns its length. */
static size_t quote_chars(const char *s, char *out, size_t size, size_t behind)
{
	size_t len = 0, taken;
	char piece[8];

	for (; *s != '\0'; s += taken) {
		size_t n = quote_char(s, piece, &taken);

		if (len + n + behind > size)
			break;
		memcpy(out + len, piece, n);
		len += n;
	}
	return len;
}

char *wm_log_quote(const char *s, char *out, size_t size)
{
	const char *end = "\"";
	size_t len;

	if (s == NULL)
		s = "";
	if (!needs_quotes(s) && !has_control(s) && strlen(s) < size) {
		memcpy(out, s, strlen(s) + 1);
		return out;
	}
	if (size < sizeof("\"...\"")) {
		if (size > 0)
			out[0] = '\0';
		return out;
	}
	if (quoted_size(s) > size)
		end = "...\"";
	out[0] = '"';
	len = 1 + quote_chars(s, out + 1, size - 1, strlen(end) + 1);
	memcpy(out + len, end, strlen(end) + 1);
	return out;
}

bool wm_log_limit_allow(struct wm_log_limit *limit, uint32_t per_s, int64_t now_ns)
{
	bool is_new = now_ns < limit->window_start || now_ns - limit->window_start >= WM_NS_PER_S ||
		      limit->count == 0;

	if (is_new) {
		limit->window_start = now_ns;
		limit->count = 0;
	} else if (limit->count <= per_s) {
		/* The first line of this window has told what the last one held back. */
		limit->suppressed = 0;
	}
	if (limit->count < per_s) {
		limit->count++;
		return true;
	}
	limit->count = per_s + 1;
	limit->suppressed++;
	return false;
}
