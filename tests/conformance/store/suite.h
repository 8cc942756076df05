#pragma once
/* The parts of the store's conformance suite; each returns how many of its tests failed. */
int test_propose(void);
int test_read(void);
int test_watch(void);
