/*
 * Every call takes the folder's lock, so that processes that come and go see each other's notes
 * whole. A setting is noted, then set; it is restored, then struck out. Death between the two
 * leaves a note of something that is not so, which does no harm: only a value that is still ours is
 * put back.
 *
 * The second process that needs forwarding finds it on already. It copies the note of the first,
 * with the value from before, so that whoever is last can put that back.
 */
#include "fabric/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "fabric/notes.h"
#include "fabric/shelf.h"
#include "fabric/undo.h"
#include "platform/net.h"

struct wm_journal {
	struct wm_net *net;
	struct wm_log *log;
	struct wm_shelf shelf;
	struct wm_notes notes;
	int fd; /* of our file, whose lock says that we live; -1 = nothing noted */
};

/* No interface is called so. */
#define NOBODY "/"

static const enum wm_forwarding families[] = {WM_FORWARDING_V4, WM_FORWARDING_V6};

static int read_boot_id(char out[WM_NOTES_BOOT], struct wm_err *err)
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char text[64];
	ssize_t n;

	if (fd < 0)
		return wm_fail_errno(err, errno, "boot ID");
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return wm_fail(err, WM_INTERNAL, "boot ID: cannot be read");
	text[n] = '\0';
	(void)wm_str_copy(out, WM_NOTES_BOOT, wm_str_trim(text));
	return 0;
}

/* The notes that another process, dead or alive, has on the family in this network; or NULL. */
static const struct wm_shelf_entry *find_other(const struct wm_shelf_list *l,
					       const struct wm_notes *self,
					       enum wm_forwarding family, bool only_alive)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct wm_shelf_entry *e = &l->entries[i];

		if (e->notes.net == self->net && wm_streq(e->notes.boot, self->boot) &&
		    !wm_streq(e->notes.name, self->name) && (e->is_alive || !only_alive) &&
		    wm_notes_has_family(&e->notes, family))
			return e;
	}
	return NULL;
}

/* Restores a family, or leaves it to a living process that needs it as well. */
static int give_back(const struct wm_shelf_list *l, struct wm_notes *n, enum wm_forwarding family,
		     struct wm_err *err)
{
	if (!wm_notes_has_family(n, family))
		return 0;
	if (find_other(l, n, family, true) == NULL)
		return wm_undo_family(n, family, err);
	wm_notes_drop_family(n, family);
	return 0;
}

static int give_all_back(struct wm_net *net, const struct wm_shelf_list *l, struct wm_notes *n,
			 struct wm_err *err)
{
	int code = wm_undo_links(net, n, err);

	for (size_t i = 0; i < WM_ARRAY_LEN(families); i++) {
		struct wm_err why;

		if (give_back(l, n, families[i], &why) != 0 && code == 0)
			code = wm_err_copy(err, &why);
	}
	return code;
}

/* ---- what crashes have left ---- */

static void recover_one(struct wm_journal *j, const struct wm_shelf_list *l,
			struct wm_shelf_entry *e)
{
	bool is_void = !wm_streq(e->notes.boot, j->notes.boot);
	struct wm_err err;
	int fd = -1;

	if (e->is_alive || (!is_void && e->notes.net != j->notes.net))
		return;
	if (is_void) {
		(void)unlinkat(j->shelf.dir, e->file, 0);
		return;
	}
	if (give_all_back(j->net, l, &e->notes, &err) == 0)
		wm_info(j->log, "fabric.recovered", "name=%s", e->notes.name);
	else
		wm_warn(j->log, "fabric.recovery_failed", "name=%s error=\"%s\"", e->notes.name,
			err.text);
	/* What is left stays; if it bears our name it is ours to try again. */
	if (wm_shelf_put(&j->shelf, &e->notes, &fd, &err) != 0)
		wm_warn(j->log, "fabric.recovery_failed", "name=%s error=\"%s\"", e->notes.name,
			err.text);
	if (wm_streq(e->notes.name, j->notes.name)) {
		wm_notes_fini(&j->notes);
		j->notes = e->notes;
		memset(&e->notes, 0, sizeof(e->notes));
		j->fd = fd;
	} else if (fd >= 0) {
		close(fd);
	}
}

static int recover(struct wm_journal *j, struct wm_err *err)
{
	char file[WM_SHELF_FILE];
	struct wm_shelf_list l;
	unsigned bad;
	int code = wm_shelf_lock(&j->shelf, err);

	if (code != 0)
		return code;
	code = wm_shelf_list(&j->shelf, &l, &bad, err);
	if (code == 0 && bad > 0)
		wm_warn(j->log, "fabric.journal_bad", "folder=%s count=%u", j->shelf.path, bad);
	wm_shelf_file_name(&j->notes, file);
	for (size_t i = 0; code == 0 && i < l.n; i++)
		if (l.entries[i].is_alive && wm_streq(l.entries[i].file, file))
			code = wm_fail(err, WM_ALREADY_EXISTS,
				       "journal of %s: a running process holds it", j->notes.name);
	for (size_t i = 0; code == 0 && i < l.n; i++)
		recover_one(j, &l, &l.entries[i]);
	wm_shelf_list_fini(&l);
	wm_shelf_unlock(&j->shelf);
	return code;
}

int wm_journal_open(struct wm_net *net, struct wm_log *log, const char *dir, const char *name,
		    struct wm_journal **out, struct wm_err *err)
{
	struct wm_journal *j = wm_alloc(sizeof(*j));
	int code;

	j->net = net;
	j->log = log;
	j->fd = -1;
	j->notes.net = wm_net_id(net);
	(void)wm_str_copy(j->notes.name, sizeof(j->notes.name), name);
	code = wm_shelf_open(&j->shelf, dir, err);
	if (code == 0)
		code = read_boot_id(j->notes.boot, err);
	if (code == 0)
		code = recover(j, err);
	if (code != 0) {
		wm_shelf_close(&j->shelf);
		wm_notes_fini(&j->notes);
		wm_free(j);
		return code;
	}
	*out = j;
	return 0;
}

int wm_journal_sweep(struct wm_log *log, const char *dir, struct wm_err *err)
{
	struct wm_journal *j;
	struct wm_net *net;
	int code = wm_net_open(&net, err);

	if (code != 0)
		return code;
	code = wm_journal_open(net, log, dir, NOBODY, &j, err);
	if (code == 0)
		code = wm_journal_close(j, err);
	wm_net_close(net);
	return code;
}

/* ---- living ---- */

/* Takes the lock and reads what the others have noted. */
static int begin(struct wm_journal *j, struct wm_shelf_list *l, struct wm_err *err)
{
	unsigned bad;
	int code = wm_shelf_lock(&j->shelf, err);

	if (code != 0)
		return code;
	code = wm_shelf_list(&j->shelf, l, &bad, err);
	if (code != 0)
		wm_shelf_unlock(&j->shelf);
	return code;
}

static void end(struct wm_journal *j, struct wm_shelf_list *l)
{
	wm_shelf_list_fini(l);
	wm_shelf_unlock(&j->shelf);
}

/* Writes the notes and keeps the first error of @code and the writing. */
static int put(struct wm_journal *j, int code, struct wm_err *err)
{
	struct wm_err why;
	int rc = wm_shelf_put(&j->shelf, &j->notes, &j->fd, &why);

	return code != 0 || rc == 0 ? code : wm_err_copy(err, &why);
}

/* Copies what another process has noted, when it was that one that turned forwarding on. */
static void share(struct wm_journal *j, const struct wm_shelf_list *l, enum wm_forwarding family)
{
	const struct wm_shelf_entry *e = find_other(l, &j->notes, family, false);

	for (size_t i = 0; e != NULL && i < e->notes.settings.n; i++)
		if (wm_notes_is_of(&e->notes.settings.items[i], family))
			wm_notes_add_setting(&j->notes, &e->notes.settings.items[i]);
}

/* From last to first, as wm_forwarding_plan wants it. */
static int set_all(const struct wm_sysctl_list *plan, struct wm_err *err)
{
	for (size_t i = plan->n; i-- > 0;) {
		const struct wm_sysctl *s = &plan->items[i];
		int code = 0;

		if (!wm_streq(s->old, s->ours))
			code = wm_sysctl_set(s->name, s->ours, err);
		if (code != 0 && code != WM_NOT_FOUND)
			return code;
		if (code == WM_NOT_FOUND && i == 0)
			return code; /* an interface may go, the switch may not */
	}
	return 0;
}

static int forward(struct wm_journal *j, const struct wm_shelf_list *l, enum wm_forwarding family,
		   struct wm_err *err)
{
	struct wm_sysctl_list plan = {0};
	int code = wm_forwarding_plan(j->net, family, &plan, err);

	if (code == 0 && plan.n == 0)
		share(j, l, family);
	for (size_t i = 0; code == 0 && i < plan.n; i++)
		wm_notes_add_setting(&j->notes, &plan.items[i]);
	if (code == 0 && wm_notes_has_family(&j->notes, family)) {
		code = put(j, 0, err);
		if (code == 0)
			code = set_all(&plan, err);
		if (code != 0) {
			(void)wm_undo_family(&j->notes, family, NULL);
			(void)put(j, code, NULL);
		}
	}
	wm_sysctl_list_fini(&plan);
	return code;
}

int wm_journal_forward(struct wm_journal *j, enum wm_forwarding family, struct wm_err *err)
{
	struct wm_shelf_list l;
	int code;

	if (wm_notes_has_family(&j->notes, family))
		return 0;
	code = begin(j, &l, err);
	if (code != 0)
		return code;
	code = forward(j, &l, family, err);
	end(j, &l);
	return code;
}

int wm_journal_unforward(struct wm_journal *j, enum wm_forwarding family, struct wm_err *err)
{
	struct wm_shelf_list l;
	int code;

	if (!wm_notes_has_family(&j->notes, family))
		return 0;
	code = begin(j, &l, err);
	if (code != 0)
		return code;
	code = put(j, give_back(&l, &j->notes, family, err), err);
	end(j, &l);
	return code;
}

static int note(struct wm_journal *j, struct wm_err *err)
{
	int code = wm_shelf_lock(&j->shelf, err);

	if (code != 0)
		return code;
	code = put(j, 0, err);
	wm_shelf_unlock(&j->shelf);
	return code;
}

int wm_journal_note_link(struct wm_journal *j, unsigned link, const char *name, struct wm_err *err)
{
	int code;

	j->notes.link = link;
	(void)wm_str_copy(j->notes.link_name, sizeof(j->notes.link_name), name);
	code = note(j, err);
	if (code != 0)
		j->notes.link = 0;
	return code;
}

int wm_journal_note_route(struct wm_journal *j, const struct wm_route *r, struct wm_err *err)
{
	int code;

	wm_notes_add_route(&j->notes, r);
	code = note(j, err);
	if (code != 0)
		j->notes.routes.n--;
	return code;
}

int wm_journal_close(struct wm_journal *j, struct wm_err *err)
{
	struct wm_shelf_list l;
	int code = 0;

	if (j == NULL)
		return 0;
	if (!wm_notes_is_empty(&j->notes)) {
		code = begin(j, &l, err);
		if (code == 0) {
			code = put(j, give_all_back(j->net, &l, &j->notes, err), err);
			end(j, &l);
		}
	}
	if (j->fd >= 0)
		close(j->fd);
	wm_shelf_close(&j->shelf);
	wm_notes_fini(&j->notes);
	wm_free(j);
	return code;
}
