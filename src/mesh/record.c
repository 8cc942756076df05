#include "mesh/record.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "pb/json.h"

int wm_record_parse(struct wm_arena *a, const char *key, const void *value, size_t len,
		    const ProtobufCMessageDescriptor *type, ProtobufCMessage **out,
		    struct wm_err *err)
{
	struct wm_err why = {0};

	if (wm_pb_json_parse(a, type, value, len, WM_PB_JSON_IGNORE_UNKNOWN, out, &why) == 0)
		return 0;
	return wm_fail(err, WM_DATA_LOSS, "%.150s cannot be read: %.250s", key, why.text);
}

int wm_record_get(struct wm_arena *a, struct wm_view *v, const char *key,
		  const ProtobufCMessageDescriptor *type, ProtobufCMessage **out,
		  uint64_t *revision, struct wm_err *err)
{
	struct wm_kv kv;
	int rc = wm_view_get(v, key, &kv, err);

	if (rc != 0)
		return rc;
	if (revision != NULL)
		*revision = kv.revision;
	return wm_record_parse(a, key, kv.value, kv.value_len, type, out, err);
}

struct listing {
	struct wm_arena *a;
	const ProtobufCMessageDescriptor *type;
	void *items;
	size_t *n;
	size_t unreadable;
};

static int list_one(void *arg, const struct wm_kv *kv)
{
	struct listing *l = arg;
	ProtobufCMessage *m;

	if (wm_record_parse(l->a, kv->key, kv->value, kv->value_len, l->type, &m, NULL) == 0)
		wm_pb_append(l->a, l->n, l->items, m);
	else
		l->unreadable++;
	return 0;
}

int wm_record_list(struct wm_arena *a, struct wm_view *v, const char *prefix,
		   const ProtobufCMessageDescriptor *type, void *items, size_t *n,
		   size_t *unreadable, struct wm_err *err)
{
	struct listing l = {.a = a, .type = type, .items = items, .n = n};
	int rc;

	memset(items, 0, sizeof(void *));
	*n = 0;
	rc = wm_view_scan(v, prefix, list_one, &l, err);
	if (unreadable != NULL)
		*unreadable = l.unreadable;
	return rc;
}

int wm_record_put(struct wm_txn *t, const char *key, const ProtobufCMessage *m, struct wm_err *err)
{
	WM_AUTO(wm_buf_fini) struct wm_buf text = {0};
	int rc = wm_pb_json_format(m, 0, &text, err);

	if (rc == 0)
		wm_txn_put(t, key, text.data, text.len);
	return rc;
}

void wm_record_guard(struct wm_txn *t, struct wm_view *v, const char *key)
{
	struct wm_kv kv;

	if (wm_view_get(v, key, &kv, NULL) == 0)
		wm_txn_if_revision(t, key, kv.revision);
	else
		wm_txn_if_absent(t, key);
}
