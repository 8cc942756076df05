#pragma once
/*
 * The Internet checksum (RFC 1071). A sum here is of words as they lie in memory: section 2(B) of
 * the RFC shows that the sum then lies in memory as it must, whatever the machine's byte order, so
 * nothing is swapped and a folded sum is stored with memcpy. A sum is kept in 64 bits and has room
 * for 16 GiB; sums of parts of a packet, each at an even offset, are added with +. Pure; any
 * thread.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * Adds @len bytes of any alignment, which begin at an even offset of what is summed up; a last odd
 * byte counts as if a zero followed. The result is not folded.
 */
uint64_t wm_checksum_add(uint64_t sum, const void *data, size_t len);
/* The same, without what only some processors can: for machines that lack it, and to compare. */
uint64_t wm_checksum_add_portable(uint64_t sum, const void *data, size_t len);

/*
 * The sum in 16 bits, as it lies in memory and not complemented: what stands in a packet is ~fold,
 * and a packet is good when the fold of all, its checksum included, is 0xffff. 0 only when every
 * byte was.
 */
static inline uint16_t wm_checksum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)((sum >> 16) + (sum & 0xffff));
}

/* What a field of 16 bits with the value @v adds to a sum. */
static inline uint64_t wm_checksum_be16(uint16_t v)
{
	const uint8_t bytes[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	uint16_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* What a field of 32 bits with the value @v adds to a sum. */
static inline uint64_t wm_checksum_be32(uint32_t v)
{
	return wm_checksum_be16((uint16_t)(v >> 16)) + wm_checksum_be16((uint16_t)v);
}

/* What takes a field of 16 bits with the value @v out of a sum again (RFC 1624). */
static inline uint64_t wm_checksum_without_be16(uint16_t v)
{
	return wm_checksum_be16((uint16_t)~v);
}

/*
 * The sums of the pseudo headers of RFC 793 and RFC 8200, 8.1: @addresses are source and target,
 * one after the other as in the IP header; @len is that of the transport header and its payload.
 */
uint64_t wm_checksum_pseudo4(const uint8_t addresses[8], uint8_t protocol, uint16_t len);
uint64_t wm_checksum_pseudo6(const uint8_t addresses[32], uint8_t protocol, uint32_t len);
