#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#ifdef __FreeBSD__
#include <pthread_np.h>
#endif

#include "base/mem.h"
#include "base/str.h"

#define SECOND_STACK (64u * 1024) /* for the unwinder, and the registers of the widest CPU */

struct start {
	char name[WM_THREAD_NAME];
	void *(*run)(void *arg);
	void *arg;
};

void wm_thread_set_name(const char *name)
{
	char cut[WM_THREAD_NAME];

	wm_str_copy(cut, sizeof(cut), name);
#if defined(__APPLE__)
	pthread_setname_np(cut);
#else
	pthread_setname_np(pthread_self(), cut);
#endif
}

void wm_thread_get_name(char out[WM_THREAD_NAME])
{
	if (pthread_getname_np(pthread_self(), out, WM_THREAD_NAME) != 0)
		out[0] = '\0';
}

#ifdef _WIN32 /* no signals, so no stack for them */

static void *guard(void)
{
	return NULL;
}

static void unguard(void *stack)
{
}

void wm_thread_guard_main(void)
{
}

static int create(pthread_t *out, const pthread_attr_t *attr, struct start *s, void *(*run)(void *))
{
	return pthread_create(out, attr, run, s);
}

#else

/* A sanitizer has given the thread one of its own, for its own reports. */
static bool is_guarded(void)
{
	stack_t now;

	return sigaltstack(NULL, &now) != 0 || (now.ss_flags & SS_DISABLE) == 0;
}

static void use(void *memory)
{
	stack_t second = {.ss_sp = memory, .ss_size = SECOND_STACK};

	(void)sigaltstack(&second, NULL);
}

static void *guard(void)
{
	void *stack = NULL;

	if (!is_guarded()) {
		stack = wm_alloc(SECOND_STACK);
		use(stack);
	}
	return stack;
}

static void unguard(void *stack)
{
	stack_t none = {.ss_flags = SS_DISABLE};

	if (stack != NULL)
		(void)sigaltstack(&none, NULL);
	wm_free(stack);
}

void wm_thread_guard_main(void)
{
	static _Alignas(16) char stack[SECOND_STACK];

	if (!is_guarded())
		use(stack);
}

/* Signals are the main thread's; but a fault whose signal is blocked ends the process unreported.
 */
static int create(pthread_t *out, const pthread_attr_t *attr, struct start *s, void *(*run)(void *))
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
	sigset_t blocked, before;

	sigfillset(&blocked);
	for (size_t i = 0; i < WM_ARRAY_LEN(faults); i++)
		sigdelset(&blocked, faults[i]);
	pthread_sigmask(SIG_SETMASK, &blocked, &before);
	int sys = pthread_create(out, attr, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return sys;
}

#endif

static void *begin(void *arg)
{
	struct start s = *(struct start *)arg;

	wm_free(arg);
	wm_thread_set_name(s.name);
	void *stack = guard();
	void *result = s.run(s.arg);
	unguard(stack);
	return result;
}

int wm_thread_start(pthread_t *out, const char *name, size_t stack, void *(*run)(void *arg),
		    void *arg, struct wm_err *err)
{
	struct start *s = wm_alloc(sizeof(*s));
	pthread_attr_t attr;

	wm_str_copy(s->name, sizeof(s->name), name);
	s->run = run;
	s->arg = arg;
	pthread_attr_init(&attr);
	if (stack != 0)
		pthread_attr_setstacksize(&attr, stack);
	int sys = create(out, &attr, s, begin);
	pthread_attr_destroy(&attr);
	if (sys == 0)
		return 0;
	wm_free(s);
	return wm_fail_errno(err, sys, "start the thread %s", name);
}
