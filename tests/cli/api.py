"""A stock gRPC server that answers as a node does, for the tests of wmctl: Google's Python messages,
made from the descriptors of our build, and grpcio."""

import os
import time
from concurrent import futures

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2, message_factory

from netlab import BUILD


def _messages():
    files = descriptor_pb2.FileDescriptorSet()
    with open(os.path.join(BUILD, "src", "pb", "api.fds"), "rb") as f:
        files.ParseFromString(f.read())
    pool = descriptor_pool.DescriptorPool()
    for one in files.file:
        pool.Add(one)
    factory = message_factory.MessageFactory(pool)

    def get(name):
        return factory.GetPrototype(pool.FindMessageTypeByName(name))
    return get


message = _messages()
MeshNode = message("v1.MeshNode")
Status = message("v1.Status")


def node(name, number, **more):
    made = MeshNode(id=name, publicKey="CAUS" + name, primaryEndpoint=f"10.88.0.{number}",
                    wireguardEndpoints=[f"10.88.0.{number}:51820"],
                    privateIPv4=f"172.16.0.{number}/32", privateIPv6=f"fd00::{number}/112", **more)
    made.features.add(feature=1, port=8443)
    made.features.add(feature=3, port=8443)
    made.joinedAt.seconds = int(time.time()) - 7200 * number
    return made


def status(name):
    made = Status(id=name, description="webmesh-node", version="0.1.0", gitCommit="abc",
                  uptime="3725.5s", clusterStatus=1, currentLeader="one")
    made.features.add(feature=1, port=8443)
    metrics = made.interfaceMetrics
    metrics.deviceName, metrics.addressV4, metrics.listenPort = "webmesh0", "172.16.0.1/32", 51820
    metrics.totalReceiveBytes, metrics.numPeers = 37920, 1
    metrics.droppedPackets["source"] = 3
    metrics.droppedPackets["policy"] = 2 ** 40
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 65))
    metrics.peers.add(publicKey="XbGs+wS", endpoint="10.88.0.2:51820", lastHandshakeTime=stamp,
                      allowedIPs=["172.16.0.2/32", "fd00::2/112"], receiveBytes=1536, transmitBytes=12)
    return made


class Node:
    """Answers for a mesh of the nodes in self.nodes; what it was asked stands in self.asked."""

    def __init__(self, credentials=None, without=()):
        self.nodes = {"one": node("one", 1), "two": node("two", 2, zoneAwarenessID="east")}
        self.asked, self.metadata, self.left, self.delay = [], [], [], 0
        self.server = grpc.server(futures.ThreadPoolExecutor(2))
        self.server.add_generic_rpc_handlers([self._service(s) for s in ("Node", "Mesh", "Membership") if s not in without])
        if credentials is None:
            self.port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.address = f"127.0.0.1:{self.port}"

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()

    def _service(self, service):
        methods = {
            "Node": {"GetStatus": ("v1.GetStatusRequest", self.get_status)},
            "Mesh": {"GetNode": ("v1.GetNodeRequest", self.get_node),
                     "ListNodes": (None, self.list_nodes),
                     "GetMeshGraph": (None, self.get_graph)},
            "Membership": {"Leave": ("v1.LeaveRequest", self.leave)},
        }[service]
        handlers = {}
        for name, (request, call) in methods.items():
            parse = message(request).FromString if request else empty_pb2.Empty.FromString
            handlers[name] = grpc.unary_unary_rpc_method_handler(
                self._recorded(name, call), parse, lambda m: m.SerializeToString())
        return grpc.method_handlers_generic_handler("v1." + service, handlers)

    def _recorded(self, name, call):
        def run(request, context):
            self.asked.append(name)
            self.metadata.append(dict(context.invocation_metadata()))
            time.sleep(self.delay)
            return call(request, context)
        return run

    def _find(self, name, context):
        if name not in self.nodes:
            context.abort(grpc.StatusCode.NOT_FOUND, f"node {name}: no such node")
        return self.nodes[name]

    def get_status(self, request, context):
        return status(self._find(request.id or "one", context).id)

    def get_node(self, request, context):
        return self._find(request.id, context)

    def list_nodes(self, _request, _context):
        return message("v1.NodeList")(nodes=self.nodes.values())

    def get_graph(self, _request, _context):
        graph = message("v1.MeshGraph")(nodes=list(self.nodes), dot='graph {\n\t"one" -- "two"\n}\n')
        graph.edges.add(source="one", target="two", weight=1)
        return graph

    def leave(self, request, context):
        self.left.append(self._find(request.id, context).id)
        return message("v1.LeaveResponse")()
