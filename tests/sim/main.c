/*
 * sim [--seeds N] [--first S] [--events N] [--trace] [--figure8] [--quiet]: many seeds, one after
 * the other. Says how often everything happened; fails when a promise was broken, or when something
 * never happened in at least a hundred seeds.
 */
#include "sim.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args {
	uint64_t seeds, first, events;
	bool trace, quiet, figure8;
};

static uint64_t number(const char *text)
{
	char *end;
	uint64_t value = strtoull(text, &end, 10);

	if (*end != '\0' || end == text) {
		fprintf(stderr, "sim: not a number: %s\n", text);
		exit(2);
	}
	return value;
}

static struct args parse(int argc, char **argv)
{
	struct args a = {.seeds = 100, .first = 1, .events = 10000};

	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--seeds") == 0 && more)
			a.seeds = number(argv[++i]);
		else if (strcmp(argv[i], "--first") == 0 && more)
			a.first = number(argv[++i]);
		else if (strcmp(argv[i], "--events") == 0 && more)
			a.events = number(argv[++i]);
		else if (strcmp(argv[i], "--trace") == 0)
			a.trace = true;
		else if (strcmp(argv[i], "--quiet") == 0)
			a.quiet = true;
		else if (strcmp(argv[i], "--figure8") == 0)
			a.figure8 = true;
		else {
			fprintf(stderr, "sim: unknown argument %s\n", argv[i]);
			exit(2);
		}
	}
	return a;
}

static bool print_counts(const struct args *a)
{
	bool all = true;

	for (unsigned i = 0; i < SIM_N_COUNTS; i++) {
		if (!a->quiet)
			printf("%-24s %12llu\n", sim_count_names[i],
			       (unsigned long long)sim_counts[i]);
		if (sim_counts[i] == 0 && a->seeds >= 100) {
			printf("%s never happened\n", sim_count_names[i]);
			all = false;
		}
	}
	return all;
}

int main(int argc, char **argv)
{
	struct args a = parse(argc, argv);
	uint64_t failed = 0;

	if (a.figure8)
		return sim_figure8(a.trace) ? 0 : 1;
	for (uint64_t seed = a.first; seed < a.first + a.seeds; seed++)
		failed += !sim_run(seed, a.events, a.trace);
	bool all = print_counts(&a);

	printf("%llu seeds, %llu failed\n", (unsigned long long)a.seeds,
	       (unsigned long long)failed);
	return failed == 0 && all ? 0 : 1;
}
