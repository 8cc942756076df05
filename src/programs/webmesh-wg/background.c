#include "programs/webmesh-wg/background.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOWHERE "/dev/null"

/* True when the byte came; false when the other end was closed without it. */
static bool await_byte(int fd)
{
	char byte;
	ssize_t n;
	do {
		n = read(fd, &byte, 1);
	} while (n < 0 && errno == EINTR);
	return n == 1;
}

static int await_end(pid_t child, int *status, struct wm_err *err)
{
	int how;
	while (waitpid(child, &how, 0) < 0)
		if (errno != EINTR)
			return wm_fail_errno(err, errno, "wait for the background process");
	if (WIFSIGNALED(how))
		return wm_fail(err, WM_ABORTED, "the background process was ended by signal %d",
			       WTERMSIG(how));
	/* It ended before it was ready, so success it was not. */
	*status = WEXITSTATUS(how) != 0 ? WEXITSTATUS(how) : 1;
	return 1;
}

static int wait_in_front(pid_t child, int ready, int *status, struct wm_err *err)
{
	bool is_ready = await_byte(ready);
	close(ready);
	*status = 0;
	return is_ready ? 1 : await_end(child, status, err);
}

int wm_background_fork(int *ready, int *status, struct wm_err *err)
{
	int ends[2];
	closefrom(STDERR_FILENO +
		  1); /* a lock of the caller's would be held for as long as we live */
	if (pipe2(ends, O_CLOEXEC) != 0)
		return wm_fail_errno(err, errno, "open a pipe");
	pid_t child = fork();
	int sys = errno;
	if (child == 0) {
		close(ends[0]);
		*ready = ends[1];
		return 0;
	}
	close(ends[1]);
	if (child > 0)
		return wait_in_front(child, ends[0], status, err);
	close(ends[0]);
	return wm_fail_errno(err, sys, "start a background process");
}

static bool let_go_of_stdio(bool keeps_output)
{
	int fd = open(NOWHERE, O_RDWR | O_CLOEXEC);
	bool ok = fd >= 0 && dup2(fd, STDIN_FILENO) >= 0;
	if (ok && !keeps_output)
		ok = dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0;
	if (fd > STDERR_FILENO)
		close(fd);
	return ok;
}

int wm_background_detach(int ready, bool keeps_output, struct wm_err *err)
{
	int rc = 0;
	if (setsid() < 0)
		rc = wm_fail_errno(err, errno, "leave the terminal");
	else if (chdir("/") != 0)
		rc = wm_fail_errno(err, errno, "leave the folder");
	else if (!let_go_of_stdio(keeps_output) || write(ready, "", 1) != 1)
		rc = wm_fail_errno(err, errno, "go to the background");
	close(ready);
	return rc;
}
