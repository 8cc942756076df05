/*
 * One thread reports; another that crashes meanwhile waits for the end, and a fault inside the
 * report ends the process with what was written. A report that hangs, since the crash has left a
 * lock behind that the unwinder wants, is ended by an alarm; what is surest is therefore written
 * first, and into the file before standard error, whose reader may hang too.
 */
#include "platform/crash.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/mem.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/version.h"
#include "platform/linux/calls.h"
#include "platform/linux/last_words.h"

#define PATIENCE_S 10

static const struct {
	int number;
	const char *name;
} faults[] = {
	{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"},
	{SIGABRT, "SIGABRT"}, {SIGTRAP, "SIGTRAP"}, {SIGSYS, "SIGSYS"},
};

static const char *program;
static char folder[PATH_MAX];
static _Atomic(const struct wm_log *) log_of;
static atomic_int reporter; /* the thread that reports; 0 = none yet */

/* ---- the parts of a report ---- */

static void add_line(struct wm_last_words *w, const char *name)
{
	wm_last_words_add(w, "\n");
	wm_last_words_add(w, name);
	wm_last_words_add(w, ": ");
}

static const char *reason_of(const siginfo_t *info)
{
	if (info->si_code <= 0)
		return "sent by process";
	if (info->si_signo == SIGSEGV && info->si_code == SEGV_MAPERR)
		return "nothing is mapped there";
	if (info->si_signo == SIGSEGV && info->si_code == SEGV_ACCERR)
		return "not allowed there";
	if (info->si_signo == SIGFPE && info->si_code == FPE_INTDIV)
		return "division by zero";
	return "by the CPU or the kernel";
}

static void add_signal(struct wm_last_words *w, const siginfo_t *info)
{
	const char *name = "";

	for (size_t i = 0; i < WM_ARRAY_LEN(faults); i++)
		if (faults[i].number == info->si_signo)
			name = faults[i].name;
	add_line(w, "signal");
	wm_last_words_add(w, name);
	wm_last_words_add(w, ", ");
	wm_last_words_add(w, reason_of(info));
	if (info->si_code <= 0) {
		wm_last_words_add(w, " ");
		wm_last_words_add_number(w, (uint64_t)info->si_pid, 10, 1);
	} else {
		add_line(w, "address");
		wm_last_words_add_number(w, (uintptr_t)info->si_addr, 16, 1);
	}
}

static void add_head(struct wm_last_words *w, const siginfo_t *info,
		     const struct wm_calls_place *at)
{
	char thread[WM_THREAD_NAME + 1] = "";
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	prctl(PR_GET_NAME, thread);
	wm_last_words_add(w, "\n");
	wm_last_words_add(w, program);
	wm_last_words_add(w, " has crashed\nversion: ");
	wm_last_words_add(w, wm_version_text());
	wm_last_words_add(w, ", commit ");
	wm_last_words_add(w, wm_version_commit());
	add_line(w, "time");
	wm_last_words_add_time(w, now.tv_sec, 0);
	add_signal(w, info);
	add_line(w, "process");
	wm_last_words_add_number(w, (uint64_t)getpid(), 10, 1);
	add_line(w, "thread");
	wm_last_words_add_number(w, (uint64_t)gettid(), 10, 1);
	wm_last_words_add(w, " ");
	wm_last_words_add_n(w, thread, strlen(thread));
	add_line(w, "registers");
	wm_last_words_add(w, "pc ");
	wm_last_words_add_number(w, at->pc, 16, 1);
	wm_last_words_add(w, " sp ");
	wm_last_words_add_number(w, at->sp, 16, 1);
	wm_last_words_add(w, " fp ");
	wm_last_words_add_number(w, at->fp, 16, 1);
	wm_last_words_add(w, "\n");
	wm_last_words_flush(w);
}

static void add_log(struct wm_last_words *w)
{
	const struct wm_log *log = atomic_load(&log_of);
	char line[WM_LOG_RECENT_LINE];

	wm_last_words_add(w, "last lines of the log:\n");
	for (unsigned i = 0; log != NULL && i < WM_LOG_RECENT; i++) {
		size_t n = wm_log_recent(log, i, line);

		if (n == 0)
			continue;
		wm_last_words_add(w, "  ");
		wm_last_words_add_n(w, line, n);
		wm_last_words_add(w, "\n");
	}
	wm_last_words_flush(w);
}

/* ---- the file ---- */

static void make_folder(void)
{
	for (char *slash = folder; (slash = strchr(slash + 1, '/')) != NULL;) {
		*slash = '\0';
		mkdir(folder, 0755);
		*slash = '/';
	}
	mkdir(folder, 0700);
}

/* "<folder>/<program>.crash.<time>.<process>.new", which loses its end once it was told of. */
static int open_file(struct wm_last_words *name)
{
	struct timespec now;

	*name = (struct wm_last_words){.fds = {-1, -1}};
	if (folder[0] == '\0')
		return -1;
	make_folder();
	clock_gettime(CLOCK_REALTIME, &now);
	wm_last_words_add(name, folder);
	wm_last_words_add(name, "/");
	wm_last_words_add(name, program);
	wm_last_words_add(name, ".crash.");
	wm_last_words_add_time(name, now.tv_sec, 1);
	wm_last_words_add(name, ".");
	wm_last_words_add_number(name, (uint64_t)getpid(), 10, 1);
	wm_last_words_add(name, ".new");
	if (name->n >= sizeof(name->text) - 1)
		return -1;
	name->text[name->n] = '\0';
	return open(name->text, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* ---- the handler ---- */

static void restore_defaults(void)
{
	for (size_t i = 0; i < WM_ARRAY_LEN(faults); i++)
		signal(faults[i].number, SIG_DFL);
}

static void set_alarm(void)
{
	sigset_t alarms;

	signal(SIGALRM, SIG_DFL);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
	alarm(PATIENCE_S);
}

static void report(const siginfo_t *info, const void *context)
{
	struct wm_calls_place at = wm_calls_place(context);
	struct wm_last_words name, w = {.fds = {open_file(&name), STDERR_FILENO}};

	add_head(&w, info, &at);
	add_log(&w);
	wm_calls_add(&w, &at);
	if (w.fds[0] >= 0) {
		close(w.fds[0]);
		w.fds[0] = -1;
		wm_last_words_add(&w, "this report is kept in ");
		wm_last_words_add(&w, name.text);
		wm_last_words_add(&w, "\n");
		wm_last_words_flush(&w);
	}
}

static void on_fault(int signum, siginfo_t *info, void *context)
{
	int nobody = 0, self = gettid();

	if (atomic_compare_exchange_strong(&reporter, &nobody, self)) {
		set_alarm();
		report(info, context);
	} else if (nobody != self) {
		for (;;)
			pause(); /* the other one ends us both */
	}
	restore_defaults();
	raise(signum); /* takes effect on return */
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

static void install_handler(void)
{
#ifndef HAS_SANITIZER
	struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	sigfillset(&act.sa_mask);
	for (size_t i = 0; i < WM_ARRAY_LEN(faults); i++) {
		sigdelset(&act.sa_mask, faults[i].number); /* one inside the report ends it */
		sigaction(faults[i].number, &act, NULL);
	}
#else
	(void)on_fault;
#endif
}

/* ---- the program's side ---- */

void wm_crash_install(const char *name)
{
	program = name;
	wm_thread_guard_main();
	wm_calls_prepare();
	install_handler();
}

void wm_crash_set_folder(const char *path)
{
	char here[PATH_MAX];

	folder[0] = '\0';
	if (wm_str_is_empty(path))
		return;
	if (path[0] == '/')
		wm_str_copy(folder, sizeof(folder), path);
	else if (getcwd(here, sizeof(here)) == NULL ||
		 snprintf(folder, sizeof(folder), "%s/%s", here, path) >= (int)sizeof(folder))
		folder[0] = '\0';
}

void wm_crash_set_log(const struct wm_log *log)
{
	atomic_store(&log_of, log);
}

/* A limit of 0 would still let a pipe of the system's have it; at 1 the kernel does neither. */
void wm_crash_forbid_core(void)
{
	const struct rlimit none = {.rlim_cur = 1, .rlim_max = 1};
	const struct rlimit nothing = {.rlim_cur = 0, .rlim_max = 0};

	if (setrlimit(RLIMIT_CORE, &none) != 0)
		(void)setrlimit(RLIMIT_CORE, &nothing); /* to lower a limit is always allowed */
#ifndef HAS_SANITIZER
	(void)prctl(PR_SET_DUMPABLE, 0);
#endif
}
