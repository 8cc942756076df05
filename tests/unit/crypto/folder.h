#pragma once
/* A temporary folder for tests that touch the disk, and whole files in one call. */
#include "hex.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
	char path[64];
};

static inline void folder_open(struct folder *f)
{
	memset(f, 0, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "/tmp/webmesh-test-XXXXXX");
	assert_non_null(mkdtemp(f->path));
}

static inline void folder_close(struct folder *f)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -rf %s", f->path);
	assert_int_equal(system(command), 0);
}

/* "FOLDER/name"; the last eight such texts stay good. */
static inline const char *in_folder(const struct folder *f, const char *name)
{
	static char names[8][200];
	static unsigned next;
	char *out = names[next++ % 8];

	snprintf(out, sizeof(names[0]), "%s/%s", f->path, name);
	return out;
}

static inline void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	assert_int_equal(fputs(text, out) >= 0, 1);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static inline unsigned mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (unsigned)(st.st_mode & 07777);
}

/* How many names a folder holds. */
static inline unsigned count_names(const char *path)
{
	char command[200];
	unsigned n = 0;
	FILE *in;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", path);
	in = popen(command, "r");
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%u", &n), 1);
	pclose(in);
	return n;
}
