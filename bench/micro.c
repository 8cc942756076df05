/* micro cipher|handshake|offload|path|policy|trie...: measures these parts (bench/micro.h). */
#include "micro.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
	const char *name;
	void (*run)(void);
} parts[] = {{"cipher", micro_cipher}, {"handshake", micro_handshake}, {"offload", micro_offload},
	     {"path", micro_path},     {"policy", micro_policy},       {"trie", micro_trie}};

double micro_cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void micro_print(const char *name, double value)
{
	printf("%s %.4f\n", name, value);
}

void micro_fail(const char *why)
{
	fprintf(stderr, "micro: %s\n", why);
	exit(1);
}

int main(int argc, char **argv)
{
	unsigned found = 0;
	for (int i = 1; i < argc; i++)
		for (unsigned k = 0; k < sizeof(parts) / sizeof(parts[0]); k++)
			if (strcmp(argv[i], parts[k].name) == 0) {
				parts[k].run();
				found++;
			}
	if (found > 0 && (int)found == argc - 1)
		return 0;
	fprintf(stderr, "usage: micro cipher|handshake|offload|path|policy|trie...\n");
	return 2;
}
