/*
 * Who may call what: one row per method that is served. Path; LEADER when it changes the state and
 * so belongs to whoever leads, ANY when every storage member answers it, LOCAL when each node
 * answers for itself, MEMBERS when servers say it to each other, on the peer port alone; whether
 * the caller has to come from inside the mesh; whether doing it twice is the same as doing it once,
 * so that it may be asked of the next leader when the last was lost over it. A method without a row
 * is not served.
 */
WM_POLICY_ROW("/v1.Membership/Join", WM_SERVED_BY_LEADER, false, true)
WM_POLICY_ROW("/v1.Membership/Update", WM_SERVED_BY_LEADER, true, true)
WM_POLICY_ROW("/v1.Membership/Leave", WM_SERVED_BY_LEADER, false, true)
WM_POLICY_ROW("/v1.Membership/SubscribePeers", WM_SERVED_BY_ANY, true, true)
WM_POLICY_ROW("/v1.Node/GetStatus", WM_SERVED_BY_LOCAL, false, true)
WM_POLICY_ROW("/v1.Mesh/GetNode", WM_SERVED_BY_ANY, false, true)
WM_POLICY_ROW("/v1.Mesh/ListNodes", WM_SERVED_BY_ANY, false, true)
WM_POLICY_ROW("/v1.Mesh/GetMeshGraph", WM_SERVED_BY_ANY, false, true)
WM_POLICY_ROW("/grpc.health.v1.Health/Check", WM_SERVED_BY_LOCAL, false, true)
WM_POLICY_ROW("/grpc.health.v1.Health/Watch", WM_SERVED_BY_LOCAL, false, true)
WM_POLICY_ROW("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", WM_SERVED_BY_LOCAL,
	      false, true)
WM_POLICY_ROW("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", WM_SERVED_BY_LOCAL,
	      false, true)
WM_POLICY_ROW("/webmesh.peer.v1.Peer/Frames", WM_SERVED_TO_MEMBERS, true, false)
WM_POLICY_ROW("/webmesh.peer.v1.Peer/Snapshot", WM_SERVED_TO_MEMBERS, true, true)
