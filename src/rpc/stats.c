#include "rpc/stats.h"

struct row {
	const char *name;
	const char *sentence;
};

static const struct row rows[WM_FLOOD_COUNT] = {
#define WM_FLOOD_ROW(id, name, sentence) [id] = {name, sentence},
#include "rpc/flood.def.h"
#undef WM_FLOOD_ROW
};

const char *wm_flood_name(enum wm_flood kind)
{
	return (unsigned)kind < WM_FLOOD_COUNT ? rows[kind].name : "";
}

const char *wm_flood_sentence(enum wm_flood kind)
{
	return (unsigned)kind < WM_FLOOD_COUNT ? rows[kind].sentence : "";
}
