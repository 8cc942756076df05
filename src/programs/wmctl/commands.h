#pragma once
/* The functions behind the rows of programs/wmctl/command.c; each file is one noun. One thread. */
#include "programs/wmctl/command.h"

/* keys.c: the node key and what follows from it, on standard input and output. */
int wm_ctl_genkey(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
int wm_ctl_pubkey(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
int wm_ctl_keyid(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* pki.c: a small authority in a folder. */
int wm_ctl_pki_init(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
int wm_ctl_pki_issue(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
int wm_ctl_pki_gen_config(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* show_version.c */
int wm_ctl_version(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* status.c */
int wm_ctl_status(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* nodes.c */
int wm_ctl_get_nodes(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
int wm_ctl_leave(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* graph.c */
int wm_ctl_get_graph(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
