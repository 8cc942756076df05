/* Runs the suite against the provider that the command line names. */
#include "suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "harness.h"

int main(int argc, char **argv)
{
	chosen = provider_find(argc > 1 ? argv[1] : "");
	if (chosen == NULL) {
		fprintf(stderr, "usage: store_suite durable|memory|log|log-memory\n");
		return 2;
	}
	return test_propose() + test_read() + test_watch() == 0 ? 0 : 1;
}
