#pragma once
/*
 * The texts of Timestamp (RFC 3339, "2023-12-15T10:00:00.5Z") and Duration ("1.5s") in protojson.
 * Fractions are printed with 0, 3, 6 or 9 digits and read with one to nine. Reads no clock.
 */
#include <stdbool.h>
#include <stdint.h>

#define WM_JSON_TIME_SIZE 64 /* room that either text needs */

/* False when out of range: a year beyond 1..9999, or nanoseconds that are none. */
bool wm_json_timestamp_format(int64_t seconds, int32_t nanos, char out[WM_JSON_TIME_SIZE]);
bool wm_json_timestamp_parse(const char *s, int64_t *seconds, int32_t *nanos);

/* False when out of range: beyond 315,576,000,000 seconds, or parts of different sign. */
bool wm_json_duration_format(int64_t seconds, int32_t nanos, char out[WM_JSON_TIME_SIZE]);
bool wm_json_duration_parse(const char *s, int64_t *seconds, int32_t *nanos);
