/* From /proc/self: proc(5). */
#include "platform/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first two numbers of statm are all pages and the resident ones. */
static void ask_memory(struct wm_process_usage *out)
{
	char text[128];
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return;
	char *at = text;
	text[n] = '\0';
	out->virtual_bytes = strtoull(at, &at, 10) * page;
	out->resident_bytes = strtoull(at, NULL, 10) * page;
}

/* Without ".", ".." and the one that reads. */
static uint64_t count_files(void)
{
	DIR *d = opendir("/proc/self/fd");
	uint64_t n = 0;
	if (d == NULL)
		return 0;
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n > 3 ? n - 3 : 0;
}

/* From Linux 6.2 on the size of the folder is their number. */
static uint64_t ask_files(void)
{
	struct stat st;
	if (stat("/proc/self/fd", &st) == 0 && st.st_size > 0)
		return (uint64_t)st.st_size;
	return count_files();
}

void wm_process_usage(struct wm_process_usage *out)
{
	struct rlimit files;
	memset(out, 0, sizeof(*out));
	ask_memory(out);
	out->open_files = ask_files();
	if (getrlimit(RLIMIT_NOFILE, &files) == 0)
		out->max_files = files.rlim_cur;
}
