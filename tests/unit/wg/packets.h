#pragma once
/*
 * IP packets as plain fields, for tests: written out and read back byte by byte, checksums by their
 * definition. Segmentation and joining are defined here once more and slowly: a packet is read into
 * fields, the fields are changed, and packets are written from them. Nothing of it is shared with
 * what is tested.
 */
#include "platform/offload.h"

#define PACKET_MAX   (65535 + 40)
#define SEGMENTS_MAX 70000

enum { TCP = 6, UDP = 17 };
enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

struct packet {
	unsigned version;
	uint8_t tos; /* IPv6: traffic class */
	uint32_t flow;
	uint16_t id, fragment;
	uint8_t ttl;
	uint8_t protocol;       /* the transport's */
	uint8_t addresses[32];  /* source, target */
	const uint8_t *options; /* of IPv4; of IPv6: the extension headers */
	size_t options_len;
	uint8_t next; /* IPv6: what the first extension header is */
	uint16_t ports[2];
	uint32_t seq, ack;
	uint8_t reserved, flags; /* of TCP, as all that follows */
	uint16_t window, urgent;
	uint8_t tcp_options[40];
	size_t tcp_options_len;
	const uint8_t *payload;
	size_t payload_len;
	bool is_partial;     /* the checksum is the pseudo header's sum only */
	bool is_unsummed;    /* UDP without a checksum */
	uint8_t through[16]; /* IPv6: the pseudo header's target when it is another */
	bool is_routed;
};

/* Writes the packet; returns its length. */
size_t packet_write(const struct packet *p, uint8_t *out);
/*
 * Reads a packet of TCP or UDP that is no fragment and whose lengths agree; the payload stays in
 * @data, checksums are not looked at. False for any other.
 */
bool packet_read(const uint8_t *data, size_t len, struct packet *p);
/* Offset of the transport header. */
size_t packet_transport(const struct packet *p);
size_t packet_headers(const struct packet *p);
/* What an interface would say about the packet with @segment bytes of payload in each. */
struct wm_offload packet_offload(const struct packet *p, uint16_t segment);

/* The checksum of RFC 1071, not complemented. */
uint16_t packet_sum(const uint8_t *data, size_t len);

/*
 * Segmentation by its definition: how many segments there are, 0 when the packet is to be refused.
 * packet_segment gives number @i.
 */
unsigned packet_count(const uint8_t *data, size_t len, const struct wm_offload *o);
size_t packet_segment(const uint8_t *data, size_t len, const struct wm_offload *o, unsigned i,
		      uint8_t *out);

/* Random numbers that repeat: below @n, and with a chance of one in @n. */
void seed_random(uint64_t seed);
uint32_t any_below(uint32_t n);
bool one_in(uint32_t n);
void any_bytes(uint8_t *out, size_t n);
