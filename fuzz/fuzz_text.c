/*
 * The text parsers of base/, each over every line of the input. What a parser takes must survive
 * being formatted and parsed again, and what the log makes of a line must stay one line of UTF-8.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/log.h"
#include "base/log_line.h"
#include "base/mem.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void try_addresses(const char *s)
{
	char addr_text[WM_ADDR_TEXT], endpoint_text[WM_ENDPOINT_TEXT], prefix_text[WM_PREFIX_TEXT];
	struct wm_addr a, a2;
	struct wm_endpoint e, e2;
	struct wm_prefix p, p2;

	if (wm_addr_parse(s, &a)) {
		must(wm_addr_parse(wm_addr_format(&a, addr_text), &a2));
		must(wm_addr_equal(&a, &a2));
	}
	if (wm_endpoint_parse(s, &e)) {
		must(wm_endpoint_parse(wm_endpoint_format(&e, endpoint_text), &e2));
		must(wm_endpoint_equal(&e, &e2));
	}
	if (wm_prefix_parse(s, &p)) {
		must(wm_prefix_is_valid(&p));
		must(wm_prefix_parse(wm_prefix_format(&p, prefix_text), &p2));
		must(wm_prefix_equal(&p, &p2));
		p2 = wm_prefix_masked(&p);
		must(wm_prefix_covers(&p, &p2) && wm_prefix_covers(&p2, &p));
	}
}

static void try_host_port(const char *s)
{
	char host[32];
	uint16_t port = 0;

	if (wm_host_port_parse(s, host, sizeof(host), &port))
		must(strlen(host) < sizeof(host) && port != 0);
}

static void try_numbers(const char *s)
{
	uint64_t u;
	int64_t i, again;
	char text[40];
	bool b;

	if (wm_parse_u64(s, 5, 1000, &u))
		must(u >= 5 && u <= 1000);
	if (wm_parse_i64(s, -1000, 1000, &i))
		must(i >= -1000 && i <= 1000);
	wm_parse_bool(s, &b);
	if (wm_parse_duration(s, &i)) {
		must(wm_parse_duration(wm_format_duration(i, text, sizeof(text)), &again));
		must(i == again);
	}
}

static void try_codecs(const char *s, size_t n)
{
	uint8_t *out = wm_alloc(n);
	char *text = wm_alloc(2 * n + 8);
	size_t len;

	if (wm_b64_parse(s, n, out, n, &len)) {
		must(wm_b64_size(len) == n + 1); /* one spelling only */
		wm_b64_format(out, len, text);
		must(strcmp(text, s) == 0);
	}
	if (wm_hex_parse(s, out, n / 2)) {
		wm_hex_format(out, n / 2, text);
		must(strlen(text) == n);
	}
	wm_free(out);
	wm_free(text);
}

static void try_log(const char *s)
{
	struct wm_log_line line = {.len = 0};
	enum wm_log_level level;
	char quoted[64];

	wm_log_level_parse(s, &level);
	wm_log_quote(s, quoted, sizeof(quoted));
	must(strlen(quoted) < sizeof(quoted) && wm_utf8_is_valid(quoted, strlen(quoted)));
	wm_log_line_add_json(&line, s);
	wm_log_line_end(&line, "}");
	must(wm_utf8_is_valid(line.data, line.len));
	must(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
	line = (struct wm_log_line){.len = 0};
	wm_log_line_add_text(&line, s);
	wm_log_line_end(&line, "");
	must(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
}

static void try_line(const char *line)
{
	size_t n = strlen(line);
	/* A copy of its own, so that AddressSanitizer sees the first byte read past its end. */
	char *s = wm_strdup(line);

	try_addresses(s);
	try_host_port(s);
	try_numbers(s);
	try_codecs(s, n);
	try_log(s);
	wm_utf8_is_valid(s, n);
	must(strlen(wm_str_trim(s)) <= n);
	wm_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = wm_alloc(size + 1);
	char *rest = text;

	if (size != 0)
		memcpy(text, data, size);
	for (char *line = wm_str_cut(&rest, '\n'); line != NULL; line = wm_str_cut(&rest, '\n'))
		try_line(line);
	wm_free(text);
	return 0;
}
