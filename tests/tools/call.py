#!/usr/bin/env python3
"""call.py TARGET METHOD JSON [--pki FOLDER --server NAME] [--metadata k=v] [--reflect v1|v1alpha]: one
unary call by the stock Python gRPC client; prints the answer as JSON, or '<CODE>: <message>' and ends
with 1. With --reflect the method's types are those that the server describes, not our files'."""

import argparse
import glob
import json
import os
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load_api():
    """The descriptors of proto/, compiled by the stock compiler."""
    with tempfile.NamedTemporaryFile() as out:
        folder = os.path.join(REPO, "proto")
        files = sorted(glob.glob("**/*.proto", root_dir=folder, recursive=True))
        subprocess.run(["protoc", f"-I{folder}", "--include_imports", f"--descriptor_set_out={out.name}", *files],
                       check=True, cwd=folder)
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(open(out.name, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)
    return pool


def reflected_api(channel, pool, version, symbol):
    """What the server says about @symbol, and nothing else."""
    types = message_factory.MessageFactory(pool)
    request = types.GetPrototype(pool.FindMessageTypeByName("grpc.reflection.v1.ServerReflectionRequest"))
    response = types.GetPrototype(pool.FindMessageTypeByName("grpc.reflection.v1.ServerReflectionResponse"))
    call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                 request_serializer=lambda m: m.SerializeToString(),
                                 response_deserializer=response.FromString)
    listed, described = call(iter([request(list_services="*"), request(file_containing_symbol=symbol)]), timeout=10)
    assert symbol in [s.name for s in listed.list_services_response.service], listed
    found = descriptor_pool.DescriptorPool()
    for data in described.file_descriptor_response.file_descriptor_proto:
        found.AddSerializedFile(data)
    return found


def read(path):
    with open(path, "rb") as f:
        return f.read()


def channel_to(options):
    if not options.pki:
        return grpc.insecure_channel(options.target)
    credentials = grpc.ssl_channel_credentials(read(f"{options.pki}/ca.crt"), read(f"{options.pki}/tls.key"),
                                               read(f"{options.pki}/tls.crt"))
    return grpc.secure_channel(options.target, credentials,
                               options=[("grpc.ssl_target_name_override", options.server)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("method", help="v1.Node/GetStatus")
    parser.add_argument("request")
    parser.add_argument("--pki")
    parser.add_argument("--server")
    parser.add_argument("--metadata", action="append", default=[])
    parser.add_argument("--stream", action="store_true", help="the first message of a stream")
    parser.add_argument("--reflect", metavar="VERSION")
    options = parser.parse_args()
    pool = load_api()
    service, method = options.method.split("/")
    channel = channel_to(options)
    if options.reflect:
        pool = reflected_api(channel, pool, options.reflect, service)
    row = pool.FindServiceByName(service).methods_by_name[method]
    factory = message_factory.MessageFactory(pool)
    request = json_format.ParseDict(json.loads(options.request), factory.GetPrototype(row.input_type)())
    response = factory.GetPrototype(row.output_type)
    kind = channel.unary_stream if options.stream else channel.unary_unary
    call = kind("/" + options.method, request_serializer=lambda m: m.SerializeToString(),
                response_deserializer=response.FromString)
    metadata = [tuple(m.split("=", 1)) for m in options.metadata]
    try:
        answer = call(request, timeout=10, metadata=metadata)
        if options.stream:
            answer = next(answer)
    except grpc.RpcError as error:
        print(f"{error.code().name}: {error.details()}")
        return 1
    print(json_format.MessageToJson(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
