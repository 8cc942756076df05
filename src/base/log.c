#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_line.h"
#include "base/log_ring.h"
#include "base/mem.h"
#include "base/str.h"

struct wm_log {
	struct wm_log *root;
	/* Of these the root's count. */
	atomic_int level, format;
	atomic_bool is_journal;
	atomic_bool is_torn; /* the last line lost its end: the disk was full */
	struct wm_log_ring *ring;
	int fd;
	char *component; /* "" for none */
	char *fields;    /* "" for none */
};

static const struct {
	const char *name;    /* as people and JSON write it */
	const char *padded;  /* as a text line shows it */
	const char *journal; /* syslog's severity */
} levels[] = {
	[WM_LOG_TRACE] = {"trace", "TRACE", "<7>"}, [WM_LOG_DEBUG] = {"debug", "DEBUG", "<7>"},
	[WM_LOG_INFO] = {"info", "INFO ", "<6>"},   [WM_LOG_WARN] = {"warn", "WARN ", "<4>"},
	[WM_LOG_ERROR] = {"error", "ERROR", "<3>"},
};

struct wm_log *wm_log_new(int fd, enum wm_log_level level, enum wm_log_format format)
{
	struct wm_log *log = wm_alloc(sizeof(*log));

	log->root = log;
	atomic_init(&log->level, level);
	atomic_init(&log->format, format);
	log->ring = wm_alloc(sizeof(*log->ring));
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
	wm_free(log->ring);
	wm_free(log);
}

void wm_log_set_level(struct wm_log *log, enum wm_log_level level)
{
	if (log != NULL)
		atomic_store_explicit(&log->root->level, level, memory_order_relaxed);
}

void wm_log_set_format(struct wm_log *log, enum wm_log_format format)
{
	if (log != NULL)
		atomic_store_explicit(&log->root->format, format, memory_order_relaxed);
}

void wm_log_set_journal(struct wm_log *log, bool is_journal)
{
	if (log != NULL)
		atomic_store_explicit(&log->root->is_journal, is_journal, memory_order_relaxed);
}

size_t wm_log_recent(const struct wm_log *log, unsigned i, char out[WM_LOG_RECENT_LINE])
{
	return wm_log_ring_get(log->root->ring, i, out);
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

/* How much of it was written. */
static size_t write_all(int fd, const char *p, size_t n)
{
	size_t len = 0;

	while (len < n) {
		ssize_t done = write(fd, p + len, (unsigned)(n - len));

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			break;
		len += (size_t)done;
	}
	return len;
}

/*
 * A log that cannot be written is not a reason to stop, nor is there anybody to tell. When there is
 * room again, the end of a line that was cut comes first, so that the next one stays whole.
 */
static void write_line(struct wm_log *root, const char *p, size_t n)
{
	size_t done;

	if (atomic_load_explicit(&root->is_torn, memory_order_relaxed)) {
		if (write_all(root->fd, "\n", 1) == 0)
			return;
		atomic_store_explicit(&root->is_torn, false, memory_order_relaxed);
	}
	done = write_all(root->fd, p, n);
	if (done > 0 && done < n)
		atomic_store_explicit(&root->is_torn, true, memory_order_relaxed);
}

/* What stands in front of the line proper, which a journal and the memory of lines have otherwise.
 */
static void begin_line(struct wm_log_line *l, bool is_journal, bool is_json,
		       enum wm_log_level level, const char *when)
{
	l->len = 0;
	l->cut = false;
	if (is_journal) {
		wm_log_line_add(l, levels[level].journal);
		return;
	}
	wm_log_line_add(l, is_json ? "{\"time\":\"" : "");
	wm_log_line_add(l, when);
	wm_log_line_add(l, is_json ? "\"" : " ");
}

static void finish_line(struct wm_log *root, struct wm_log_line *l, size_t start, bool is_journal,
			const char *when)
{
	char *body = l->data + start, first = *body;

	/* JSON without the time begins with its next pair. */
	if (first == ',')
		*body = '{';
	wm_log_ring_put(root->ring, when, body, l->len - start);
	if (!is_journal)
		*body = first;
	write_line(root, l->data, l->len);
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
	bool is_json =
		atomic_load_explicit(&log->root->format, memory_order_relaxed) == WM_LOG_JSON;
	bool is_journal = atomic_load_explicit(&log->root->is_journal, memory_order_relaxed);
	va_start(ap, fmt);
	if (vsnprintf(pairs, sizeof(pairs), fmt, ap) < 0)
		pairs[0] = '\0';
	va_end(ap);
	wm_time_format(wm_clock_wall(), when);
	begin_line(&line, is_journal, is_json, level, when);
	size_t start = line.len;
	if (is_json)
		build_json(&line, log, level, event, pairs);
	else
		build_text(&line, log, level, event, pairs);
	finish_line(log->root, &line, start, is_journal, when);
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
