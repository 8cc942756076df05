#pragma once
/*
 * Writes the manual pages and the sample configuration from the programs' tables, so that they say
 * what the programs do. One function per file; each appends its whole text. One thread.
 */
#include "base/buf.h"
#include "conf/option.h"

/* Appends text as roff, with what is special to it escaped. */
void page_text(struct wm_buf *out, const char *text);
/* Begins a page: its title line and the NAME section. */
void page_begin(struct wm_buf *out, const char *name, unsigned section, const char *what);
void page_section(struct wm_buf *out, const char *title);
/* A paragraph. */
void page_paragraph(struct wm_buf *out, const char *text);
/* A tagged paragraph: the tag in bold, then @text. */
void page_entry(struct wm_buf *out, const char *tag, const char *text);
/* An example: what it is for, and its lines as they are typed. */
void page_commands(struct wm_buf *out, const char *what, const char *lines);
/* An option as a flag, with what it takes, its words and its default. */
void page_flag(struct wm_buf *out, const struct wm_conf_option *o, const char *known_by);
/* True when the option works in this version and @without has none of its attributes. */
bool page_has(const struct wm_conf_option *o, unsigned without);

void page_node(struct wm_buf *out);   /* webmesh-node.8 */
void page_conf(struct wm_buf *out);   /* webmesh.conf.5 */
void page_ctl(struct wm_buf *out);    /* wmctl.1 */
void page_sample(struct wm_buf *out); /* webmesh.yaml */
