/*
 * The module is loaded by modprobe, which knows what it needs and where it lies, and which obeys
 * what the host's owner has forbidden.
 */
#include "platform/wgdev.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fcntl.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"

#define PATIENCE (10 * WM_NS_PER_S)

static const char *find_tool(void)
{
	static const char *const places[] = {"/sbin/modprobe", "/usr/sbin/modprobe",
					     "/bin/modprobe"};

	for (size_t i = 0; i < WM_ARRAY_LEN(places); i++)
		if (access(places[i], X_OK) == 0)
			return places[i];
	return NULL;
}

static int start(const char *tool, int words, pid_t *pid)
{
	char *const argv[] = {(char *)(uintptr_t)tool, (char *)(uintptr_t)"wireguard", NULL};
	char *const env[] = {NULL};
	posix_spawn_file_actions_t actions;
	int sys = posix_spawn_file_actions_init(&actions);

	if (sys != 0)
		return sys;
	sys = posix_spawn_file_actions_adddup2(&actions, words, STDERR_FILENO);
	if (sys == 0)
		sys = posix_spawn(pid, tool, &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return sys;
}

/* What it says until it ends, at most until @deadline; false when it does not. */
static bool listen_to(int words, int64_t deadline, char *said, size_t size)
{
	size_t used = 0;

	for (;;) {
		int64_t left = (deadline - wm_clock_now()) / WM_NS_PER_MS;
		struct pollfd p = {.fd = words, .events = POLLIN};
		char rest[256];
		ssize_t n;

		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return false;
		n = read(words, rest, sizeof(rest));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return true;
		for (ssize_t i = 0; i < n && used + 1 < size; i++)
			said[used++] = rest[i] == '\n' ? ' ' : rest[i];
		said[used] = '\0';
	}
}

static int wait_for(pid_t pid, const char *tool, int words, struct wm_err *err)
{
	char said[200] = "";
	bool is_over = listen_to(words, wm_clock_now() + PATIENCE, said, sizeof(said));
	int status = 0;

	if (!is_over)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	if (!is_over)
		return wm_fail(err, WM_UNAVAILABLE, "%s wireguard: not done after 10 s", tool);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return wm_fail(err, WM_UNAVAILABLE, "%s wireguard: %s", tool,
		       said[0] != '\0' ? wm_str_trim(said) : "it failed");
}

int wm_wgdev_load(struct wm_err *err)
{
	const char *tool = find_tool();
	int words[2], sys, code;
	pid_t pid;

	if (access("/sys/module/wireguard", F_OK) == 0)
		return 0;
	if (tool == NULL)
		return wm_fail(err, WM_UNAVAILABLE, "this host has no modprobe");
	if (pipe2(words, O_CLOEXEC) != 0)
		return wm_fail_errno(err, errno, "pipe");
	sys = start(tool, words[1], &pid);
	close(words[1]);
	code = sys != 0 ? wm_fail_errno(err, sys, "%s", tool) : wait_for(pid, tool, words[0], err);
	close(words[0]);
	return code;
}
