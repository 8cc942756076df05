#include "platform/linux/calls.h"
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>
#if __has_include(<execinfo.h>)
#include <execinfo.h>
#define HAS_UNWINDER 1
#endif
#include "platform/linux/symbols.h"

#define FRAMES 64

/* Some C libraries have no unwinder; frame pointers then lead through our own code. */
static int unwind(void **frames, int n)
{
#ifdef HAS_UNWINDER
	return backtrace(frames, n);
#else
	return 0;
#endif
}

void wm_calls_prepare(void)
{
	void *frame[1];

	wm_symbols_open();
	(void)unwind(frame, 1); /* loads what it needs */
}

struct wm_calls_place wm_calls_place(const void *context)
{
	const ucontext_t *u = context;

#if defined(__x86_64__)
	const greg_t *r = u->uc_mcontext.gregs;

	return (struct wm_calls_place){(uintptr_t)r[REG_RIP], (uintptr_t)r[REG_RSP],
				       (uintptr_t)r[REG_RBP], 0};
#elif defined(__aarch64__)
	const mcontext_t *m = &u->uc_mcontext;

	return (struct wm_calls_place){m->pc, m->sp, m->regs[29], m->regs[30]};
#else
	return (struct wm_calls_place){0};
#endif
}

/* ---- which file an address belongs to ---- */

/* The next hexadecimal number of the text, behind which @p stands afterwards. */
static uintptr_t take_hex(const char **p)
{
	uintptr_t value = 0;

	for (;; (*p)++) {
		char c = **p;
		if (c >= '0' && c <= '9')
			value = value * 16 + (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value * 16 + (uintptr_t)(c - 'a' + 10);
		else
			return value;
	}
}

/* A line of /proc/self/maps: "start-end rwxp offset device inode   path". */
static bool covers(const char *line, uintptr_t address, struct wm_last_words *w)
{
	const char *p = line, *name;
	uintptr_t start = take_hex(&p), end, offset;

	p += *p == '-';
	end = take_hex(&p);
	if (address < start || address >= end)
		return false;
	p += strlen(p) > 6 ? 6 : strlen(p);
	offset = take_hex(&p);
	name = strrchr(p, '/');
	name = name != NULL ? name + 1 : "?";
	wm_last_words_add_n(w, name, strlen(name));
	wm_last_words_add(w, "+");
	wm_last_words_add_number(w, address - start + offset, 16, 1);
	return true;
}

static void add_module(struct wm_last_words *w, uintptr_t address)
{
	char line[512], block[512];
	size_t len = 0;
	ssize_t n;
	bool found = false;
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && !found && (n = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n && !found; i++) {
			if (block[i] != '\n') {
				if (len < sizeof(line) - 1)
					line[len++] = block[i];
				continue;
			}
			line[len] = '\0';
			len = 0;
			found = covers(line, address, w);
		}
	}
	if (fd >= 0)
		close(fd);
}

static void add_frame(struct wm_last_words *w, unsigned number, uintptr_t address)
{
	uintptr_t offset = 0;
	/* A return address may be the first byte behind a function that never returns. */
	const char *name = wm_symbols_find(number == 0 ? address : address - 1, &offset);

	wm_last_words_add(w, number < 10 ? "   #" : "  #");
	wm_last_words_add_number(w, number, 10, 1);
	wm_last_words_add(w, " ");
	wm_last_words_add_number(w, address, 16, 1);
	if (name != NULL) {
		wm_last_words_add(w, " ");
		wm_last_words_add(w, name);
		wm_last_words_add(w, "+");
		wm_last_words_add_number(w, offset + (number != 0), 16, 1);
	}
	wm_last_words_add(w, " (");
	add_module(w, address);
	wm_last_words_add(w, ")\n");
	wm_last_words_flush(w);
}

/* Reads two words of this process if they are there. */
static bool peek(uintptr_t at, uintptr_t words[2])
{
	struct iovec to = {words, 2 * sizeof(*words)}, from = {(void *)at, 2 * sizeof(*words)};

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)to.iov_len;
}

/*
 * A jump to where there is no code leaves the unwinder nothing to start from. But the caller is
 * known, on top of the stack or in a register, and those above it by their frame pointers.
 */
static void add_calls_by_frames(struct wm_last_words *w, const struct wm_calls_place *at)
{
	uintptr_t words[2], caller = at->caller, fp = at->fp;
	unsigned n = 1;

	add_frame(w, 0, at->pc);
	if (caller == 0 && peek(at->sp, words))
		caller = words[0];
	if (caller != 0)
		add_frame(w, n++, caller);
	while (n < FRAMES && peek(fp, words) && words[0] > fp && words[1] != 0) {
		add_frame(w, n++, words[1]);
		fp = words[0];
	}
}

/* The handler's own frames come first: it begins where the fault was. */
void wm_calls_add(struct wm_last_words *w, const struct wm_calls_place *at)
{
	void *frames[FRAMES];
	int n, first = -1;

	wm_last_words_add(w, "calls, the last one first:\n");
	wm_last_words_flush(w);
	n = unwind(frames, FRAMES);
	for (int i = 0; i < n; i++)
		if ((uintptr_t)frames[i] == at->pc)
			first = i;
	if (first < 0 || first == n - 1)
		return add_calls_by_frames(w, at);
	for (int i = first; i < n; i++)
		add_frame(w, (unsigned)(i - first), (uintptr_t)frames[i]);
}
