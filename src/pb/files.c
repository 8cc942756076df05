#include "pb/files.h"
#include <stdlib.h>
#include <string.h>

/* static const uint8_t data_N[], imports_N[]; files[], symbols[] in the order of strcmp. */
struct symbol {
	const char *name;
	uint8_t file;
};
#include "file_rows.inc"

#define N_FILES   (sizeof(files) / sizeof(files[0]))
#define N_SYMBOLS (sizeof(symbols) / sizeof(symbols[0]))

const struct wm_pb_file *wm_pb_file_at(size_t i)
{
	return i < N_FILES ? &files[i] : NULL;
}

const struct wm_pb_file *wm_pb_file_find(const char *name)
{
	for (size_t i = 0; i < N_FILES; i++)
		if (strcmp(files[i].name, name) == 0)
			return &files[i];
	return NULL;
}

static int compare(const void *name, const void *row)
{
	return strcmp(name, ((const struct symbol *)row)->name);
}

const struct wm_pb_file *wm_pb_file_declaring(const char *symbol)
{
	const struct symbol *found =
		bsearch(symbol, symbols, N_SYMBOLS, sizeof(symbols[0]), compare);
	return found == NULL ? NULL : &files[found->file];
}
