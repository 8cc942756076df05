#pragma once
/* For the targets of file formats: text into a tree, the tree into options of every kind. */
#include "../tests/unit/conf/table.h"
#include "base/mem.h"
#include "conf/value.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every node has a parent that counts it, and a line; nothing is deeper than allowed. */
static void check_tree(const struct wm_conf_node *n, unsigned depth)
{
	const struct wm_conf_node *child;
	size_t found = 0;
	char path[200];
	if (n->line == 0 || depth > WM_CONF_DEPTH_MAX)
		abort();
	wm_conf_node_path(n, path, sizeof(path));
	wm_conf_node_each(child, n)
	{
		if (child->parent != n || (child->key == NULL) != (n->type == WM_CONF_NODE_LIST))
			abort();
		found++;
		check_tree(child, depth + 1);
	}
	if (found != n->n)
		abort();
}

/* A target reads no files, as the key of a secret in a file of its own would. */
static bool names_file(const uint8_t *data, size_t size)
{
	static const char suffix[] = "-file";
	size_t n = sizeof(suffix) - 1;
	for (size_t i = 0; i + n <= size; i++) {
		if (memcmp(data + i, suffix, n) == 0)
			return true;
	}
	return false;
}

static int load_tree(int (*parse)(struct wm_arena *a, const char *name, const void *text,
				  size_t len, struct wm_conf_node **out, struct wm_err *err),
		     const uint8_t *data, size_t size)
{
	struct wm_arena arena;
	struct wm_conf_node *root;
	struct wm_err err;
	wm_arena_init(&arena, 0);
	if (parse(&arena, "f", data, size, &root, &err) == 0) {
		struct wm_conf *conf = wm_conf_new(&test_table, 4);
		check_tree(root, 0);
		if (!names_file(data, size) && wm_conf_load_tree(conf, root, &err) != 0 &&
		    err.text[0] == '\0')
			abort();
		wm_conf_free(conf);
	}
	wm_arena_fini(&arena);
	return 0;
}
