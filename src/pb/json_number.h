#pragma once
/*
 * Numbers between protojson text and memory, whatever the process's locale says about decimal
 * points. Integers never pass through floating point: 1e3 and 18446744073709551615 are both exact.
 * Parsers take the whole of a text in JSON's number grammar and leave the result alone on failure.
 */
#include <stdbool.h>
#include <stdint.h>

#define WM_JSON_REAL_SIZE 40 /* room that the text of a float or double needs */

/* The shortest text that reads back as @value; "NaN", "Infinity" and "-Infinity" in quotes. */
void wm_json_real_format(double value, bool is_float, char out[WM_JSON_REAL_SIZE]);
bool wm_json_real_is_finite(double value);
/* As a number or one of the three words (without quotes). False when too large for the type. */
bool wm_json_real_parse(const char *s, bool is_float, double *out);

/* A whole number within the bounds; a fraction of zeros and an exponent are allowed. */
bool wm_json_int_parse(const char *s, int64_t min, int64_t max, int64_t *out);
bool wm_json_uint_parse(const char *s, uint64_t max, uint64_t *out);
