#pragma once
/*
 * Why a packet was not carried. The packet path returns one of these instead of an error with a
 * sentence; each is a counter with a name. The rows stand in wg/drop.def.h. Any thread.
 */
enum wm_drop {
#define WM_DROP_ROW(id, name, sentence) id,
#include "wg/drop.def.h"
#undef WM_DROP_ROW
	WM_DROP_COUNT
};

/* The name in status and metrics ("mac1"); "" for a number that is none. */
const char *wm_drop_name(enum wm_drop reason);
/* What it means, in one sentence; "" for a number that is none. */
const char *wm_drop_sentence(enum wm_drop reason);
