/*
 * gRPC server reflection, v1 and v1alpha: what is served, and the files that describe it, out of
 * tables made at build time. Each question gets one answer; a client that does not read its answers
 * is not read either.
 */
#include "base/mem.h"
#include "base/str.h"
#include "pb/files.h"
#include "pb/grpc.h"
#include "pb/message.h"
#include "rpc/status.h"
#include "service/internal.h"
#include <string.h>

#define ASK(x)       GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##x
#define ANSWER(x)    GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##x
#define QUEUED_MAX   (64u << 10) /* answers that wait before no more questions are taken */
#define NAME_IN_TEXT 200

typedef Grpc__Reflection__V1__ServerReflectionRequest question;
typedef Grpc__Reflection__V1__ServerReflectionResponse answer;

static void answer_error(struct wm_arena *a, answer *out, int code, const char *text)
{
	out->error_response = wm_pb_new(a, &grpc__reflection__v1__error_response__descriptor);
	out->error_response->error_code = (int32_t)wm_rpc_status_of_code(code);
	out->error_response->error_message = wm_arena_strdup(a, text);
	out->message_response_case = ANSWER(ERROR_RESPONSE);
}

/* The file, behind all that it imports, so that a reader can take them in this order. */
static void answer_file(struct wm_arena *a, answer *out, const struct wm_pb_file *file,
			const char *what, const char *name)
{
	if (file == NULL)
		return answer_error(
			a, out, WM_NOT_FOUND,
			wm_arena_printf(a, "%s not found: %.*s", what, NAME_IN_TEXT, name));
	Grpc__Reflection__V1__FileDescriptorResponse *files =
		wm_pb_new(a, &grpc__reflection__v1__file_descriptor_response__descriptor);
	size_t n = file->n_imports + 1;
	files->file_descriptor_proto = wm_arena_alloc(a, n * sizeof(ProtobufCBinaryData));
	for (size_t i = 0; i < n; i++) {
		const struct wm_pb_file *f =
			i < file->n_imports ? wm_pb_file_at(file->imports[i]) : file;
		uint8_t *bytes = (uint8_t *)(uintptr_t)f->data; /* it is only read */
		files->file_descriptor_proto[i] =
			(ProtobufCBinaryData){.len = f->len, .data = bytes};
	}
	files->n_file_descriptor_proto = n;
	out->file_descriptor_response = files;
	out->message_response_case = ANSWER(FILE_DESCRIPTOR_RESPONSE);
}

static void add_service(struct wm_arena *a, Grpc__Reflection__V1__ListServiceResponse *list,
			const char *path)
{
	char *name = wm_arena_strndup(a, path + 1, strcspn(path + 1, "/"));
	if (list->n_service > 0 && wm_streq(list->service[list->n_service - 1]->name, name))
		return; /* the methods of a service stand together */
	Grpc__Reflection__V1__ServiceResponse *service =
		wm_pb_new(a, &grpc__reflection__v1__service_response__descriptor);
	service->name = name;
	wm_pb_append(a, &list->n_service, &list->service, service);
}

static void answer_services(struct wm_arena *a, answer *out, const struct wm_service *s)
{
	Grpc__Reflection__V1__ListServiceResponse *list =
		wm_pb_new(a, &grpc__reflection__v1__list_service_response__descriptor);
	size_t n;
	const struct wm_pb_method *methods = wm_pb_method_all(&n);
	for (size_t i = 0; i < n; i++)
		if (wm_service_shows(methods[i].path) &&
		    wm_rpc_server_has(s->server, methods[i].path))
			add_service(a, list, methods[i].path);
	out->list_services_response = list;
	out->message_response_case = ANSWER(LIST_SERVICES_RESPONSE);
}

/* Nothing in proto3 has extensions, so a message that exists has none. */
static void answer_extensions(struct wm_arena *a, answer *out, const char *type)
{
	if (wm_pb_file_declaring(type) == NULL)
		return answer_file(a, out, NULL, "type", type);
	Grpc__Reflection__V1__ExtensionNumberResponse *none =
		wm_pb_new(a, &grpc__reflection__v1__extension_number_response__descriptor);
	none->base_type_name = wm_arena_strdup(a, type);
	out->all_extension_numbers_response = none;
	out->message_response_case = ANSWER(ALL_EXTENSION_NUMBERS_RESPONSE);
}

static void answer_to(const struct wm_service *s, struct wm_arena *a, const question *q,
		      answer *out)
{
	const char *name;
	out->valid_host = q->host;
	out->original_request = (question *)(uintptr_t)q; /* it is only read */
	/* An int, for the enum has a last value that only makes it as wide as one. */
	switch ((int)q->message_request_case) {
	case ASK(FILE_BY_FILENAME):
		name = q->file_by_filename;
		return answer_file(a, out, wm_pb_file_find(name), "file", name);
	case ASK(FILE_CONTAINING_SYMBOL):
		name = q->file_containing_symbol;
		return answer_file(a, out, wm_pb_file_declaring(name), "symbol", name);
	case ASK(FILE_CONTAINING_EXTENSION):
		name = q->file_containing_extension->containing_type;
		return answer_file(a, out, NULL, "extension of", name);
	case ASK(ALL_EXTENSION_NUMBERS_OF_TYPE):
		return answer_extensions(a, out, q->all_extension_numbers_of_type);
	case ASK(LIST_SERVICES): return answer_services(a, out, s);
	case ASK(_NOT_SET):
	default: return answer_error(a, out, WM_INVALID_ARGUMENT, "the request asks nothing");
	}
}

static void on_drained(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_pause(call, false);
}

static void on_message(struct wm_rpc_call *call, const ProtobufCMessage *message, void *arg)
{
	struct wm_arena a;
	struct wm_err err;
	answer out = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	wm_arena_init(&a, 0);
	answer_to(arg, &a, (const question *)message, &out);
	int rc = wm_rpc_call_send(call, &out.base, &err);
	wm_arena_fini(&a);
	if (rc != 0)
		return wm_rpc_call_finish(call, &err);
	if (wm_rpc_call_queued(call) > QUEUED_MAX) {
		wm_rpc_call_pause(call, true);
		wm_rpc_call_on_drain(call, on_drained, NULL);
	}
}

static void on_half_close(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_finish(call, NULL);
}

static void on_cancel(struct wm_rpc_call *call, const struct wm_err *why, void *arg)
{
	wm_rpc_call_finish(call, why);
}

static void on_open(struct wm_rpc_call *call, void *arg)
{
	wm_rpc_call_on_cancel(call, on_cancel, NULL);
}

#define HANDLER(version)                                                               \
	{.path = "/grpc.reflection." version ".ServerReflection/ServerReflectionInfo", \
	 .on_open = on_open,                                                           \
	 .on_message = on_message,                                                     \
	 .on_half_close = on_half_close}

static const struct wm_rpc_handler handlers[] = {HANDLER("v1"), HANDLER("v1alpha")};

void wm_reflection_register(struct wm_service *s, struct wm_rpc_server *server)
{
	wm_rpc_server_register(server, handlers, WM_ARRAY_LEN(handlers), s);
}
