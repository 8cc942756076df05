/* grpc.health.v1 and gRPC reflection through a real server. */
#include "house.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "pb/files.h"
#include "pb/grpc.h"
#include "pb/message.h"

#define STATUS(x) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##x
#define ASK(x)    GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
#define ANSWER(x) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x

typedef Grpc__Reflection__V1__ServerReflectionRequest question;
typedef Grpc__Reflection__V1__ServerReflectionResponse answer;

/* ---- health ---- */

static int check(struct house *h, char *service, int *status)
{
	struct ask ask;
	Grpc__Health__V1__HealthCheckRequest req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	req.service = service;
	int rc = house_call(h, &ask, "/grpc.health.v1.Health/Check", "x", &req.base);
	if (rc == 0)
		*status =
			(int)((Grpc__Health__V1__HealthCheckResponse *)ask.unary.response)->status;
	wm_rpc_unary_fini(&ask.unary);
	return rc;
}

static char whole[] = "", node[] = "v1.Node", mesh[] = "v1.Mesh",
	    health[] = "grpc.health.v1.Health", prefix[] = "v1", method[] = "v1.Node/GetStatus",
	    unserved[] = "v1.Registrar", later[] = "v1.Later", peer[] = "webmesh.peer.v1.Peer";

static void test_check(void **state)
{
	struct house *h = *state;
	char *all[] = {whole, node, mesh, health},
	     *none[] = {prefix, method, unserved, later, peer};
	int status;
	for (size_t i = 0; i < WM_ARRAY_LEN(all); i++) {
		assert_int_equal(check(h, all[i], &status), 0);
		assert_int_equal(status, STATUS(SERVING));
	}
	for (size_t i = 0; i < WM_ARRAY_LEN(none); i++)
		assert_int_equal(check(h, none[i], &status), WM_NOT_FOUND);
	wm_service_set_state(h->service, NULL, NULL);
	assert_int_equal(check(h, mesh, &status), 0);
	assert_int_equal(status, STATUS(NOT_SERVING));
	assert_int_equal(check(h, node, &status), 0);
	assert_int_equal(status, STATUS(SERVING));
}

struct watch {
	struct wm_rpc_stream stream;
	int seen[8];
	size_t n;
	size_t want;
	bool enough;
	bool over;
	int code;
};

static void on_health(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct watch *w = wm_container_of(s, struct watch, stream);
	assert_true(w->n < WM_ARRAY_LEN(w->seen));
	w->seen[w->n++] = (int)((const Grpc__Health__V1__HealthCheckResponse *)message)->status;
	w->enough = w->n >= w->want;
}

static void on_watch_end(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct watch *w = wm_container_of(s, struct watch, stream);
	w->code = err == NULL ? 0 : err->code;
	w->over = true;
}

static void start_watch(struct house *h, struct watch *w, char *service)
{
	static const char *const metadata[] = {"x-id", "x", NULL};
	struct wm_rpc_call_opts opts = {.deadline_ns = 4000000000, .metadata = metadata};
	Grpc__Health__V1__HealthCheckRequest req = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
	struct wm_err err;
	memset(w, 0, sizeof(*w));
	w->want = 1;
	w->stream.on_message = on_health;
	w->stream.on_end = on_watch_end;
	req.service = service;
	assert_int_equal(wm_rpc_stream_start(h->channel, &w->stream,
					     wm_pb_method_find("/grpc.health.v1.Health/Watch"),
					     &opts, &err),
			 0);
	assert_int_equal(wm_rpc_stream_send(&w->stream, &req.base, &err), 0);
	wm_rpc_stream_half_close(&w->stream);
	house_wait(h, &w->enough);
}

static void wait_for(struct house *h, struct watch *w, size_t n)
{
	w->want = n;
	w->enough = w->n >= n;
	house_wait(h, &w->enough);
}

static void test_watch(void **state)
{
	struct house *h = *state;
	struct watch on_mesh, on_node, on_later, gone;
	start_watch(h, &on_mesh, mesh);
	start_watch(h, &on_node, node);
	start_watch(h, &on_later, later);
	start_watch(h, &gone, mesh);
	wm_rpc_stream_cancel(&gone.stream);
	house_wait(h, &gone.over);
	assert_int_equal(on_mesh.seen[0], STATUS(SERVING));
	assert_int_equal(on_later.seen[0], STATUS(SERVICE_UNKNOWN));
	wm_service_set_state(h->service, NULL, NULL);
	wait_for(h, &on_mesh, 2);
	wm_service_set_state(h->service, h->store, h->live);
	wait_for(h, &on_mesh, 3);
	assert_int_equal(on_mesh.seen[1], STATUS(NOT_SERVING));
	assert_int_equal(on_mesh.seen[2], STATUS(SERVING));
	assert_int_equal(on_node.n, 1); /* nothing changed for it */
	house_stop(h);
	house_wait(h, &on_mesh.over);
	house_wait(h, &on_node.over);
	house_wait(h, &on_later.over);
	assert_int_equal(on_mesh.code, WM_UNAVAILABLE);
	assert_int_equal(on_mesh.seen[3], STATUS(NOT_SERVING));
	assert_int_equal(on_node.seen[1], STATUS(NOT_SERVING));
	assert_int_equal(on_later.n, 1);
	assert_int_equal(gone.n, 1);
}

/* ---- reflection ---- */

struct reflected {
	struct wm_rpc_stream stream;
	struct wm_arena arena;
	answer *answers[64];
	size_t n;
	bool over;
	int code;
};

static void on_answer(struct wm_rpc_stream *s, const ProtobufCMessage *message)
{
	struct reflected *r = wm_container_of(s, struct reflected, stream);
	assert_true(r->n < WM_ARRAY_LEN(r->answers));
	r->answers[r->n++] = wm_pb_copy(&r->arena, message);
}

static void on_reflected(struct wm_rpc_stream *s, const struct wm_err *err)
{
	struct reflected *r = wm_container_of(s, struct reflected, stream);
	r->code = err == NULL ? 0 : err->code;
	r->over = true;
}

/* Asks all of them on one stream; wm_arena_fini(&r->arena) afterwards. */
static void reflect(struct house *h, struct reflected *r, const char *version, question *questions,
		    size_t n)
{
	static const char *const metadata[] = {"x-id", "x", NULL};
	struct wm_rpc_call_opts opts = {.deadline_ns = 4000000000, .metadata = metadata};
	struct wm_err err;
	char path[100];
	memset(r, 0, sizeof(*r));
	wm_arena_init(&r->arena, 0);
	r->stream.on_message = on_answer;
	r->stream.on_end = on_reflected;
	snprintf(path, sizeof(path), "/grpc.reflection.%s.ServerReflection/ServerReflectionInfo",
		 version);
	assert_int_equal(
		wm_rpc_stream_start(h->channel, &r->stream, wm_pb_method_find(path), &opts, &err),
		0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(wm_rpc_stream_send(&r->stream, &questions[i].base, &err), 0);
	wm_rpc_stream_half_close(&r->stream);
	house_wait(h, &r->over);
	assert_int_equal(r->code, 0);
	assert_int_equal(r->n, n);
}

#define NEW GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__INIT

static question by_name(char *name)
{
	question q = NEW;
	q.message_request_case = ASK(FILE_BY_FILENAME);
	q.file_by_filename = name;
	return q;
}

static question by_symbol(char *name)
{
	question q = NEW;
	q.message_request_case = ASK(FILE_CONTAINING_SYMBOL);
	q.file_containing_symbol = name;
	return q;
}

static bool lists(const Grpc__Reflection__V1__ListServiceResponse *list, const char *name)
{
	for (size_t i = 0; i < list->n_service; i++)
		if (wm_streq(list->service[i]->name, name))
			return true;
	return false;
}

static void test_services(void **state)
{
	struct house *h = *state;
	static const char *const want[] = {"v1.Membership",
					   "v1.Mesh",
					   "v1.Node",
					   "grpc.health.v1.Health",
					   "grpc.reflection.v1.ServerReflection",
					   "grpc.reflection.v1alpha.ServerReflection"};
	const char *versions[] = {"v1", "v1alpha"};
	for (size_t v = 0; v < 2; v++) {
		struct reflected r;
		char host[] = "here";
		question q = NEW;
		q.host = host;
		q.message_request_case = ASK(LIST_SERVICES);
		q.list_services = whole;
		reflect(h, &r, versions[v], &q, 1);
		assert_int_equal(r.answers[0]->message_response_case,
				 ANSWER(LIST_SERVICES_RESPONSE));
		assert_string_equal(r.answers[0]->valid_host, "here");
		assert_int_equal(r.answers[0]->original_request->message_request_case,
				 ASK(LIST_SERVICES));
		const Grpc__Reflection__V1__ListServiceResponse *list =
			r.answers[0]->list_services_response;
		assert_int_equal(list->n_service, WM_ARRAY_LEN(want));
		for (size_t i = 0; i < WM_ARRAY_LEN(want); i++)
			assert_true(lists(list, want[i]));
		wm_arena_fini(&r.arena);
	}
}

static void test_files(void **state)
{
	struct house *h = *state;
	struct reflected r;
	char file[] = "v1/node.proto", symbol[] = "v1.Node.GetStatus", message[] = "v1.Status";
	question questions[] = {by_name(file), by_symbol(symbol), by_symbol(message)};
	const struct wm_pb_file *want = wm_pb_file_find(file);
	reflect(h, &r, "v1", questions, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(r.answers[i]->message_response_case,
				 ANSWER(FILE_DESCRIPTOR_RESPONSE));
		const Grpc__Reflection__V1__FileDescriptorResponse *files =
			r.answers[i]->file_descriptor_response;
		assert_int_equal(files->n_file_descriptor_proto, want->n_imports + 1);
		const ProtobufCBinaryData *last =
			&files->file_descriptor_proto[files->n_file_descriptor_proto - 1];
		assert_int_equal(last->len, want->len);
		assert_memory_equal(last->data, want->data, want->len);
	}
	wm_arena_fini(&r.arena);
}

static void test_wrong_questions(void **state)
{
	struct house *h = *state;
	struct reflected r;
	char name[600], type[] = "v1.Status";
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	Grpc__Reflection__V1__ExtensionRequest extension =
		GRPC__REFLECTION__V1__EXTENSION_REQUEST__INIT;
	extension.containing_type = type;
	question nothing = NEW, extends = NEW, numbers = NEW, of_unknown = NEW;
	extends.message_request_case = ASK(FILE_CONTAINING_EXTENSION);
	extends.file_containing_extension = &extension;
	numbers.message_request_case = of_unknown.message_request_case =
		ASK(ALL_EXTENSION_NUMBERS_OF_TYPE);
	numbers.all_extension_numbers_of_type = type;
	of_unknown.all_extension_numbers_of_type = later;
	question questions[] = {by_name(whole), by_name(name), by_symbol(whole), by_symbol(name),
				extends,        of_unknown,    nothing,          numbers};
	reflect(h, &r, "v1alpha", questions, WM_ARRAY_LEN(questions));
	for (size_t i = 0; i < 7; i++) {
		assert_int_equal(r.answers[i]->message_response_case, ANSWER(ERROR_RESPONSE));
		const Grpc__Reflection__V1__ErrorResponse *e = r.answers[i]->error_response;
		assert_int_equal(e->error_code, i == 6 ? 3 : 5);
		assert_true(strlen(e->error_message) > 10 && strlen(e->error_message) < 300);
	}
	assert_int_equal(r.answers[7]->message_response_case,
			 ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE));
	assert_string_equal(r.answers[7]->all_extension_numbers_response->base_type_name,
			    "v1.Status");
	assert_int_equal(r.answers[7]->all_extension_numbers_response->n_extension_number, 0);
	wm_arena_fini(&r.arena);
}

/* More answers than wait for a reader at once: questions are held back, none is lost. */
static void test_many_questions(void **state)
{
	struct house *h = *state;
	struct reflected r;
	char file[] = "v1/storage_provider.proto";
	question questions[60];
	for (size_t i = 0; i < WM_ARRAY_LEN(questions); i++)
		questions[i] = by_name(file);
	reflect(h, &r, "v1", questions, WM_ARRAY_LEN(questions));
	for (size_t i = 0; i < r.n; i++)
		assert_int_equal(r.answers[i]->message_response_case,
				 ANSWER(FILE_DESCRIPTOR_RESPONSE));
	wm_arena_fini(&r.arena);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, house_setup, house_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_check), TEST(test_watch),           TEST(test_services),
		TEST(test_files), TEST(test_wrong_questions), TEST(test_many_questions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
