#pragma once
/*
 * Errors: one code, one errno, one sentence. A function that can fail returns 0 or a negative
 * enum wm_code and fills the struct wm_err that its caller passed as the last parameter (which may
 * be NULL where the sentence is not wanted). Nothing is allocated. Each level may add in front what
 * only it knows, so that the text reads from the outside in:
 *     peer edge-3: route 10.7.0.0/16 via wm0: no such device
 * The codes are those of gRPC, negated, so that a service answers with what it got.
 */
#include <stdarg.h>
#include <stdbool.h>

#define WM_MUST_CHECK     __attribute__((warn_unused_result))
#define WM_PRINTF(fmt, a) __attribute__((format(printf, fmt, a)))

enum wm_code {
	WM_OK = 0,
	WM_CANCELLED = -1,
	WM_UNKNOWN = -2,
	WM_INVALID_ARGUMENT = -3,
	WM_DEADLINE_EXCEEDED = -4,
	WM_NOT_FOUND = -5,
	WM_ALREADY_EXISTS = -6,
	WM_PERMISSION_DENIED = -7,
	WM_RESOURCE_EXHAUSTED = -8,
	WM_FAILED_PRECONDITION = -9,
	WM_ABORTED = -10,
	WM_OUT_OF_RANGE = -11,
	WM_UNIMPLEMENTED = -12,
	WM_INTERNAL = -13,
	WM_UNAVAILABLE = -14,
	WM_DATA_LOSS = -15,
	WM_UNAUTHENTICATED = -16,
};

#define WM_ERR_TEXT 480

struct wm_err {
	int code; /* enum wm_code */
	int sys;  /* the errno behind it, or 0 */
	char text[WM_ERR_TEXT];
};

/* Fills @err (may be NULL) and returns @code. */
int wm_fail(struct wm_err *err, enum wm_code code, const char *fmt, ...) WM_PRINTF(3, 4);

/*
 * As wm_fail, with ": <strerror>" appended and the code chosen from @sys (an errno): ENOENT is
 * NOT_FOUND, EACCES and EPERM are PERMISSION_DENIED, and so on; anything unknown is INTERNAL.
 */
int wm_fail_errno(struct wm_err *err, int sys, const char *fmt, ...) WM_PRINTF(3, 4);

/* Puts "<fmt>: " in front of the text of a filled @err; returns its code. */
int wm_wrap(struct wm_err *err, const char *fmt, ...) WM_PRINTF(2, 3);

/* Copies @from into @to (both may be NULL) and returns the code of @from. */
int wm_err_copy(struct wm_err *to, const struct wm_err *from);

/* The gRPC name of a code ("INVALID_ARGUMENT"); "UNKNOWN" for a number that is none. */
const char *wm_err_name(int code);

/* The code of a gRPC status number (0..16); WM_UNKNOWN for any other. */
enum wm_code wm_err_from_grpc(unsigned status);

/* The exit status of a program that ends with this code: 0 for OK, 2 for INVALID_ARGUMENT, else 1.
 */
int wm_err_exit_status(int code);

/* True when the same request may succeed later without anything being mended by hand. */
bool wm_err_may_retry(int code);
