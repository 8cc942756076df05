#pragma once
/* For the tests of file formats: what a text becomes, written down so that it can be compared. */
#include "base/buf.h"
#include "conf/node.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

typedef int (*parse_fn)(struct wm_arena *a, const char *name, const void *text, size_t len,
			struct wm_conf_node **out, struct wm_err *err);

/* A text and what becomes of it: the tree (see render), or the message without the file's name. */
struct row {
	const char *text;
	const char *want;
};

/* "{key:i1,list:[t..|,n]}": i, f, b, t and n for number, float, boolean, text and null. */
static void render(const struct wm_conf_node *n, struct wm_buf *out)
{
	static const char letters[] = "nbift";
	const struct wm_conf_node *child;
	if (n->key != NULL)
		wm_buf_printf(out, "%s:", n->key);
	if (n->type != WM_CONF_NODE_MAP && n->type != WM_CONF_NODE_LIST) {
		wm_buf_add(out, &letters[n->type], 1);
		if (n->type != WM_CONF_NODE_NULL)
			wm_buf_add_str(out, n->text);
		return;
	}
	wm_buf_add_str(out, n->type == WM_CONF_NODE_MAP ? "{" : "[");
	wm_conf_node_each(child, n)
	{
		if (child != n->first)
			wm_buf_add_str(out, ",");
		render(child, out);
	}
	wm_buf_add_str(out, n->type == WM_CONF_NODE_MAP ? "}" : "]");
}

static void check_row(parse_fn parse, const struct row *row, size_t len)
{
	struct wm_arena arena;
	struct wm_buf got = {0};
	struct wm_conf_node *root;
	struct wm_err err = {0};
	wm_arena_init(&arena, 0);
	int rc = parse(&arena, "f", row->text, len, &root, &err);
	if (rc == 0)
		render(root, &got);
	else
		wm_buf_add_str(&got, err.text);
	if (strcmp(wm_buf_str(&got), row->want) != 0)
		fail_msg("%s\n  became %s\n  not    %s", row->text, wm_buf_str(&got), row->want);
	assert_int_equal(rc, strncmp(row->want, "f:", 2) == 0 ? WM_INVALID_ARGUMENT : 0);
	wm_buf_fini(&got);
	wm_arena_fini(&arena);
}

static void check_rows(parse_fn parse, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_row(parse, &rows[i], strlen(rows[i].text));
}

/* @n times @part between @before and @behind becomes @want. */
static void check_many(parse_fn parse, const char *before, const char *part, size_t n,
		       const char *behind, const char *want)
{
	struct wm_arena arena;
	struct wm_buf text = {0};
	struct wm_conf_node *root;
	struct wm_err err = {0};
	wm_arena_init(&arena, 0);
	wm_buf_add_str(&text, before);
	for (size_t i = 0; i < n; i++)
		wm_buf_add_str(&text, part);
	wm_buf_add_str(&text, behind);
	int rc = parse(&arena, "f", text.data, text.len, &root, &err);
	assert_string_equal(err.text, want);
	assert_int_equal(rc, *want == '\0' ? 0 : WM_INVALID_ARGUMENT);
	wm_buf_fini(&text);
	wm_arena_fini(&arena);
}
