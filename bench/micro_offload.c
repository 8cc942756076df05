/*
 * Packets that stand for many: taking one apart, joining many into one, and the checksums that are
 * most of both. Prints nanoseconds per packet of 64, 576 and 1420 bytes.
 */
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>
#include "base/checksum.h"
#include "base/mem.h"
#include "wg/coalesce.h"
#include "wg/packet.h"
#include "wg/segment.h"

#define BATCH   45 /* full packets in one of 64 KiB */
#define HEADERS 52 /* IPv4, TCP, time stamps */
#define ROOM    2048

/* @run handles BATCH packets of @bytes. */
struct row {
	const char *name;
	void (*prepare)(size_t bytes);
	void (*run)(size_t bytes);
};

static uint8_t packets[BATCH][ROOM], whole[BATCH * ROOM], headers[HEADERS];
static struct wm_wg_coalesce coalesce;
static volatile uint64_t sink; /* so that nothing is computed in vain */

static void prepare_bytes(size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		packets[0][i] = (uint8_t)rand();
}

static void run_checksum(size_t bytes)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < BATCH; i++)
		sum += wm_checksum_add(0, packets[0], bytes);
	sink = sum;
}

static void run_checksum_portable(size_t bytes)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < BATCH; i++)
		sum += wm_checksum_add_portable(0, packets[0], bytes);
	sink = sum;
}

/* One packet that stands for the batch. */
static void prepare_whole(size_t bytes)
{
	size_t len = HEADERS + BATCH * (bytes - HEADERS);
	uint8_t *tcp = whole + WM_IP4_HEADER;
	for (size_t i = 0; i < len; i++)
		whole[i] = (uint8_t)rand();
	whole[0] = 0x45;
	wm_wg_put_be16(whole + WM_IP4_LENGTH, (uint16_t)len);
	wm_wg_put_be16(whole + WM_IP4_FRAGMENT, WM_IP4_DONT_FRAGMENT);
	whole[WM_IP4_PROTOCOL] = WM_PROTOCOL_TCP;
	tcp[WM_TCP_OFFSET] = (HEADERS - WM_IP4_HEADER) / 4 << 4;
	tcp[WM_TCP_FLAGS] = WM_TCP_ACKS;
	memcpy(headers, whole, HEADERS);
}

static void split(size_t bytes, uint8_t (*to)[ROOM])
{
	const struct wm_offload o = {.kind = WM_OFFLOAD_TCP4,
				     .needs_checksum = true,
				     .segment = (uint16_t)(bytes - HEADERS),
				     .checksum_start = WM_IP4_HEADER,
				     .checksum_offset = WM_TCP_CHECKSUM};
	struct wm_wg_segments s;
	uint8_t *out = NULL;
	unsigned n = 0;
	/* The last run has made them those of the first segment. */
	memcpy(whole, headers, HEADERS);
	if (wm_wg_segments_begin(&s, whole, HEADERS + BATCH * (bytes - HEADERS), &o) !=
	    WM_DROP_NONE)
		micro_fail("a packet was not taken apart");
	for (size_t len; (len = wm_wg_segments_next(&s, &out)) > 0; n++)
		if (to != NULL)
			memcpy(to[n], out, len);
	if (n != BATCH)
		micro_fail("a packet fell into other parts than it should");
}

static void run_split(size_t bytes)
{
	split(bytes, NULL);
}

static void prepare_packets(size_t bytes)
{
	prepare_whole(bytes);
	split(bytes, packets);
	memcpy(headers, packets[0], HEADERS);
}

static void run_join(size_t bytes)
{
	const struct wm_wg_chain *chains = NULL;
	/* The last run has made them those of the joined packet. */
	memcpy(packets[0], headers, HEADERS);
	wm_wg_coalesce_begin(&coalesce, true, true);
	for (unsigned i = 0; i < BATCH; i++)
		wm_wg_coalesce_add(&coalesce, packets[i], bytes);
	if (wm_wg_coalesce_end(&coalesce, &chains) != 1)
		micro_fail("packets of one flow were not joined");
}

static const struct row rows[] = {
	{"checksum", prepare_bytes, run_checksum},
	{"checksum_portable", prepare_bytes, run_checksum_portable},
	{"split", prepare_whole, run_split},
	{"join", prepare_packets, run_join},
};

static void measure(const struct row *r, size_t bytes)
{
	char name[64];
	uint64_t done = 0;
	r->prepare(bytes);
	double start = micro_cpu(), took;
	do {
		for (unsigned i = 0; i < 50; i++)
			r->run(bytes);
		done += 50 * BATCH;
	} while ((took = micro_cpu() - start) < MICRO_SECONDS);
	snprintf(name, sizeof(name), "%s_%zu", r->name, bytes);
	micro_print(name, took * 1e9 / (double)done);
}

void micro_offload(void)
{
	static const size_t sizes[] = {64, 576, 1420};
	for (size_t i = 0; i < WM_ARRAY_LEN(sizes); i++)
		for (size_t r = 0; r < WM_ARRAY_LEN(rows); r++)
			measure(&rows[r], sizes[i]);
}
