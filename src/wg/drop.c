#include "wg/drop.h"

struct row {
	const char *name;
	const char *sentence;
};

static const struct row rows[WM_DROP_COUNT] = {
#define WM_DROP_ROW(id, name, sentence) [id] = {name, sentence},
#include "wg/drop.def.h"
#undef WM_DROP_ROW
};

const char *wm_drop_name(enum wm_drop reason)
{
	return (unsigned)reason < WM_DROP_COUNT ? rows[reason].name : "";
}

const char *wm_drop_sentence(enum wm_drop reason)
{
	return (unsigned)reason < WM_DROP_COUNT ? rows[reason].sentence : "";
}
