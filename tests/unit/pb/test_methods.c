/* The method table against tests/data/wire/services.tsv, in both directions. */
#include "base/mem.h"
#include "pb/files.h"
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
	wm_pb_method_all(&n);
	assert_int_equal(n,
			 rows + 6); /* health, reflection and the peer port are not in the table */
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

static void test_methods_outside_the_api(void **state)
{
	static const struct {
		const char *path;
		bool client, server;
	} want[] = {
		{"/grpc.health.v1.Health/Check", false, false},
		{"/grpc.health.v1.Health/Watch", false, true},
		{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", true, true},
		{"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", true, true},
		{"/webmesh.peer.v1.Peer/Frames", true, false},
		{"/webmesh.peer.v1.Peer/Snapshot", false, true},
	};
	for (size_t i = 0; i < WM_ARRAY_LEN(want); i++) {
		const struct wm_pb_method *m = wm_pb_method_find(want[i].path);
		assert_non_null(m);
		assert_int_equal(m->client_streaming, want[i].client);
		assert_int_equal(m->server_streaming, want[i].server);
	}
}

static void test_files(void **state)
{
	const struct wm_pb_file *node = wm_pb_file_find("v1/node.proto"), *f;
	size_t n = 0;
	assert_non_null(node);
	assert_ptr_equal(wm_pb_file_declaring("v1.Node"), node);
	assert_ptr_equal(wm_pb_file_declaring("v1.Node.GetStatus"), node);
	assert_ptr_equal(wm_pb_file_declaring("v1.Status"), node);
	assert_string_equal(
		wm_pb_file_declaring("grpc.health.v1.HealthCheckResponse.ServingStatus")->name,
		"grpc/health/v1/health.proto");
	assert_string_equal(wm_pb_file_declaring("google.protobuf.Timestamp")->name,
			    "google/protobuf/timestamp.proto");
	assert_null(wm_pb_file_declaring(""));
	assert_null(wm_pb_file_declaring("v1"));
	assert_null(wm_pb_file_declaring("v1.Node.Nope"));
	assert_null(wm_pb_file_find("node.proto"));
	assert_null(
		wm_pb_file_find("webmesh/peer/v1/peer.proto")); /* reflection has no such file */
	assert_null(wm_pb_file_declaring("webmesh.peer.v1.Peer"));
	for (; (f = wm_pb_file_at(n)) != NULL; n++) {
		assert_ptr_equal(wm_pb_file_find(f->name), f);
		assert_true(f->len > 0);
		for (size_t i = 0; i < f->n_imports; i++) /* each comes after what it needs */
			assert_true(f->imports[i] < n);
	}
	const struct wm_pb_file *alpha =
		wm_pb_file_find("grpc/reflection/v1alpha/reflection.proto");
	assert_int_equal(alpha->n_imports, 1);
	assert_string_equal(wm_pb_file_at(alpha->imports[0])->name,
			    "grpc/reflection/v1/reflection.proto");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_rows_as_the_table),
		cmocka_unit_test(test_rows_are_found_by_their_path_only),
		cmocka_unit_test(test_methods_outside_the_api),
		cmocka_unit_test(test_files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
