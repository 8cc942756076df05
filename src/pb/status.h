#pragma once
/*
 * google.rpc.Status and google.protobuf.Any, as C structs made by protobuf-c from
 * proto/google/rpc; what pb/v1.h says about names and ownership holds here too.
 */
#include "google/protobuf/any.pb-c.h"
#include "google/rpc/status.pb-c.h"
