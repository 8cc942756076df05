#pragma once
/*
 * The messages of webmesh.peer.v1, which servers exchange over the peer port, as C structs made by
 * protobuf-c from proto/webmesh; what pb/v1.h says about names and ownership holds here too.
 */
#include "pb/v1.h"

#include "webmesh/peer/v1/peer.pb-c.h"
