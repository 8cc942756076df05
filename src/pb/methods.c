#include "pb/methods.h"
#include "pb/grpc.h"
#include "pb/peer.h"
#include "pb/v1.h"
#include <string.h>

#define WM_PB_METHOD(path, in, out, from_client, from_server) \
	{path, &in, &out, from_client, from_server},

static const struct wm_pb_method methods[] = {
#include "method_rows.inc"
#include "peer_rows.inc"
};

#define N_METHODS (sizeof(methods) / sizeof(methods[0]))

const struct wm_pb_method *wm_pb_method_find(const char *path)
{
	for (size_t i = 0; i < N_METHODS; i++)
		if (strcmp(methods[i].path, path) == 0)
			return &methods[i];
	return NULL;
}

const struct wm_pb_method *wm_pb_method_all(size_t *n)
{
	*n = N_METHODS;
	return methods;
}
