#pragma once
/* A folder of its own for a test that writes files; gone with everything in it afterwards. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	return remove(path);
}

static inline void folder_make(char path[64])
{
	snprintf(path, 64, "/tmp/wm-test-XXXXXX");
	if (mkdtemp(path) == NULL)
		abort();
}

static inline void folder_remove(const char *path)
{
	nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
