#pragma once
/*
 * The messages of grpc.health.v1 and grpc.reflection.v1, as C structs made by protobuf-c from
 * proto/grpc; what pb/v1.h says about names and ownership holds here too.
 */
#include "pb/v1.h"

#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
