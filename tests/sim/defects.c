/*
 * sim_defects [--seeds N]: the simulator must find mistakes. Each of these is planted in turn, in
 * the machine or in what is around it, and has to be found within N seeds (1000); and without any
 * the same seeds must pass. Each runs in a process of its own, for some end in an abort of libraft,
 * which is as good a find.
 */
#include "base/mem.h"
#include "cluster/machine_impl.h"
#include "sim.h"
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PASS 40 /* seeds that pass before anything is planted */

static const struct {
	const char *name;
	enum sim_defect around;
	enum wm_defect inside;
} defects[] = {
	{"a vote is not synced", SIM_DEFECT_VOTE_UNSYNCED, WM_DEFECT_NONE},
	{"entries are not synced", SIM_DEFECT_LOG_UNSYNCED, WM_DEFECT_NONE},
	{"writes are acknowledged when proposed", SIM_DEFECT_ACK_EARLY, WM_DEFECT_NONE},
	{"a log is overwritten and not cut", SIM_DEFECT_KEEP_TAIL, WM_DEFECT_NONE},
	{"a snapshot does not drop the log", SIM_DEFECT_KEEP_LOG, WM_DEFECT_NONE},
	{"the applied index is not kept with the state", SIM_DEFECT_APPLY_TWICE, WM_DEFECT_NONE},
	{"a member that lost its disk keeps its ID", SIM_DEFECT_SAME_ID, WM_DEFECT_NONE},
	{"votes leave before they are durable", SIM_DEFECT_NONE, WM_DEFECT_EARLY_VOTE},
	{"committed configurations are not told", SIM_DEFECT_NONE, WM_DEFECT_NO_CONFIGURATION},
	{"a change may stand anywhere in a message", SIM_DEFECT_NONE, WM_DEFECT_NO_SPLIT},
	{"a leader reads without asking", SIM_DEFECT_NONE, WM_DEFECT_NO_ROUND},
	{"a new leader reads before its first commit", SIM_DEFECT_NONE, WM_DEFECT_READ_UNCOMMITTED},
};

/* The first seed that finds it, 0 = none. */
static uint64_t search(uint64_t seeds)
{
	for (uint64_t seed = 1; seed <= seeds; seed++) {
		if (!sim_run(seed, 10000, false))
			return seed;
	}
	return 0;
}

/* The status of a child in which the mistake is planted: 0 = every seed passed. */
static int plant(enum sim_defect around, enum wm_defect inside, uint64_t seeds)
{
	int status = 0;

	fflush(stdout);
	pid_t child = fork();

	if (child == 0) {
		const struct rlimit none = {0, 0};
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		setrlimit(RLIMIT_CORE, &none);
		dup2(null, 1);
		if (inside != WM_DEFECT_NONE || around != SIM_DEFECT_NONE)
			dup2(null, 2);
		sim_defect = around;
		wm_machine_defect = inside;
		_exit(search(seeds) == 0 ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

int main(int argc, char **argv)
{
	uint64_t seeds = 1000;
	int failed = 0;

	if (argc == 3 && strcmp(argv[1], "--seeds") == 0)
		seeds = strtoull(argv[2], NULL, 10);
	if (plant(SIM_DEFECT_NONE, WM_DEFECT_NONE, FIRST_PASS) != 0) {
		printf("FAIL without a mistake the seeds do not pass\n");
		failed++;
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(defects); i++) {
		int status = plant(defects[i].around, defects[i].inside, seeds);
		const char *how = status == 0           ? "NOT found"
				  : WIFSIGNALED(status) ? "found by an abort"
							: "found";

		printf("%-50s %s\n", defects[i].name, how);
		failed += status == 0;
	}
	printf("%zu mistakes, %d not found\n", WM_ARRAY_LEN(defects), failed);
	return failed == 0 ? 0 : 1;
}
