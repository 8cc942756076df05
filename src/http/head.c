#include "http/head.h"
#include "base/mem.h"
#include <string.h>
#include <strings.h>

#define LINE_MAX_LEN (WM_HTTP_TARGET_MAX + 64) /* method, version and blanks besides the target */

/* Characters of the head, not NUL-terminated. */
struct span {
	const char *p;
	size_t n;
};

/* What the fields say, before they are judged together. */
struct fields {
	unsigned minor; /* of the version */
	unsigned hosts, lengths;
	bool has_content, has_coding, is_chunked, expects_more;
	bool says_close, says_keep_alive;
};

/* ---- where it ends ---- */

/* One more line is whole. True when it was the empty one that ends the head. */
static bool end_line(struct wm_http_scan *s, size_t newline)
{
	bool is_empty = newline - 1 == s->line;
	/* An empty line before the request is skipped: some clients send one too many. */
	bool is_end = is_empty && s->line > 0;
	s->lines += !is_empty || s->line > 0;
	s->line = newline + 1;
	return is_end;
}

/* 0 to go on, 1 at the end, or a status. Only CR LF ends a line, and CR stands nowhere else. */
static unsigned scan_byte(struct wm_http_scan *s, const uint8_t *p)
{
	size_t i = s->at;
	bool after_cr = i > s->line && p[i - 1] == '\r';
	if (after_cr != (p[i] == '\n') || p[i] == '\0')
		return 400;
	if (s->lines == 0 && i - s->line >= LINE_MAX_LEN)
		return 414;
	if (i >= WM_HTTP_HEAD_MAX)
		return 431;
	if (p[i] == '\n')
		return end_line(s, i);
	return s->lines > WM_HTTP_FIELDS_MAX + (p[i] == '\r') ? 431 : 0;
}

/* ---- characters (RFC 9110 section 5.6) ---- */

static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!is_token_char(s.p[i]))
			return false;
	return s.n > 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_value(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static struct span trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

/* Cuts *@rest at the first @sep: returns what is before it, or all of it and an empty rest. */
static struct span cut(struct span *rest, char sep)
{
	const char *at = rest->n > 0 ? memchr(rest->p, sep, rest->n) : NULL;
	struct span piece = {rest->p, at == NULL ? rest->n : (size_t)(at - rest->p)};
	size_t used = at == NULL ? rest->n : piece.n + 1;
	rest->p += used;
	rest->n -= used;
	return piece;
}

/* ---- the request line ---- */

static const char *const other_methods[] = {"POST",    "PUT",   "DELETE", "CONNECT",
					    "OPTIONS", "TRACE", "PATCH"};

/* Which methods exist is case-sensitive, and those that exist elsewhere are not unknown. */
static unsigned judge_method(struct span method, struct wm_http_head *out)
{
	if (!is_token(method))
		return 400;
	out->is_head_only = method.n == 4 && memcmp(method.p, "HEAD", 4) == 0;
	if (out->is_head_only || (method.n == 3 && memcmp(method.p, "GET", 3) == 0))
		return 0;
	for (size_t i = 0; i < WM_ARRAY_LEN(other_methods); i++)
		if (strlen(other_methods[i]) == method.n &&
		    memcmp(other_methods[i], method.p, method.n) == 0)
			return 405;
	return 501;
}

static unsigned judge_version(struct span version, struct fields *f)
{
	if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.' ||
	    version.p[5] < '0' || version.p[5] > '9' || version.p[7] < '0' || version.p[7] > '9')
		return 400;
	f->minor = (unsigned)(version.p[7] - '0');
	return version.p[5] == '1' ? 0 : 505;
}

static bool is_visible(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

/* A name or an address, with a port or not: what cannot be part of one is refused. */
static bool take_host(struct span value, struct wm_http_head *out)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] > '~' ||
		    strchr("/?#@\\,\"<>^`{|}", value.p[i]) != NULL)
			return false;
	struct span rest = value;
	bool is_v6 = value.n > 0 && value.p[0] == '[';
	size_t n = cut(&rest, is_v6 ? ']' : ':').n;
	n += is_v6 && n < value.n;
	if (n > WM_HTTP_HOST_MAX)
		return false;
	if (n > 0)
		memcpy(out->host, value.p, n);
	out->host[n] = '\0';
	return true;
}

/* "http://host/path" stands for "/path" (RFC 9112 section 3.2.2). False for other forms. */
static bool cut_authority(struct span *target, struct wm_http_head *out)
{
	static const char *const schemes[] = {"http://", "https://"};
	for (size_t i = 0; i < WM_ARRAY_LEN(schemes); i++) {
		size_t n = strlen(schemes[i]);
		if (target->n <= n || strncasecmp(target->p, schemes[i], n) != 0)
			continue;
		target->p += n;
		target->n -= n;
		size_t host = 0;
		while (host < target->n && strchr("/?#", target->p[host]) == NULL)
			host++;
		bool is_host = take_host((struct span){target->p, host}, out);
		target->p += host;
		target->n -= host;
		return host > 0 && is_host;
	}
	return target->n > 0 && target->p[0] == '/';
}

static unsigned take_target(struct span target, struct wm_http_head *out)
{
	if (!is_visible(target) || !cut_authority(&target, out) ||
	    (target.n > 0 && memchr(target.p, '#', target.n) != NULL))
		return 400;
	if (target.n > WM_HTTP_TARGET_MAX)
		return 414;
	const char *slash = target.n > 0 && target.p[0] == '/' ? "" : "/";
	size_t at = strlen(slash);
	memcpy(out->target, slash, at);
	if (target.n > 0)
		memcpy(out->target + at, target.p, target.n);
	out->target[at + target.n] = '\0';
	char *query = strchr(out->target, '?');
	if (query != NULL)
		*query++ = '\0';
	out->path = out->target;
	out->query = query != NULL ? query : "";
	return 0;
}

/* Of several faults the first counts; a method that is refused has a target of any form. */
static unsigned take_request_line(struct span line, struct fields *f, struct wm_http_head *out)
{
	struct span method = cut(&line, ' ');
	struct span target = cut(&line, ' ');
	unsigned status = judge_version(line, f);
	if (status != 0)
		return status;
	status = judge_method(method, out);
	if (status != 0)
		return is_visible(target) ? status : 400;
	return take_target(target, out);
}

/* ---- fields ---- */

/* Digits and nothing else; how many bytes they say is only compared with none. */
static bool take_length(struct span value, struct fields *f)
{
	f->lengths++;
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return false;
		f->has_content |= value.p[i] != '0';
	}
	return value.n > 0;
}

static void take_connection(struct span value, struct fields *f)
{
	while (value.n > 0) {
		struct span word = trim(cut(&value, ','));
		f->says_close |= is_word(word, "close");
		f->says_keep_alive |= is_word(word, "keep-alive");
	}
}

static void take_coding(struct span value, struct fields *f)
{
	f->has_coding = true;
	f->is_chunked = false;
	while (value.n > 0) /* the last of all counts */
		f->is_chunked = is_word(trim(cut(&value, ',')), "chunked");
}

/* What the target says counts more (RFC 9112 section 3.2.2). */
static bool take_host_field(struct span value, struct fields *f, struct wm_http_head *out)
{
	struct wm_http_head unused;
	f->hosts++;
	return take_host(value, out->host[0] == '\0' ? out : &unused);
}

static bool take_field(struct span line, struct fields *f, struct wm_http_head *out)
{
	if (memchr(line.p, ':', line.n) == NULL)
		return false;
	struct span name = cut(&line, ':');
	struct span value = trim(line);
	if (!is_token(name) || !is_value(value)) /* so is a line that continues the one before */
		return false;
	if (is_word(name, "content-length") && !take_length(value, f))
		return false;
	if (is_word(name, "host") && !take_host_field(value, f, out))
		return false;
	if (is_word(name, "transfer-encoding"))
		take_coding(value, f);
	else if (is_word(name, "connection"))
		take_connection(value, f);
	else if (is_word(name, "expect"))
		f->expects_more |= !is_word(value, "100-continue");
	return true;
}

/* What the fields say together. */
static unsigned judge_fields(const struct fields *f, struct wm_http_head *out)
{
	bool ambiguous = f->lengths > 1 || (f->has_coding && f->lengths > 0) ||
			 (f->has_coding && (!f->is_chunked || f->minor == 0));
	if (ambiguous || f->hosts > 1 || (f->minor > 0 && f->hosts == 0))
		return 400;
	bool has_content = f->has_content || f->has_coding;
	/* Content is not read, so what follows on the connection cannot be found. */
	out->keep_alive = !has_content && !f->says_close && (f->minor > 0 || f->says_keep_alive);
	if (out->status != 0)
		return out->status;
	if (f->expects_more)
		return 417;
	return has_content ? 413 : 0;
}

/* ---- all of it ---- */

static struct span next_line(struct span *rest)
{
	struct span line = cut(rest, '\n');
	line.n--; /* CR */
	return line;
}

static void take_head(struct span text, struct wm_http_head *out)
{
	struct fields f = {0};
	struct span line = next_line(&text);
	if (line.n == 0)
		line = next_line(&text);
	out->status = take_request_line(line, &f, out);
	if (out->status == 400 || out->status == 414 || out->status == 505)
		return;
	for (line = next_line(&text); line.n > 0; line = next_line(&text)) {
		if (!take_field(line, &f, out)) {
			out->status = 400;
			return;
		}
	}
	out->status = judge_fields(&f, out);
}

size_t wm_http_head_decode(struct wm_http_scan *scan, const uint8_t *p, size_t n,
			   struct wm_http_head *out)
{
	unsigned verdict = 0;
	for (; verdict == 0 && scan->at < n; scan->at++)
		verdict = scan_byte(scan, p);
	if (verdict == 0)
		return 0;
	*out = (struct wm_http_head){.path = "", .query = ""};
	if (verdict == 1)
		take_head((struct span){(const char *)p, scan->at}, out);
	else
		out->status = verdict;
	return verdict != 1 || out->status == 400 || out->status == 414 ? n : scan->at;
}
