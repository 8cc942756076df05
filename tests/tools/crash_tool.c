/*
 * Crashes in the way that it is told, for tests of platform/crash.h: crash_tool WAY FOLDER. Built
 * with a sanitizer it shows that sanitizer's report.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "platform/crash.h"

static struct wm_log *out_log;
static volatile int zero;
static int *volatile nowhere = (int *)16;

static void crash_segv(void)
{
	*nowhere = 1;
}

static void crash_bus(void)
{
	FILE *f = tmpfile();
	volatile char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(f), 0);
	(void)p[0];
}

static void crash_fpe(void)
{
#if defined(__x86_64__)
	zero = 100 / zero;
#else
	raise(SIGFPE);
#endif
}

static void crash_ill(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	raise(SIGILL);
#endif
}

static void crash_overflow(void)
{
	volatile char page[4096];
	memset((char *)(uintptr_t)page, zero, sizeof(page));
	if (zero == 0)
		crash_overflow();
	page[0] = 1; /* not the last thing that is done, so no loop can be made of it */
}

static void crash_wild_call(void)
{
	void (*volatile call)(void) = NULL;
	call();
}

static void *in_thread(void *arg)
{
	void (*const *crash)(void) = arg;
	(*crash)();
	return NULL;
}

static void crash_in_thread(void (*crash)(void))
{
	struct wm_err err;
	pthread_t t;
	if (wm_thread_start(&t, "wg-worker-7", 0, in_thread, &crash, &err) == 0)
		pthread_join(t, NULL);
}

static void crash_thread(void)
{
	crash_in_thread(crash_segv);
}

static void crash_thread_overflow(void)
{
	crash_in_thread(crash_overflow);
}

/* All at the same time: one reports. */
static void crash_many(void)
{
	static void (*crash)(void) = crash_segv;
	struct wm_err err;
	pthread_t t[8];
	for (unsigned i = 0; i < WM_ARRAY_LEN(t); i++)
		if (wm_thread_start(&t[i], "many", 0, in_thread, &crash, &err) != 0)
			return;
	for (unsigned i = 0; i < WM_ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
}

static void wait_for_a_signal(void)
{
	for (;;)
		pause();
}

static const struct {
	const char *name;
	void (*crash)(void);
} ways[] = {
	{"segv", crash_segv},
	{"bus", crash_bus},
	{"fpe", crash_fpe},
	{"ill", crash_ill},
	{"abort", abort},
	{"overflow", crash_overflow},
	{"wild-call", crash_wild_call},
	{"thread", crash_thread},
	{"thread-overflow", crash_thread_overflow},
	{"many", crash_many},
	{"wait", wait_for_a_signal},
};

static void print_path(void *arg, const char *path)
{
	printf("%s\n", path);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	wm_crash_install("crash_tool");
	wm_crash_forbid_core();
	wm_crash_set_folder(argv[2]);
	wm_crash_collect("crash_tool", argv[2], print_path, NULL);
	fflush(stdout);
	out_log = wm_log_new(-1, WM_LOG_INFO, WM_LOG_TEXT);
	wm_crash_set_log(out_log);
	for (int i = 0; i < 40; i++)
		wm_info(out_log, "before.crash", "number=%d", i);
	for (size_t i = 0; i < WM_ARRAY_LEN(ways); i++)
		if (strcmp(ways[i].name, argv[1]) == 0)
			ways[i].crash();
	wm_crash_set_log(NULL);
	wm_log_free(out_log);
	return 0;
}
