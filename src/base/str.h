#pragma once
/*
 * Text: comparing, cutting, numbers, durations, hex and base64. Parsers take the whole text, allow
 * nothing before or behind the value, and return false without touching the result on bad input.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool wm_streq(const char *a, const char *b); /* NULL equals only NULL */
bool wm_str_starts(const char *s, const char *prefix);
bool wm_str_ends(const char *s, const char *suffix);
bool wm_str_is_empty(const char *s); /* NULL or "" */
/* Cuts white space at both ends of @s in place; returns the first character that is none. */
char *wm_str_trim(char *s);
/*
 * The next piece of *@rest up to @sep, cut out in place; *@rest moves behind it and becomes NULL
 * after the last. Returns NULL when *@rest is NULL.
 */
char *wm_str_cut(char **rest, char sep);
/* Copies as much as fits, always with a NUL; false when it was cut. */
bool wm_str_copy(char *dst, size_t size, const char *src);
/* True when the @n bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool wm_utf8_is_valid(const void *s, size_t n);
/* The length of the well-formed sequence that the @n bytes begin with: 1..4, or 0 for none. */
size_t wm_utf8_sequence(const void *s, size_t n);

/* Writes @v in decimal, 20 digits at most and no NUL; returns the place behind them. */
char *wm_put_u64(char *out, uint64_t v);
bool wm_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);
bool wm_parse_i64(const char *s, int64_t min, int64_t max, int64_t *out);
/* "true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False". */
bool wm_parse_bool(const char *s, bool *out);
/* Go's duration text ("1h2m3.5s", "500ms", "0", "-1s") in nanoseconds. */
bool wm_parse_duration(const char *s, int64_t *out_ns);
/*
 * A number of bytes: "65536", or a whole number of units: "4MiB" (B, KiB, MiB, GiB, TiB as in IEC
 * 80000-13; kB, MB, GB, TB are powers of 1000). False for anything else and beyond INT64_MAX.
 */
bool wm_parse_size(const char *s, int64_t *out);
/* The same, not negative, in the largest binary unit that divides it; @size 32 always suffices. */
char *wm_format_size(int64_t bytes, char *out, size_t size);
/* Go's form: "0s", "1.5s", "500ms", "1h2m3s"; @size 40 always suffices. */
char *wm_format_duration(int64_t ns, char *out, size_t size);

/* Lower-case hex; @out has room for 2 * @n + 1. */
void wm_hex_format(const void *p, size_t n, char *out);
/* Exactly @n bytes from 2 * @n hex digits of either case. */
bool wm_hex_parse(const char *s, void *out, size_t n);

/* RFC 4648 section 4, padded. Room needed: wm_b64_size(n), with the NUL. */
size_t wm_b64_size(size_t n);
void wm_b64_format(const void *p, size_t n, char *out);
/*
 * Strict: length a multiple of four, canonical padding, zero spare bits, no white space. Writes at
 * most @cap bytes and their number to *@len. In time that depends on the length only, not on the
 * characters of a well-formed text, since keys pass through here.
 */
bool wm_b64_parse(const char *s, size_t slen, void *out, size_t cap, size_t *len);
