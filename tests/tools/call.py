#!/usr/bin/env python3
"""call.py TARGET METHOD JSON [--pki FOLDER --server NAME] [--metadata k=v]: one unary call by the stock
Python gRPC client; prints the answer as JSON, or '<CODE>: <message>' and ends with 1."""

import argparse
import json
import os
import subprocess
import sys
import tempfile

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def load_api():
    """The descriptors of proto/v1, compiled by the stock compiler."""
    with tempfile.NamedTemporaryFile() as out:
        folder = os.path.join(REPO, "proto")
        files = sorted(os.path.join("v1", f) for f in os.listdir(os.path.join(folder, "v1")) if f.endswith(".proto"))
        subprocess.run(["protoc", f"-I{folder}", "--include_imports", f"--descriptor_set_out={out.name}", *files],
                       check=True, cwd=folder)
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(open(out.name, "rb").read())
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.Add(file)
    return pool


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
    options = parser.parse_args()
    pool = load_api()
    service, method = options.method.split("/")
    row = pool.FindServiceByName(service).methods_by_name[method]
    factory = message_factory.MessageFactory(pool)
    request = json_format.ParseDict(json.loads(options.request), factory.GetPrototype(row.input_type)())
    response = factory.GetPrototype(row.output_type)
    channel = channel_to(options)
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
