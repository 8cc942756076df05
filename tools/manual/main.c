/*
 * Writes the manual pages and the sample configuration below a folder, or checks that those there
 * are what would be written: manual write|check FOLDER.
 */
#include "base/mem.h"
#include "page.h"
#include <stdio.h>
#include <string.h>

static const struct {
	const char *path;
	void (*make)(struct wm_buf *out);
} files[] = {
	{"man/webmesh-node.8", page_node},
	{"man/webmesh.conf.5", page_conf},
	{"man/wmctl.1", page_ctl},
	{"dist/webmesh.yaml", page_sample},
};

static bool write_file(const char *path, const struct wm_buf *text)
{
	FILE *f = fopen(path, "w");
	bool good = f != NULL && fwrite(text->data, 1, text->len, f) == text->len;
	good = f != NULL && fclose(f) == 0 && good;
	if (!good)
		fprintf(stderr, "%s: cannot be written\n", path);
	return good;
}

static bool is_current(const char *path, const struct wm_buf *text)
{
	struct wm_buf old = {0};
	FILE *f = fopen(path, "r");
	for (size_t n = 1; f != NULL && n > 0;) {
		n = fread(wm_buf_reserve(&old, 65536), 1, 65536, f);
		wm_buf_commit(&old, n);
	}
	if (f != NULL)
		fclose(f);
	bool same = old.len == text->len && memcmp(old.data, text->data, old.len) == 0;
	if (!same)
		fprintf(stderr, "%s does not say what the tables say: run \"ninja manual\"\n",
			path);
	wm_buf_fini(&old);
	return same;
}

int main(int argc, char **argv)
{
	bool writes = argc == 3 && strcmp(argv[1], "write") == 0, good = true;
	if (!writes && (argc != 3 || strcmp(argv[1], "check") != 0)) {
		fprintf(stderr, "usage: manual write|check FOLDER\n");
		return 2;
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(files); i++) {
		char path[1024];
		struct wm_buf text = {0};
		snprintf(path, sizeof(path), "%s/%s", argv[2], files[i].path);
		files[i].make(&text);
		good = (writes ? write_file(path, &text) : is_current(path, &text)) && good;
		wm_buf_fini(&text);
	}
	return good ? 0 : 1;
}
