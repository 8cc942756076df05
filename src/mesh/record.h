#pragma once
/*
 * Objects of the registry as messages: read from a view into an arena, written into a transaction,
 * always as protojson. Reading is tolerant of fields that we do not know; a value that cannot be
 * read is DATA_LOSS and names its key. The typed forms (nodes.h, edges.h, ...) stand on these.
 */
#include "base/arena.h"
#include "pb/message.h"
#include "store/kv.h"
#include "store/txn.h"

/* NOT_FOUND when absent. @revision (may be NULL): when the key was last written. */
WM_MUST_CHECK int wm_record_get(struct wm_arena *a, struct wm_view *v, const char *key,
				const ProtobufCMessageDescriptor *type, ProtobufCMessage **out,
				uint64_t *revision, struct wm_err *err);
/* Parses one stored value as @type into @a. */
WM_MUST_CHECK int wm_record_parse(struct wm_arena *a, const char *key, const void *value,
				  size_t len, const ProtobufCMessageDescriptor *type,
				  ProtobufCMessage **out, struct wm_err *err);
/* All readable objects below @prefix in key order, at *@items (V1__X **); unreadable ones are left
 * out and counted in *@unreadable (may be NULL). */
WM_MUST_CHECK int wm_record_list(struct wm_arena *a, struct wm_view *v, const char *prefix,
				 const ProtobufCMessageDescriptor *type, void *items, size_t *n,
				 size_t *unreadable, struct wm_err *err);
WM_MUST_CHECK int wm_record_put(struct wm_txn *t, const char *key, const ProtobufCMessage *m,
				struct wm_err *err);
/*
 * Makes @t conditional on @key being as @v shows it: written at the same revision, or absent.
 */
void wm_record_guard(struct wm_txn *t, struct wm_view *v, const char *key);
