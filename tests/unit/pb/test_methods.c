/* The method table against tests/data/wire/services.tsv, in both directions. */
#include "base/mem.h"
#include "pb/methods.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_same_rows_as_the_table(void **state)
{
	char service[64], method[64], request[64], response[64], client[8], server[8], path[160];
	size_t rows = 0, n;
	FILE *table = fopen(WIRE "/services.tsv", "r");

	assert_non_null(table);
	assert_int_equal(fscanf(table, "%*[^\n]"), 0);
	while (fscanf(table, "%63s %63s %63s %63s %7s %7s", service, method, request, response,
		      client, server) == 6) {
		snprintf(path, sizeof(path), "/%s/%s", service, method);
		const struct wm_pb_method *m = wm_pb_method_find(path);
		assert_non_null(m);
		assert_string_equal(m->path, path);
		assert_string_equal(m->request->name, request);
		assert_string_equal(m->response->name, response);
		assert_int_equal(m->client_streaming, strcmp(client, "true") == 0);
		assert_int_equal(m->server_streaming, strcmp(server, "true") == 0);
		rows++;
	}
	fclose(table);
	assert_int_equal(rows, 74);
	wm_pb_method_all(&n);
	assert_int_equal(n, rows);
}

static void test_rows_are_found_by_their_path_only(void **state)
{
	size_t n;
	const struct wm_pb_method *all = wm_pb_method_all(&n);
	for (size_t i = 0; i < n; i++)
		assert_ptr_equal(wm_pb_method_find(all[i].path), &all[i]);
	assert_null(wm_pb_method_find(""));
	assert_null(wm_pb_method_find("/v1.Node/"));
	assert_null(wm_pb_method_find("v1.Node/GetStatus"));
	assert_null(wm_pb_method_find("/v1.Node/GetStatusX"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_rows_as_the_table),
		cmocka_unit_test(test_rows_are_found_by_their_path_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
