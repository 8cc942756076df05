/*
 * Data messages of one session as the input orders them, changed on the way where it says so. Each
 * record of it is 12 bytes: a counter (8), how much the packet holds, what is changed, where, and
 * how many bytes are cut off. A message gets in if and only if nothing that is authenticated was
 * changed and its counter is new, by a list of all that came before.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wg/demux.h"
#include "wg/inner.h"
#include "wg/seal.h"
#include "wg/timers.h"

#define RECORD  12
#define RECORDS 64
#define INDEX   7
#define NOW     WM_WG_S
#define REACH   (WM_WG_WINDOW_BITS - 64)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	uint64_t counters[RECORDS];
	unsigned n;
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The same as the window, with a list. */
static bool is_new(struct seen *seen, uint64_t counter)
{
	for (unsigned i = 0; i < seen->n; i++)
		if (seen->counters[i] == counter ||
		    (seen->counters[i] > counter && seen->counters[i] - counter >= REACH))
			return false;
	seen->counters[seen->n++] = counter;
	return true;
}

static size_t make_message(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s,
			   const uint8_t *record, uint8_t *out, size_t cap)
{
	uint8_t packet[256 + WM_WG_SEAL_TAIL] = {0x45};
	size_t len = record[8];
	must(sizeof(struct wm_wg_data) + len + WM_WG_SEAL_TAIL <= cap);
	memset(packet + 1, record[8], 255);
	return wm_wg_seal_into(ciphers, s, wm_wg_get_le64(record), packet, len, 1420, out);
}

/* True when the message is let in; the path of a worker. */
static bool take(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, uint8_t *msg, size_t len)
{
	struct wm_wg_inner inner;
	if (wm_wg_demux_parse(msg, len) != WM_WG_KIND_DATA ||
	    wm_wg_get_le32(((struct wm_wg_data *)msg)->receiver) != INDEX)
		return false;
	uint64_t counter = wm_wg_get_le64(((struct wm_wg_data *)msg)->counter);
	if (!wm_wg_session_can_receive(s, counter, NOW) || !wm_wg_open(ciphers, s, msg, len) ||
	    !wm_wg_replay_accept(&s->window, counter))
		return false;
	(void)wm_wg_inner_parse(msg + sizeof(struct wm_wg_data), len - WM_WG_DATA_MIN, &inner);
	return true;
}

static void run_record(struct wm_wg_ciphers *ciphers, struct wm_wg_session *s, struct seen *seen,
		       const uint8_t *record)
{
	uint8_t msg[512];
	size_t len = make_message(ciphers, s, record, msg, sizeof(msg));
	size_t cut = record[11] < len ? record[11] : 0;
	uint64_t counter = wm_wg_get_le64(record);
	msg[record[10] % len] ^= record[9];
	bool is_whole = record[9] == 0 && cut == 0 && counter < WM_WG_REJECT_MESSAGES;
	bool wanted = is_whole && is_new(seen, counter);
	must(take(ciphers, s, msg, len - cut) == wanted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wm_wg_keys keys = {
		.send = {1}, .recv = {1}, .local_index = INDEX, .remote_index = INDEX};
	struct wm_wg_ciphers ciphers = {.provider = NULL};
	struct wm_epoch *epoch = wm_epoch_new();
	struct wm_wg_session *s = wm_wg_session_new(NULL, &keys, true, NOW);
	struct seen seen = {.n = 0};
	for (size_t i = 0; i < RECORDS && (i + 1) * RECORD <= size; i++)
		run_record(&ciphers, s, &seen, data + i * RECORD);
	wm_wg_ciphers_wipe(&ciphers);
	wm_wg_session_retire(s, epoch);
	wm_epoch_free(epoch);
	return 0;
}
