#pragma once
/*
 * A host that exists in memory only, behind the headers of platform/: tests link this library in
 * place of the real one. It keeps links, addresses, routes and settings, does to them what a kernel
 * would (also the side effects of forwarding), counts calls, and fails at the n-th of them on
 * demand. One per process; one thread.
 */
#include "platform/link.h"
#include "platform/monitor.h"
#include "platform/route.h"
#include "platform/sysctl.h"
#include "platform/wgdev.h"

/* A fresh host: lo, and eth0 (index 2) with 192.168.7.2/24; it does not forward. */
void wm_fake_reset(void);
void wm_fake_add_link(unsigned index, const char *name, unsigned flags);
void wm_fake_add_addr(unsigned link, const char *prefix);
/* Takes the link away with its addresses and routes, as when its process died. */
void wm_fake_drop_link(unsigned index);
/* A route of somebody else. */
void wm_fake_add_foreign_route(const char *dst, unsigned link, uint32_t metric);
void wm_fake_set(const char *name, const char *value);
const char *wm_fake_get(const char *name); /* "" when there is none */

/* The n-th call from now fails once with UNAVAILABLE; 0 = none does. */
void wm_fake_fail_at(unsigned n);
/* True when that has happened since the last wm_fake_fail_at. */
bool wm_fake_has_failed(void);
/* Every call whose name begins with @word fails, until this is called with NULL. */
void wm_fake_refuse(const char *word);
/* For fakes of higher layers, which count and fail along: nonzero when this call is to fail. */
WM_MUST_CHECK int wm_fake_call(struct wm_err *err, const char *fmt, ...) WM_PRINTF(2, 3);
/* The names of all calls that were to change something, one a line; borrowed. */
const char *wm_fake_log(void);
void wm_fake_clear_log(void);
/* The whole host as text, to be compared; the caller frees it. */
char *wm_fake_text(void);
/* What the monitor will report next. */
void wm_fake_emit(const struct wm_monitor_change *c);
/* How long the service manager's watchdog waits, for who asks from now on; 0 = there is none. */
void wm_fake_set_watchdog(int64_t ns);
/* The one WireGuard of the host's kernel: its peer has had a handshake, from there, and bytes. */
void wm_fake_wg_handshake(const uint8_t public_key[WM_WG_KEY], const char *from, int64_t wall_ns);
void wm_fake_wg_bytes(const uint8_t public_key[WM_WG_KEY], uint64_t rx, uint64_t tx);
void wm_fake_wg_count(const struct wm_wgdev_stats *stats);
/* As if somebody else had configured it. */
void wm_fake_wg_set(const struct wm_wg_config *wish);
/* A port that is in use; 0 = none. */
void wm_fake_wg_take_port(uint16_t port);
/* Handles that are open. */
unsigned wm_fake_open_handles(void);
/* Ends the process's one host; its memory goes. */
void wm_fake_fini(void);
