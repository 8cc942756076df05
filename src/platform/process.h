#pragma once
/* What this process takes of the host, as the system tells it. Loop thread or any other. */
#include <stdint.h>

/* 0 where the system does not say. */
struct wm_process_usage {
	uint64_t resident_bytes, virtual_bytes;
	uint64_t open_files, max_files; /* descriptors */
};

/* Asks the system; some tens of microseconds, more where descriptors have to be counted. */
void wm_process_usage(struct wm_process_usage *out);
