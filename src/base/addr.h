#pragma once
/*
 * Addresses, endpoints (address and port) and prefixes, IPv4 and IPv6, with their text forms. An
 * IPv4-mapped IPv6 address is turned into IPv4 by every parser here: two spellings of one address
 * never compare different. Plain values; a zeroed struct is "none" and is not valid.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

enum wm_family { WM_FAMILY_NONE = 0, WM_IPV4 = 4, WM_IPV6 = 6 };

struct wm_addr {
	uint8_t family;    /* enum wm_family */
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

struct wm_endpoint {
	struct wm_addr addr;
	uint16_t port;  /* host order */
	uint32_t scope; /* interface index of a link-local IPv6 address, else 0 */
};

struct wm_prefix {
	struct wm_addr addr; /* host bits are kept, as in "172.16.0.1/12" */
	uint8_t bits;
};

#define WM_ADDR_TEXT     46 /* with the NUL */
#define WM_ENDPOINT_TEXT 64
#define WM_PREFIX_TEXT   50

bool wm_addr_is_valid(const struct wm_addr *a);
bool wm_addr_equal(const struct wm_addr *a, const struct wm_addr *b);
/* Total order: IPv4 before IPv6, then by value. */
int wm_addr_compare(const struct wm_addr *a, const struct wm_addr *b);
/* A literal, without brackets, zone or port. */
bool wm_addr_parse(const char *s, struct wm_addr *out);
/* RFC 5952; "" for none. Returns @out. */
char *wm_addr_format(const struct wm_addr *a, char out[WM_ADDR_TEXT]);
bool wm_addr_is_unspecified(const struct wm_addr *a);
bool wm_addr_is_loopback(const struct wm_addr *a);
bool wm_addr_is_link_local(const struct wm_addr *a);
bool wm_addr_is_multicast(const struct wm_addr *a);
bool wm_addr_is_private(const struct wm_addr *a); /* RFC 1918, RFC 4193 */
unsigned wm_addr_bits(const struct wm_addr *a);   /* 32, 128, or 0 for none */
/* An IPv4-mapped IPv6 address as IPv4; any other unchanged. */
struct wm_addr wm_addr_unmapped(const struct wm_addr *a);
struct wm_addr wm_addr_v4(uint32_t host_order);

bool wm_endpoint_equal(const struct wm_endpoint *a, const struct wm_endpoint *b);
/* "1.2.3.4:5", "[::1]:5", "[fe80::1%eth0]:5" (scope by name or number); port 0..65535. */
bool wm_endpoint_parse(const char *s, struct wm_endpoint *out);
char *wm_endpoint_format(const struct wm_endpoint *e, char out[WM_ENDPOINT_TEXT]);
/* IPv4-mapped addresses become IPv4. False for another family. */
bool wm_endpoint_from_sockaddr(const struct sockaddr *sa, struct wm_endpoint *out);
/* Returns the length of the filled address. */
unsigned wm_endpoint_to_sockaddr(const struct wm_endpoint *e, struct sockaddr_storage *out);
/*
 * Cuts "host:port" or "[host]:port" (host may be a name, and empty as in ":8443"); false when there
 * is no port 1..65535.
 */
bool wm_host_port_parse(const char *s, char *host, size_t size, uint16_t *port);

bool wm_prefix_is_valid(const struct wm_prefix *p);
bool wm_prefix_equal(const struct wm_prefix *a, const struct wm_prefix *b); /* host bits count */
int wm_prefix_compare(const struct wm_prefix *a, const struct wm_prefix *b);
/* "address/bits"; host bits are kept. */
bool wm_prefix_parse(const char *s, struct wm_prefix *out);
char *wm_prefix_format(const struct wm_prefix *p, char out[WM_PREFIX_TEXT]);
/* Host bits cleared. */
struct wm_prefix wm_prefix_masked(const struct wm_prefix *p);
bool wm_prefix_contains(const struct wm_prefix *p, const struct wm_addr *a);
/* True when every address of @inner lies in @outer. */
bool wm_prefix_covers(const struct wm_prefix *outer, const struct wm_prefix *inner);
bool wm_prefix_overlaps(const struct wm_prefix *a, const struct wm_prefix *b);
struct wm_prefix wm_prefix_of_addr(const struct wm_addr *a); /* /32 or /128 */
bool wm_prefix_is_default(const struct wm_prefix *p);        /* 0.0.0.0/0 or ::/0 */
