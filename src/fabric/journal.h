#pragma once
/*
 * A write-ahead journal of what is done to the host and would outlive this process: settings with
 * their old values, an interface that does not disappear by itself, routes that are not bound to
 * one. A note is on disk before the deed. One file per interface in a folder that all processes of
 * this host share; an advisory lock on the file, held for life, says that its owner lives, so a
 * file without one was left by a crash, and the next open in the same network (namespace) undoes
 * it.
 *
 * Settings may be needed by several processes: each notes the value from before the first of them,
 * and only the last one puts it back. Nothing is put back that somebody else has changed since.
 * Notes of an earlier boot are void. Blocks on the disk; one thread at a time.
 */
#include "base/err.h"
#include "platform/route.h"
#include "platform/sysctl.h"
#include <stdint.h>

struct wm_journal;
struct wm_log;
struct wm_net;

/*
 * Makes @dir (0700) when it is absent, undoes what crashed processes have left in this network, and
 * opens the journal of the interface @name; nothing is written before the first note.
 * FAILED_PRECONDITION when others may write to @dir, ALREADY_EXISTS when a living process holds
 * @name.
 */
WM_MUST_CHECK int wm_journal_open(struct wm_net *net, struct wm_log *log, const char *dir,
				  const char *name, struct wm_journal **out, struct wm_err *err);
/*
 * Only undoes what crashed processes have left in this network: before there is an interface, whose
 * name may be taken by what they left.
 */
WM_MUST_CHECK int wm_journal_sweep(struct wm_log *log, const char *dir, struct wm_err *err);
/*
 * Undoes all notes and removes the file. What cannot be undone stays noted, and the error says
 * what.
 */
int wm_journal_close(struct wm_journal *j, struct wm_err *err); /* NULL is allowed */

/*
 * Notes and applies forwarding of one family; nothing to note when the host does it of its own
 * accord.
 */
WM_MUST_CHECK int wm_journal_forward(struct wm_journal *j, enum wm_forwarding family,
				     struct wm_err *err);
/* Takes it back: the settings are restored unless another living process has noted them. */
WM_MUST_CHECK int wm_journal_unforward(struct wm_journal *j, enum wm_forwarding family,
				       struct wm_err *err);
/* Notes an interface that stays when this process dies; undoing removes it. */
WM_MUST_CHECK int wm_journal_note_link(struct wm_journal *j, unsigned link, const char *name,
				       struct wm_err *err);
/*
 * Notes a route that stays when our interface goes; undoing removes it. To be called before adding
 * it.
 */
WM_MUST_CHECK int wm_journal_note_route(struct wm_journal *j, const struct wm_route *r,
					struct wm_err *err);
