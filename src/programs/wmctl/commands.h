#pragma once
/* The functions behind the rows of programs/wmctl/command.c; each file is one noun. One thread. */
#include "programs/wmctl/command.h"

/* keys.c: prints a new node key. */
int wm_ctl_genkey(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* keys.c: prints the public key of the private key or ID on standard input. */
int wm_ctl_pubkey(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* keys.c: prints the ID of the private or public key on standard input. */
int wm_ctl_keyid(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* pki.c: makes a folder with an authority and the administrator's certificate. */
int wm_ctl_pki_init(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* pki.c: makes a node's certificate in that folder. */
int wm_ctl_pki_issue(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* pki.c: writes a configuration file for wmctl from a certificate of that folder. */
int wm_ctl_pki_gen_config(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* show_version.c: prints which build this is. */
int wm_ctl_version(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* status.c: shows the node that is asked, or another. */
int wm_ctl_status(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* nodes.c: shows the members, or one. */
int wm_ctl_get_nodes(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* nodes.c: asks that a node be taken out of the mesh. */
int wm_ctl_leave(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
/* graph.c: prints the mesh as a graph. */
int wm_ctl_get_graph(struct wm_ctl *ctl, struct wm_err *err) WM_MUST_CHECK;
