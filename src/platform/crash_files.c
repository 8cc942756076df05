/* The reports that are kept; the same on every system with folders. */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "platform/crash.h"

#define NEW ".new"

/* Names begin with the time, behind what is the same in all: in order of the alphabet is in order
 * of time. */
static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list_reports(const char *program, const char *folder, size_t *n)
{
	char prefix[128];
	char **names = NULL;
	struct dirent *e;
	DIR *d = opendir(folder);

	*n = 0;
	snprintf(prefix, sizeof(prefix), "%s.crash.", program);
	while (d != NULL && (e = readdir(d)) != NULL) {
		if (!wm_str_starts(e->d_name, prefix))
			continue;
		names = wm_realloc(names, (*n + 1) * sizeof(*names));
		names[(*n)++] = wm_strdup(e->d_name);
	}
	if (d != NULL)
		closedir(d);
	if (*n > 0)
		qsort(names, *n, sizeof(*names), by_name);
	return names;
}

static void tell_of(const char *folder, const char *name, void (*told)(void *arg, const char *path),
		    void *arg)
{
	char path[PATH_MAX], done[PATH_MAX];

	if (!wm_str_ends(name, NEW) ||
	    snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
		return;
	snprintf(done, sizeof(done), "%.*s.txt", (int)(strlen(path) - strlen(NEW)), path);
	told(arg, rename(path, done) == 0 ? done : path);
}

void wm_crash_collect(const char *program, const char *folder,
		      void (*told)(void *arg, const char *path), void *arg)
{
	size_t n;
	char **names = wm_str_is_empty(folder) ? NULL : list_reports(program, folder, &n);

	for (size_t i = 0; names != NULL && i < n; i++) {
		char path[PATH_MAX];

		if (n - i > WM_CRASH_KEPT &&
		    snprintf(path, sizeof(path), "%s/%s", folder, names[i]) < (int)sizeof(path))
			unlink(path);
		else
			tell_of(folder, names[i], told, arg);
		wm_free(names[i]);
	}
	wm_free(names);
}
