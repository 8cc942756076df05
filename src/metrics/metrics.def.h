/*
 * Every figure that a node shows, one row each, in the order in which they are shown; adding one is
 * adding a row, and its line to docs/metrics.md. Included several times, so no #pragma once.
 *     WM_METRIC(name, KIND, "labels", "HELP, a sentence", source)
 * The source is a statement that adds the samples of family f from what scrape s has gathered
 * (metrics/scrape.h); a family without samples is not shown. Names follow
 * https://prometheus.io/docs/practices/naming/. Those without "webmesh_", and
 * webmesh_wireguard_*bytes* and *connected_peers, are the ones of the Go program, so that
 * dashboards go on working.
 */

/* clang-format off */

/* ---- the program ---- */
WM_METRIC(webmesh_build_info, GAUGE, "version, commit, date",
	  "Which build this is; always 1.", wm_scrape_build(f))
WM_METRIC(webmesh_node_info, GAUGE, "node_id",
	  "The ID of this node; always 1.", wm_scrape_node(f, s))
WM_METRIC(webmesh_node_ready, GAUGE, "",
	  "1 once this node is a member of its mesh, else 0.", one(f, s->src.is_ready))
WM_METRIC(webmesh_node_reloads_total, COUNTER, "",
	  "Reloads of the configuration that were asked for.", one(f, s->src.reloads))
WM_METRIC(webmesh_node_refused_reloads_total, COUNTER, "",
	  "Of these, those that changed nothing, since something in the new configuration was wrong.",
	  one(f, s->src.refused_reloads))
WM_METRIC(process_cpu_seconds_total, COUNTER, "",
	  "Total user and system CPU time spent in seconds.", one_ns(f, wm_clock_cpu()))
WM_METRIC(process_resident_memory_bytes, GAUGE, "",
	  "Resident memory size in bytes.", one(f, s->process.resident_bytes))
WM_METRIC(process_virtual_memory_bytes, GAUGE, "",
	  "Virtual memory size in bytes.", one(f, s->process.virtual_bytes))
WM_METRIC(process_open_fds, GAUGE, "",
	  "Number of open file descriptors.", one(f, s->process.open_files))
WM_METRIC(process_max_fds, GAUGE, "",
	  "Maximum number of open file descriptors.", one(f, s->process.max_files))
WM_METRIC(process_start_time_seconds, GAUGE, "",
	  "Start time of the process since unix epoch in seconds.", one_ns(f, s->src.started_wall_ns))

/* ---- the API: calls by method ---- */
WM_METRIC(grpc_server_started_total, COUNTER, "grpc_type, grpc_service, grpc_method",
	  "Calls that were begun.", wm_scrape_methods(f, s, wm_scrape_started))
WM_METRIC(grpc_server_handled_total, COUNTER, "grpc_type, grpc_service, grpc_method, grpc_code",
	  "Calls that have ended, by status.", wm_scrape_methods(f, s, wm_scrape_handled))
WM_METRIC(grpc_server_msg_received_total, COUNTER, "grpc_type, grpc_service, grpc_method",
	  "Messages that came with calls.", wm_scrape_methods(f, s, wm_scrape_received))
WM_METRIC(grpc_server_msg_sent_total, COUNTER, "grpc_type, grpc_service, grpc_method",
	  "Messages that were sent as answers.", wm_scrape_methods(f, s, wm_scrape_sent))
WM_METRIC(grpc_server_handling_seconds, HISTOGRAM, "grpc_type, grpc_service, grpc_method",
	  "How long calls took, from their headers to their end, for methods that were called.",
	  wm_scrape_methods(f, s, wm_scrape_took))

/* ---- the API: connections ---- */
WM_METRIC(webmesh_rpc_server_connections, GAUGE, "",
	  "Connections of clients.", if (s->src.server) one(f, s->rpc.connections))
WM_METRIC(webmesh_rpc_server_streams, GAUGE, "",
	  "Calls that run.", if (s->src.server) one(f, s->rpc.streams))
WM_METRIC(webmesh_rpc_server_accepted_connections_total, COUNTER, "",
	  "Connections that were accepted.", if (s->src.server) one(f, s->rpc.accepted))
WM_METRIC(webmesh_rpc_server_refused_connections_total, COUNTER, "reason",
	  "Connections that were not served: full (too many in all), source (too many from one address), "
	  "greeting (ended before it spoke HTTP/2).", wm_scrape_refused(f, s))
WM_METRIC(webmesh_rpc_server_slowed_connections_total, COUNTER, "",
	  "Connections that had to wait for their turn, for what others from their address did.",
	  if (s->src.server) one(f, s->rpc.slowed))
WM_METRIC(webmesh_rpc_server_answers_total, COUNTER, "code",
	  "Calls that have ended, those of unknown methods included, by status.",
	  wm_scrape_answers(f, s))
WM_METRIC(webmesh_rpc_server_received_bytes_total, COUNTER, "",
	  "Bytes of HTTP/2 that came, inside TLS.", if (s->src.server) one(f, s->rpc.h2.bytes_in))
WM_METRIC(webmesh_rpc_server_sent_bytes_total, COUNTER, "",
	  "Bytes of HTTP/2 that were sent, inside TLS.", if (s->src.server) one(f, s->rpc.h2.bytes_out))
WM_METRIC(webmesh_rpc_server_received_resets_total, COUNTER, "",
	  "Calls that clients reset.", if (s->src.server) one(f, s->rpc.h2.resets_in))
WM_METRIC(webmesh_rpc_server_sent_resets_total, COUNTER, "",
	  "Calls that were reset for a client's mistake.", if (s->src.server) one(f, s->rpc.h2.resets_out))
WM_METRIC(webmesh_rpc_server_goaways_total, COUNTER, "",
	  "Connections that were told to end.", if (s->src.server) one(f, s->rpc.h2.goaways_out))
WM_METRIC(webmesh_rpc_server_floods_total, COUNTER, "kind",
	  "Connections that were cut off for making work for nothing, by kind.", wm_scrape_floods(f, s))

/* ---- calls to other nodes ---- */
WM_METRIC(webmesh_rpc_client_connections, GAUGE, "",
	  "Servers that are connected to.", if (s->src.client) one(f, s->src.client->connections))
WM_METRIC(webmesh_rpc_client_connects_total, COUNTER, "",
	  "Connections to servers that came about.", if (s->src.client) one(f, s->src.client->connects))
WM_METRIC(webmesh_rpc_client_failed_connects_total, COUNTER, "",
	  "Attempts over all addresses of a server that found none.", if (s->src.client) one(f, s->src.client->failed_connects))
WM_METRIC(webmesh_rpc_client_calls_total, COUNTER, "",
	  "Calls that were begun.", if (s->src.client) one(f, s->src.client->calls))
WM_METRIC(webmesh_rpc_client_resends_total, COUNTER, "",
	  "Calls that were sent once more.", if (s->src.client) one(f, s->src.client->resends))
WM_METRIC(webmesh_rpc_client_answers_total, COUNTER, "code",
	  "Calls that have ended, by status.", wm_scrape_asked(f, s))

/* ---- WireGuard ---- */
WM_METRIC(webmesh_wireguard_interface_info, GAUGE, "interface, kind",
	  "The interface, and who carries its packets: kernel, userspace, or none while it is made anew; always 1.",
	  wm_scrape_interface(f, s))
WM_METRIC(webmesh_wireguard_bytes_sent_total, COUNTER, "node_id",
	  "Bytes in datagrams to all peers, those that are gone included.",
	  if (s->src.device) wm_scrape_of_node(f, s, s->tx_bytes))
WM_METRIC(webmesh_wireguard_bytes_rcvd_total, COUNTER, "node_id",
	  "Bytes in datagrams from all peers, those that are gone included.",
	  if (s->src.device) wm_scrape_of_node(f, s, s->rx_bytes))
WM_METRIC(webmesh_wireguard_dropped_packets_total, COUNTER, "reason",
	  "Packets that were not carried, by reason.", wm_scrape_drops(f, s))
WM_METRIC(webmesh_wireguard_peers, GAUGE, "",
	  "Peers of the device.", if (s->src.device) one(f, s->n_peers))
WM_METRIC(webmesh_wireguard_unlisted_peers, GAUGE, "",
	  "Peers beyond the 1000 that are shown one by one.", if (s->src.device) one(f, s->n_peers - s->n_shown))
WM_METRIC(webmesh_wireguard_connected_peers, GAUGE, "node_id, peer",
	  "1 for a peer whose last handshake is at most 180 s old, else 0.",
	  wm_scrape_peers(f, s, wm_scrape_connected))
WM_METRIC(webmesh_wireguard_peer_bytes_sent_total, COUNTER, "node_id, peer",
	  "Bytes in datagrams to a peer.", wm_scrape_peers(f, s, wm_scrape_peer_tx))
WM_METRIC(webmesh_wireguard_peer_bytes_rcvd_total, COUNTER, "node_id, peer",
	  "Bytes in datagrams from a peer.", wm_scrape_peers(f, s, wm_scrape_peer_rx))
WM_METRIC(webmesh_wireguard_peer_last_handshake_timestamp_seconds, GAUGE, "node_id, peer",
	  "When the last handshake with a peer was; 0 for never.",
	  wm_scrape_peers(f, s, wm_scrape_handshake))

/* ---- the mesh, and its state, on the nodes that hold it ---- */
WM_METRIC(webmesh_mesh_nodes, GAUGE, "",
	  "Members of the mesh.", if (s->src.graph) one(f, wm_graph_count(s->src.graph)))
WM_METRIC(webmesh_mesh_edges, GAUGE, "",
	  "Pairs of members with an edge between them.", if (s->src.graph) one(f, wm_graph_count_edges(s->src.graph)))
WM_METRIC(webmesh_store_revision, GAUGE, "",
	  "The number of the newest change.", if (s->src.store) one(f, s->store.revision))
WM_METRIC(webmesh_store_keys, GAUGE, "",
	  "Keys in the state.", if (s->src.store) one(f, s->store.keys))
WM_METRIC(webmesh_store_data_bytes, GAUGE, "",
	  "Bytes of the pages that keys and values take.", if (s->src.store) one(f, s->store.bytes))
WM_METRIC(webmesh_store_file_bytes, GAUGE, "",
	  "Bytes of all pages, those that are free again included.", if (s->src.store) one(f, s->store.file_bytes))
WM_METRIC(webmesh_store_limit_bytes, GAUGE, "",
	  "How far the pages may grow.", if (s->src.store) one(f, s->store.file_limit))
WM_METRIC(webmesh_store_failed_batches_total, COUNTER, "",
	  "Batches of changes that could not be written in full.", if (s->src.store) one(f, s->store.failed_batches))
WM_METRIC(webmesh_store_commit_seconds, HISTOGRAM, "",
	  "How long batches of changes took from being taken to being in the state.",
	  if (s->src.store) wm_metrics_add_histogram(f, NULL, 0, &s->store.commits))

/* ---- the servers that keep the state together ---- */
WM_METRIC(webmesh_raft_is_leader, GAUGE, "",
	  "1 on the server that orders the changes, else 0.", if (s->cluster) one(f, s->cluster->state == WM_MACHINE_LEADER))
WM_METRIC(webmesh_raft_term, GAUGE, "",
	  "The term, which rises with every election.", if (s->cluster) one(f, s->cluster->term))
WM_METRIC(webmesh_raft_last_index, GAUGE, "",
	  "The number of the last entry of the log.", if (s->cluster) one(f, s->cluster->last))
WM_METRIC(webmesh_raft_commit_index, GAUGE, "",
	  "The last entry that is known to be there for good.", if (s->cluster) one(f, s->cluster->commit))
WM_METRIC(webmesh_raft_applied_index, GAUGE, "",
	  "The last entry whose effect is in the state here.", if (s->cluster) one(f, s->cluster->applied))
WM_METRIC(webmesh_raft_log_bytes, GAUGE, "",
	  "Bytes of the log's entries.", if (s->cluster) one(f, s->cluster->log_bytes))
WM_METRIC(webmesh_raft_snapshot_index, GAUGE, "",
	  "The entry up to which the newest snapshot goes.", if (s->cluster) one(f, s->cluster->snapshot))
WM_METRIC(webmesh_raft_snapshot_bytes, GAUGE, "",
	  "Bytes of the newest snapshot.", if (s->cluster) one(f, s->cluster->snapshot_bytes))
WM_METRIC(webmesh_raft_snapshot_timestamp_seconds, GAUGE, "",
	  "When the newest snapshot was made or came; 0 for before this start.",
	  if (s->cluster) one_ns(f, s->cluster->snapshot_wall_ns))
WM_METRIC(webmesh_raft_members, GAUGE, "role",
	  "Servers that have the log, by role.", wm_scrape_members(f, s))
WM_METRIC(webmesh_raft_member_lag_entries, GAUGE, "node_id",
	  "Entries that a server does not have for sure yet; the leader alone tells.", wm_scrape_member_lag(f, s))
WM_METRIC(webmesh_raft_elections_total, COUNTER, "",
	  "Elections that this server called.", if (s->cluster) one(f, s->cluster->counts[WM_COUNT_ELECTIONS]))
WM_METRIC(webmesh_raft_leaderships_total, COUNTER, "",
	  "Times that this server came to lead.", if (s->cluster) one(f, s->cluster->counts[WM_COUNT_LEADERSHIPS]))
WM_METRIC(webmesh_raft_received_frames_total, COUNTER, "",
	  "Messages of other servers.", if (s->cluster) one(f, s->cluster->counts[WM_COUNT_FRAMES_IN]))
WM_METRIC(webmesh_raft_sent_frames_total, COUNTER, "",
	  "Messages to other servers.", if (s->cluster) one(f, s->cluster->counts[WM_COUNT_FRAMES_OUT]))
WM_METRIC(webmesh_raft_refused_frames_total, COUNTER, "",
	  "Messages that were malformed, stale or forged.", if (s->cluster) one(f, s->cluster->counts[WM_COUNT_FRAMES_REFUSED]))
WM_METRIC(webmesh_raft_lost_frames_total, COUNTER, "",
	  "Messages that were dropped since too many waited.", if (s->cluster) one(f, s->cluster->lost_frames))
WM_METRIC(webmesh_raft_disk_failures_total, COUNTER, "",
	  "Times that the disk of log or state failed.", if (s->cluster) one(f, s->cluster->counts[WM_COUNT_DISK_FAILURES]))
WM_METRIC(webmesh_raft_sync_seconds, HISTOGRAM, "",
	  "How long steps of the log took to be written and synced.",
	  if (s->cluster) wm_metrics_add_histogram(f, NULL, 0, &s->cluster->persists))

/* ---- what is made of this host's network ---- */
WM_METRIC(webmesh_fabric_applies_total, COUNTER, "",
	  "Desired states of this host's network that were taken.", if (s->src.fabric) one(f, s->fabric.applies))
WM_METRIC(webmesh_fabric_last_apply_timestamp_seconds, GAUGE, "",
	  "When a desired state was taken last; 0 for never.", if (s->src.fabric) one_ns(f, s->fabric.last_apply_wall_ns))
WM_METRIC(webmesh_fabric_steps_total, COUNTER, "",
	  "Changes made to the host.", if (s->src.fabric) one(f, s->fabric.steps))
WM_METRIC(webmesh_fabric_failed_steps_total, COUNTER, "",
	  "Changes to the host that failed; each is tried again.", if (s->src.fabric) one(f, s->fabric.failed_steps))
WM_METRIC(webmesh_fabric_mended_total, COUNTER, "",
	  "Changes of others to the interface that were put right.", if (s->src.fabric) one(f, s->fabric.mended))
WM_METRIC(webmesh_fabric_refused_default_routes_total, COUNTER, "",
	  "Default routes that were left out.", if (s->src.fabric) one(f, s->fabric.defaults_refused))
WM_METRIC(webmesh_fabric_unapplied, GAUGE, "",
	  "Things that are desired and not so.", if (s->src.fabric) one(f, s->n_failures))
WM_METRIC(webmesh_fabric_unapplied_since_timestamp_seconds, GAUGE, "what, code",
	  "Since when one thing is desired and not so, and why; at most 256.", wm_scrape_failures(f, s))

/* ---- this endpoint ---- */
WM_METRIC(webmesh_http_connections, GAUGE, "",
	  "Connections to this endpoint.", one(f, s->http.connections))
WM_METRIC(webmesh_http_answers_total, COUNTER, "code",
	  "Answers of this endpoint, by status, as far as they were made when this was.", wm_scrape_http(f, s))
WM_METRIC(webmesh_http_refused_connections_total, COUNTER, "",
	  "Connections that came from where this is not for.",
	  one(f, s->http.refused))
WM_METRIC(webmesh_http_evicted_connections_total, COUNTER, "",
	  "Connections that waited for their client, or for an answer to be read, and made room for newer ones.", one(f, s->http.evicted))

/* clang-format on */
