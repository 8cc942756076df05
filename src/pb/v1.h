#pragma once
/*
 * The messages of the v1 API and of google.protobuf that it uses, as C structs made by protobuf-c
 * from proto/v1: V1__MeshNode for v1.MeshNode, fields in lower case (publicKey is publickey),
 * strings never NULL in what a decoder or wm_pb_new made (empty is ""), repeated fields as n_x and
 * x, maps as repeated V1__MeshEdge__AttributesEntry with key and value. This is the one header
 * through which the rest of the program sees them. Plain values without a thread; who made one
 * owns it, and arenas own most (pb/message.h).
 */
#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/empty.pb-c.h"
#include "google/protobuf/struct.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "v1/app.pb-c.h"
#include "v1/members.pb-c.h"
#include "v1/mesh.pb-c.h"
#include "v1/network_acls.pb-c.h"
#include "v1/node.pb-c.h"
#include "v1/plugin.pb-c.h"
#include "v1/raft.pb-c.h"
#include "v1/rbac.pb-c.h"
#include "v1/registrar.pb-c.h"
#include "v1/storage_provider.pb-c.h"
#include "v1/storage_query.pb-c.h"
#include "v1/webrtc.pb-c.h"

/*
 * V1__X__INIT casts the const away from this name, which clang reports wherever the macro is used;
 * by way of a number it does not.
 */
#define protobuf_c_empty_string ((uintptr_t)protobuf_c_empty_string)
