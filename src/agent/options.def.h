/*
 * The node's options, one row each (conf/option.h says what a row is). Included several times, with
 * WM_OPT defined by the includer: once for the struct, once for the table; so no #pragma once.
 *     WM_OPT(kind, field, section, name, default, sentence, further members of the row...)
 * LATER: part of what this version does not do; refused by name when it is set.
 * RELOAD: a change takes effect on SIGHUP; that of any other needs a restart (agent/reload.c).
 */
#define LATER  .attrs = WM_CONF_LATER
#define RELOAD .attrs = WM_CONF_RELOAD
#define MILLI  INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* clang-format off */

/* ---- the program ---- */
WM_OPT(BOOL, help, "", "help", "false", "Show the options and end", .letter = 'h',
       .attrs = WM_CONF_ALONE | WM_CONF_NO_ENV | WM_CONF_NO_FILE)
WM_OPT(BOOL, version, "", "version", "false", "Show the version and end",
       .attrs = WM_CONF_ALONE | WM_CONF_NO_ENV | WM_CONF_NO_FILE)
WM_OPT(BOOL, json, "", "json", "false", "Show the version as JSON",
       .attrs = WM_CONF_NO_ENV | WM_CONF_NO_FILE)
WM_OPT(STRING, config, "", "config", "", "Configuration file (.yaml, .json, .toml)",
       .value = "FILE",
       .attrs = WM_CONF_PATH | WM_CONF_NO_ENV | WM_CONF_NO_FILE)
WM_OPT(BOOL, print_config, "", "print-config", "false",
       "Print what file, environment and flags say, as JSON, and end; secrets are (hidden)",
       .attrs = WM_CONF_UNCHECKED | WM_CONF_NO_ENV | WM_CONF_NO_FILE)
WM_OPT(DURATION, start_timeout, "", "start-timeout", "0s",
       "Longest time until this node is a member; 0 for no limit",
       .attrs = WM_CONF_NO_ENV | WM_CONF_NO_FILE, .max = INT64_MAX)
WM_OPT(DURATION, shutdown_timeout, "", "shutdown-timeout", "0s",
       "Longest time to stop in, after which it ends anyway; 0 for no limit",
       .attrs = WM_CONF_NO_ENV | WM_CONF_NO_FILE, .max = INT64_MAX)

/* ---- global: set many others at once ---- */
WM_OPT(BOOL, global_allow_remote_detection, "global.", "allow-remote-detection", "false",
       "Ask a public name server for the address this host has outside", LATER)
WM_OPT(STRING, global_crash_dir, "global.", "crash-dir", "",
       "Folder of crash reports; else that of storage.path, unless the state is in memory",
       .value = "FOLDER")
WM_OPT(BOOL, global_detect_endpoints, "global.", "detect-endpoints", "false",
       "Find public addresses on the interfaces", RELOAD)
WM_OPT(BOOL, global_detect_ipv6, "global.", "detect-ipv6", "false",
       "Find IPv6 addresses too", RELOAD)
WM_OPT(BOOL, global_detect_private_endpoints, "global.", "detect-private-endpoints", "false",
       "Find addresses of private ranges too; implies detection", RELOAD)
WM_OPT(BOOL, global_disable_ipv4, "global.", "disable-ipv4", "false",
       "No IPv4 in the mesh")
WM_OPT(BOOL, global_disable_ipv6, "global.", "disable-ipv6", "false",
       "No IPv6 in the mesh")
WM_OPT(LIST, global_endpoints, "global.", "endpoints", "",
       "Further public addresses of this host; each gets the WireGuard port", .of = WM_CONF_IP,
       RELOAD)
WM_OPT(BOOL, global_insecure, "global.", "insecure", "false",
       "No TLS, neither as server nor as client")
WM_OPT(BOOL, global_insecure_skip_verify, "global.", "insecure-skip-verify", "false",
       "Do not check the certificates of servers", RELOAD)
WM_OPT(WORD, global_log_format, "global.", "log-format", "text",
       "Form of the log on standard error", .words = "text|json", RELOAD)
WM_OPT(WORD, global_log_level, "global.", "log-level", "info",
       "Least severity that is logged", .words = "trace|debug|info|warn|error|silent|off|", RELOAD)
WM_OPT(BOOL, global_mtls, "global.", "mtls", "false",
       "Demand client certificates, show one when joining, and know callers by theirs")
WM_OPT(IP, global_primary_endpoint, "global.", "primary-endpoint", "",
       "Public address of this host, wherever none is given", RELOAD)
WM_OPT(STRING, global_tls_ca_file, "global.", "tls-ca-file", "",
       "Authority of the servers that are dialled", .value = "FILE", RELOAD)
WM_OPT(STRING, global_tls_cert_file, "global.", "tls-cert-file", "",
       "Certificate of this node", .value = "FILE", RELOAD)
WM_OPT(STRING, global_tls_client_ca_file, "global.", "tls-client-ca-file", "",
       "Authority of client certificates; without it that of tls-ca-file", .value = "FILE", RELOAD)
WM_OPT(STRING, global_tls_key_file, "global.", "tls-key-file", "",
       "Private key of that certificate", .value = "FILE", RELOAD)
WM_OPT(BOOL, global_verify_chain_only, "global.", "verify-chain-only", "false",
       "Check who signed a server's certificate, but not its name", RELOAD)

/* ---- mesh: this node as a member ---- */
WM_OPT(STRING, mesh_node_id, "mesh.", "node-id", "",
       "ID of this node; else the name in its certificate, else the host's name", .value = "ID")
WM_OPT(IP, mesh_primary_endpoint, "mesh.", "primary-endpoint", "",
       "Public address that is told to the others; none means not reachable from outside", RELOAD)
WM_OPT(STRING, mesh_zone_awareness_id, "mesh.", "zone-awareness-id", "",
       "Zone of this node; members of one zone prefer addresses of their own networks",
       .value = "ID")
WM_OPT(LIST, mesh_join_addresses, "mesh.", "join-addresses", "",
       "API servers to join through, tried in order", .of = WM_CONF_HOST_PORT, RELOAD)
WM_OPT(INT, mesh_max_join_retries, "mesh.", "max-join-retries", "15",
       "How often to try to join", .max = INT32_MAX, RELOAD)
WM_OPT(PORT, mesh_grpc_advertise_port, "mesh.", "grpc-advertise-port", "8443",
       "API port that is told to the others; 0 or not given: that of services.api.listen-address")
WM_OPT(BOOL, mesh_disable_ipv4, "mesh.", "disable-ipv4", "false",
       "No IPv4 in the mesh")
WM_OPT(BOOL, mesh_disable_ipv6, "mesh.", "disable-ipv6", "false",
       "No IPv6 in the mesh")
WM_OPT(LIST, mesh_routes, "mesh.", "routes", "",
       "Networks behind this node that the others may reach through it", .of = WM_CONF_PREFIX)
WM_OPT(BOOL, mesh_storage_prefer_ipv6, "mesh.", "storage-prefer-ipv6", "false",
       "Reach storage members over IPv6", .file_key = "mesh.prefer-ipv6")
WM_OPT(BOOL, mesh_request_vote, "mesh.", "request-vote", "false",
       "Ask to hold the state and to vote")
WM_OPT(BOOL, mesh_request_observer, "mesh.", "request-observer", "false",
       "Ask to hold the state without a vote")
WM_OPT(BOOL, mesh_leave_on_stop, "mesh.", "leave-on-stop", "false",
       "Give up membership and addresses when the node stops; else both are kept", RELOAD)
WM_OPT(MAP, mesh_default_ipam_static_ipv4, "mesh.", "default-ipam-static-ipv4", "",
       "Fixed IPv4 addresses by node ID", .of = WM_CONF_PREFIX, LATER)
WM_OPT(BOOL, mesh_disable_default_ipam, "mesh.", "disable-default-ipam", "false",
       "Leave the giving of addresses to a plugin", LATER)
WM_OPT(BOOL, mesh_disable_feature_advertisement, "mesh.", "disable-feature-advertisement", "false",
       "Do not tell the others what this node offers", LATER)
WM_OPT(LIST, mesh_ice_peers, "mesh.", "ice-peers", "",
       "Nodes to link to by ICE", .of = WM_CONF_STRING, LATER)
WM_OPT(LIST, mesh_join_multiaddrs, "mesh.", "join-multiaddrs", "",
       "libp2p addresses to join through", .of = WM_CONF_STRING, LATER)
WM_OPT(LIST, mesh_libp2p_peers, "mesh.", "libp2p-peers", "",
       "Nodes to link to by libp2p", .of = WM_CONF_STRING, LATER)
WM_OPT(PORT, mesh_meshdns_advertise_port, "mesh.", "meshdns-advertise-port", "53",
       "Name server port that is told to the others", LATER)
WM_OPT(BOOL, mesh_use_meshdns, "mesh.", "use-meshdns", "false",
       "Let this host ask the mesh's name servers", LATER)

/* ---- auth: who we are when we join ---- */
WM_OPT(STRING, auth_mtls_cert_file, "auth.", "mtls.cert-file", "",
       "Client certificate; its name is the node ID unless one is given", .value = "FILE", RELOAD)
WM_OPT(STRING, auth_mtls_cert_data, "auth.", "mtls.cert-data", "",
       "The same as base64 of PEM", .value = "BASE64", RELOAD)
WM_OPT(STRING, auth_mtls_key_file, "auth.", "mtls.key-file", "",
       "Private key of the client certificate", .value = "FILE", RELOAD)
WM_OPT(STRING, auth_mtls_key_data, "auth.", "mtls.key-data", "",
       "The same as base64 of PEM", .value = "BASE64", .attrs = WM_CONF_RELOAD | WM_CONF_SECRET)
WM_OPT(STRING, auth_basic_username, "auth.", "basic.username", "",
       "User name for basic authentication", LATER)
WM_OPT(STRING, auth_basic_password, "auth.", "basic.password", "",
       "Password for basic authentication",
       .attrs = WM_CONF_LATER | WM_CONF_SECRET | WM_CONF_FROM_FILE)
WM_OPT(STRING, auth_ldap_username, "auth.", "ldap.username", "",
       "User name for LDAP", LATER)
WM_OPT(STRING, auth_ldap_password, "auth.", "ldap.password", "",
       "Password for LDAP",
       .attrs = WM_CONF_LATER | WM_CONF_SECRET | WM_CONF_FROM_FILE)
WM_OPT(BOOL, auth_id_auth_enabled, "auth.", "id-auth.enabled", "false",
       "Prove the node key with each call", LATER)
WM_OPT(STRING, auth_id_auth_alias, "auth.", "id-auth.alias", "",
       "Alias to register for the node key", LATER)
WM_OPT(STRING, auth_id_auth_registrar, "auth.", "id-auth.registrar", "",
       "Registrar to register the alias with", .attrs = WM_CONF_LATER | WM_CONF_NO_FLAG)

/* ---- bootstrap: making a new mesh ---- */
WM_OPT(BOOL, bootstrap_enabled, "bootstrap.", "enabled", "false",
       "Make a new mesh when the store is empty")
WM_OPT(BOOL, bootstrap_force, "bootstrap.", "force", "false",
       "Throw away what the store holds and make a new mesh")
WM_OPT(STRING, bootstrap_admin, "bootstrap.", "admin", "admin",
       "Who gets the administrator's role in the new mesh", .value = "ID")
WM_OPT(WORD, bootstrap_default_network_policy, "bootstrap.", "default-network-policy", "accept",
       "What may flow in the new mesh while no rule speaks of it", .words = "accept|drop")
WM_OPT(BOOL, bootstrap_disable_rbac, "bootstrap.", "disable-rbac", "false",
       "Everybody may do everything in the new mesh")
WM_OPT(PREFIX, bootstrap_ipv4_network, "bootstrap.", "ipv4-network", "172.16.0.0/12",
       "IPv4 network of the new mesh")
WM_OPT(PREFIX, bootstrap_ipv6_network, "bootstrap.", "ipv6-network", "",
       "IPv6 network of the new mesh, a /48; else a random one")
WM_OPT(STRING, bootstrap_mesh_domain, "bootstrap.", "mesh-domain", "webmesh.internal",
       "Domain of the new mesh", .value = "DOMAIN")
WM_OPT(LIST, bootstrap_voters, "bootstrap.", "voters", "",
       "Further nodes that may vote", .of = WM_CONF_STRING)
WM_OPT(DURATION, bootstrap_election_timeout, "bootstrap.", "election-timeout", "3s",
       "How long several first servers wait for each other", LATER)
WM_OPT(MAP, bootstrap_transport_server_grpc_ports, "bootstrap.", "transport.server-grpc-ports", "",
       "API ports of the other first servers", .of = WM_CONF_PORT, LATER)
WM_OPT(HOST_PORT, bootstrap_transport_tcp_advertise_address, "bootstrap.",
       "transport.tcp-advertise-address", "127.0.0.1:9001",
       "Address that the other first servers reach this one at", LATER)
WM_OPT(DURATION, bootstrap_transport_tcp_connect_timeout, "bootstrap.",
       "transport.tcp-connect-timeout", "3s", "Time to connect to another first server", LATER)
WM_OPT(INT, bootstrap_transport_tcp_connection_pool, "bootstrap.", "transport.tcp-connection-pool",
       "0",
       "Connections kept to each other first server", LATER)
WM_OPT(HOST_PORT, bootstrap_transport_tcp_listen_address, "bootstrap.",
       "transport.tcp-listen-address",
       "[::]:9001", "Where to listen for the other first servers", LATER)
WM_OPT(MAP, bootstrap_transport_tcp_servers, "bootstrap.", "transport.tcp-servers", "",
       "The other first servers by node ID", .of = WM_CONF_HOST_PORT, LATER)

/* ---- storage: the state of the mesh ---- */
WM_OPT(BOOL, storage_in_memory, "storage.", "in-memory", "false",
       "Keep the state in memory; it is lost with the process")
WM_OPT(STRING, storage_path, "storage.", "path", "/var/lib/webmesh/store",
       "Folder of the state", .value = "FOLDER")
WM_OPT(WORD, storage_provider, "storage.", "provider", "raft",
       "What keeps the state", .words = "raft|external|passthrough|")
WM_OPT(STRING, storage_log_format, "storage.", "log-format", "", "Form of the storage log", LATER)
WM_OPT(STRING, storage_log_level, "storage.", "log-level", "info", "Level of the storage log",
       LATER)
WM_OPT(MAP, storage_external_config, "storage.", "external.config", "",
       "Settings of the external storage", .of = WM_CONF_STRING, LATER)
WM_OPT(BOOL, storage_external_insecure, "storage.", "external.insecure", "false",
       "No TLS to the external storage", LATER)
WM_OPT(STRING, storage_external_server, "storage.", "external.server", "",
       "Address of the external storage", LATER)
WM_OPT(STRING, storage_external_tls_ca_file, "storage.", "external.tls-ca-file", "",
       "Authority of the external storage", LATER)
WM_OPT(STRING, storage_external_tls_cert_file, "storage.", "external.tls-cert-file", "",
       "Certificate towards the external storage", LATER)
WM_OPT(STRING, storage_external_tls_key_file, "storage.", "external.tls-key-file", "",
       "Key of that certificate", LATER)
WM_OPT(BOOL, storage_external_tls_skip_verify, "storage.", "external.tls-skip-verify", "false",
       "Do not check the external storage's certificate", LATER)
WM_OPT(STRING, storage_external_tls_ca_data, "storage.", "external.tls-ca-data", "",
       "Authority as base64 of PEM", .attrs = WM_CONF_LATER | WM_CONF_NO_FLAG)
WM_OPT(STRING, storage_external_tls_cert_data, "storage.", "external.tls-cert-data", "",
       "Certificate as base64 of PEM", .attrs = WM_CONF_LATER | WM_CONF_NO_FLAG)
WM_OPT(STRING, storage_external_tls_key_data, "storage.", "external.tls-key-data", "",
       "Key as base64 of PEM", .attrs = WM_CONF_LATER | WM_CONF_NO_FLAG | WM_CONF_SECRET)
WM_OPT(DURATION, storage_raft_apply_timeout, "storage.", "raft.apply-timeout", "10s",
       "Longest wait for a change to be in the state", .min = 100 * MILLI, .max = 3600000 * MILLI)
WM_OPT(DURATION, storage_raft_commit_timeout, "storage.", "raft.commit-timeout", "10s",
       "Longest wait for a majority to have a change; the smaller of both counts",
       .min = 100 * MILLI, .max = 3600000 * MILLI)
WM_OPT(INT, storage_raft_connection_pool_count, "storage.", "raft.connection-pool-count", "0",
       "Connections kept to each member", LATER)
WM_OPT(DURATION, storage_raft_connection_timeout, "storage.", "raft.connection-timeout", "3s",
       "Time to connect to a member", LATER)
WM_OPT(DURATION, storage_raft_election_timeout, "storage.", "raft.election-timeout", "400ms",
       "How long an election may take; the larger of this and heartbeat-timeout counts for both",
       .min = 50 * MILLI, .max = 60000 * MILLI)
WM_OPT(INT, storage_raft_heartbeat_purge_threshold, "storage.", "raft.heartbeat-purge-threshold",
       "25",
       "Heartbeat timeouts without a word after which a voter loses its vote; 0 = never",
       .min = 0, .max = 1000000)
WM_OPT(DURATION, storage_raft_heartbeat_timeout, "storage.", "raft.heartbeat-timeout", "400ms",
       "Silence after which a follower calls an election; a leader is heard eight times in it",
       .min = 50 * MILLI, .max = 60000 * MILLI)
WM_OPT(DURATION, storage_raft_leader_lease_timeout, "storage.", "raft.leader-lease-timeout", "2s",
       "How long a leader may lead without an answer", LATER)
WM_OPT(ENDPOINT, storage_raft_listen_address, "storage.", "raft.listen-address", "[::]:9000",
       "Port for other storage members, on the mesh addresses; the host is not looked at")
WM_OPT(INT, storage_raft_max_append_entries, "storage.", "raft.max-append-entries", "64",
       "Entries sent at once", LATER)
WM_OPT(INT, storage_raft_observer_chan_buffer, "storage.", "raft.observer-chan-buffer", "100",
       "Events kept for slow watchers", LATER)
WM_OPT(DURATION, storage_raft_snapshot_interval, "storage.", "raft.snapshot-interval", "30s",
       "How often to see whether a snapshot is due", .min = 1 * MILLI, .max = 86400000 * MILLI)
WM_OPT(INT, storage_raft_snapshot_retention, "storage.", "raft.snapshot-retention", "2",
       "Snapshots kept", .min = 1, .max = 100)
WM_OPT(INT, storage_raft_snapshot_threshold, "storage.", "raft.snapshot-threshold", "8192",
       "Entries between snapshots; a log of more than 32 MiB has one earlier",
       .min = 1, .max = 1000000000)

/* ---- tls: towards the servers that are dialled ---- */
WM_OPT(STRING, tls_ca_file, "tls.", "ca-file", "", "Authority of the servers", .value = "FILE",
       .file_key = "tls.tls-ca-file", RELOAD)
WM_OPT(STRING, tls_ca_data, "tls.", "ca-data", "", "The same as base64 of PEM", .value = "BASE64",
       .file_key = "tls.tls-ca-data", RELOAD)
WM_OPT(BOOL, tls_insecure, "tls.", "insecure", "false", "No TLS")
WM_OPT(BOOL, tls_insecure_skip_verify, "tls.", "insecure-skip-verify", "false",
       "Do not check the certificates of servers", RELOAD)
WM_OPT(BOOL, tls_verify_chain_only, "tls.", "verify-chain-only", "false",
       "Check who signed a server's certificate, but not its name", RELOAD)

/* ---- wireguard: the interface ---- */
WM_OPT(STRING, wireguard_interface_name, "wireguard.", "interface-name", "webmesh0",
       "Name of the interface; wg+ takes the first free of wg0, wg1 and so on", .value = "NAME")
WM_OPT(PORT, wireguard_listen_port, "wireguard.", "listen-port", "51820", "UDP port", .min = 1025,
       .max = 65535)
WM_OPT(LIST, wireguard_endpoints, "wireguard.", "endpoints", "",
       "Addresses with port that are told to the others", .of = WM_CONF_ENDPOINT, RELOAD)
WM_OPT(STRING, wireguard_key_file, "wireguard.", "key-file", "",
       "Node key; made when missing, and a new key at each start without this", .value = "FILE")
WM_OPT(DURATION, wireguard_key_rotation_interval, "wireguard.", "key-rotation-interval", "168h0m0s",
       "Age at which a start replaces the key file; 0 for never", .max = INT64_MAX)
WM_OPT(INT, wireguard_mtu, "wireguard.", "mtu", "1420", "Largest packet of the interface",
       .min = 1280, .max = 65535)
WM_OPT(DURATION, wireguard_persistent_keepalive, "wireguard.", "persistent-keepalive", "0s",
       "How often to keep paths open; 0 for 30s", .max = 65535 * SECOND, RELOAD)
WM_OPT(BOOL, wireguard_disable_offloads, "wireguard.", "disable-offloads", "false",
       "Exchange packets with the host one by one; slower, for a host that mishandles large ones")
WM_OPT(BOOL, wireguard_disable_full_tunnel, "wireguard.", "disable-full-tunnel", "false",
       "Do not send all traffic through a node that offers it")
WM_OPT(BOOL, wireguard_force_interface_name, "wireguard.", "force-interface-name", "false",
       "Remove an interface that has the name already, unless it is a template")
WM_OPT(BOOL, wireguard_force_tun, "wireguard.", "force-tun", "false",
       "Carry the packets in this process, also where the kernel has WireGuard")
WM_OPT(BOOL, wireguard_record_metrics, "wireguard.", "record-metrics", "false",
       "Collect figures of the interface; this version always does")
WM_OPT(DURATION, wireguard_record_metrics_interval, "wireguard.", "record-metrics-interval", "10s",
       "How often to collect them; this version does when they are asked for", .max = INT64_MAX)
WM_OPT(BOOL, wireguard_masquerade, "wireguard.", "masquerade", "false",
       "Hide the mesh's addresses behind this node's", LATER)
WM_OPT(STRING, wireguard_netns, "wireguard.", "netns", "",
       "Network namespace for the interface, a name of ip netns or a path; UDP stays outside",
       .value = "NAME")
WM_OPT(BOOL, wireguard_modprobe, "wireguard.", "modprobe", "false",
       "Load the kernel's WireGuard at the start, if it is not there")

/* ---- services.api: the gRPC server ---- */
WM_OPT(BOOL, services_api_disabled, "services.api.", "disabled", "false", "No API server")
WM_OPT(ENDPOINT, services_api_listen_address, "services.api.", "listen-address", "[::]:8443",
       "Where to listen")
WM_OPT(SIZE, services_api_max_message_size, "services.api.", "max-message-size", "4MiB",
       "Longest message that is taken; what is longer ends its call", .min = 64 << 10,
       .max = 256 << 20)
WM_OPT(BOOL, services_api_insecure, "services.api.", "insecure", "false", "No TLS")
WM_OPT(BOOL, services_api_mesh_enabled, "services.api.", "mesh-enabled", "false",
       "Offer the Mesh service (nodes and graph)")
WM_OPT(BOOL, services_api_mtls, "services.api.", "mtls", "false", "Demand client certificates")
WM_OPT(STRING, services_api_mtls_client_ca_file, "services.api.", "mtls-client-ca-file", "",
       "Authority of client certificates", .value = "FILE", RELOAD)
WM_OPT(STRING, services_api_tls_cert_file, "services.api.", "tls-cert-file", "",
       "Certificate; without one a fresh one is made at each start", .value = "FILE", RELOAD)
WM_OPT(STRING, services_api_tls_cert_data, "services.api.", "tls-cert-data", "",
       "The same as base64 of PEM", .value = "BASE64", RELOAD)
WM_OPT(STRING, services_api_tls_key_file, "services.api.", "tls-key-file", "",
       "Private key of the certificate", .value = "FILE", RELOAD)
WM_OPT(STRING, services_api_tls_key_data, "services.api.", "tls-key-data", "",
       "The same as base64 of PEM", .value = "BASE64", .attrs = WM_CONF_RELOAD | WM_CONF_SECRET)
WM_OPT(BOOL, services_api_admin_enabled, "services.api.", "admin-enabled", "false",
       "Offer the Admin service", LATER)
WM_OPT(LIST, services_api_allowed_origins, "services.api.", "allowed-origins", "*",
       "Web origins that may call", .of = WM_CONF_STRING, LATER)
WM_OPT(BOOL, services_api_cors_enabled, "services.api.", "cors-enabled", "false",
       "Answer browsers of other origins", LATER)
WM_OPT(BOOL, services_api_disable_leader_proxy, "services.api.", "disable-leader-proxy", "false",
       "Do not pass calls on to the leader", LATER)
WM_OPT(BOOL, services_api_web_enabled, "services.api.", "web-enabled", "false",
       "Answer gRPC-Web", LATER)
WM_OPT(BOOL, services_api_libp2p_announce, "services.api.", "libp2p.announce", "false",
       "Announce the API on the DHT", LATER)
WM_OPT(LIST, services_api_libp2p_bootstrap_servers, "services.api.", "libp2p.bootstrap-servers", "",
       "First servers of the DHT", .of = WM_CONF_STRING, LATER)
WM_OPT(DURATION, services_api_libp2p_connect_timeout, "services.api.", "libp2p.connect-timeout",
       "0s",
       "Time to connect", LATER)
WM_OPT(BOOL, services_api_libp2p_enabled, "services.api.", "libp2p.enabled", "false",
       "Offer the API over libp2p", LATER)
WM_OPT(LIST, services_api_libp2p_local_addrs, "services.api.", "libp2p.local-addrs", "",
       "Where to listen", .of = WM_CONF_STRING, LATER)
WM_OPT(STRING, services_api_libp2p_rendezvous, "services.api.", "libp2p.rendezvous", "",
       "Word to be found by",
       .attrs = WM_CONF_LATER | WM_CONF_SECRET | WM_CONF_FROM_FILE)

/* ---- services.*: the others ---- */
WM_OPT(BOOL, services_meshdns_enabled, "services.meshdns.", "enabled", "false",
       "Run a name server for the mesh", LATER)
WM_OPT(ENDPOINT, services_meshdns_listen_udp, "services.meshdns.", "listen-udp", "[::]:53",
       "Where to listen for UDP", LATER)
WM_OPT(ENDPOINT, services_meshdns_listen_tcp, "services.meshdns.", "listen-tcp", "[::]:53",
       "Where to listen for TCP", .alias = "services.meshdns.isten-tcp", LATER)
WM_OPT(INT, services_meshdns_cache_size, "services.meshdns.", "cache-size", "100",
       "Answers kept; 0 for none", LATER)
WM_OPT(BOOL, services_meshdns_compression, "services.meshdns.", "compression", "true",
       "Compress names in answers", LATER)
WM_OPT(BOOL, services_meshdns_disable_forwarding, "services.meshdns.", "disable-forwarding",
       "false",
       "Answer for the mesh only", LATER)
WM_OPT(LIST, services_meshdns_forwarders, "services.meshdns.", "forwarders", "",
       "Name servers for the rest", .of = WM_CONF_STRING, LATER)
WM_OPT(BOOL, services_meshdns_include_system_resolvers, "services.meshdns.",
       "include-system-resolvers",
       "false", "Ask the host's name servers too", LATER)
WM_OPT(BOOL, services_meshdns_ipv6_only, "services.meshdns.", "ipv6-only", "false",
       "Answer with IPv6 only", LATER)
WM_OPT(DURATION, services_meshdns_request_timeout, "services.meshdns.", "request-timeout", "5s",
       "How long to wait for another name server", LATER)
WM_OPT(INT, services_meshdns_reuse_port, "services.meshdns.", "reuse-port", "0",
       "Sockets per port", LATER)
WM_OPT(BOOL, services_meshdns_subscribe_forwarders, "services.meshdns.", "subscribe-forwarders",
       "false",
       "Use members that forward", LATER)
WM_OPT(BOOL, services_webrtc_enabled, "services.webrtc.", "enabled", "false",
       "Offer WebRTC signalling", LATER)
WM_OPT(LIST, services_webrtc_stun_servers, "services.webrtc.", "stun-servers",
       "stun:stun.l.google.com:19302", "STUN and TURN servers", .of = WM_CONF_STRING, LATER)
WM_OPT(BOOL, services_turn_enabled, "services.turn.", "enabled", "false",
       "Run a TURN server", LATER)
WM_OPT(STRING, services_turn_endpoint, "services.turn.", "endpoint", "",
       "Its address for the others", LATER)
WM_OPT(ENDPOINT, services_turn_listen_address, "services.turn.", "listen-address", "[::]:3478",
       "Where to listen", LATER)
WM_OPT(STRING, services_turn_port_range, "services.turn.", "port-range", "49152-65535",
       "Ports for relaying", LATER)
WM_OPT(IP, services_turn_public_ip, "services.turn.", "public-ip", "",
       "Address for relaying", LATER)
WM_OPT(STRING, services_turn_realm, "services.turn.", "realm", "webmesh", "Its realm", LATER)
WM_OPT(BOOL, services_registrar_enabled, "services.registrar.", "enabled", "false",
       "Offer the Registrar service", LATER)
WM_OPT(LIST, services_registrar_id_auth_allowed_ids, "services.registrar.", "id-auth.allowed-ids",
       "",
       "Peer IDs that may register", .of = WM_CONF_STRING, LATER)
WM_OPT(LIST, services_registrar_id_auth_id_files, "services.registrar.", "id-auth.id-files", "",
       "Files with such IDs", .of = WM_CONF_STRING, LATER)
WM_OPT(BOOL, services_registrar_id_auth_insecure_allow_all, "services.registrar.",
       "id-auth.insecure-allow-all", "false", "Anybody may register", LATER)
WM_OPT(INT, services_registrar_id_auth_remote_fetch_retries, "services.registrar.",
       "id-auth.remote-fetch-retries", "5", "How often to try to fetch such a file", LATER)
WM_OPT(DURATION, services_registrar_id_auth_remote_fetch_retry_interval, "services.registrar.",
       "id-auth.remote-fetch-retry-interval", "3s", "Time between these tries", LATER)
WM_OPT(INT, services_registrar_id_auth_time_skew, "services.registrar.", "id-auth.time-skew", "1",
       "How far clocks may differ, in steps of 30 s", LATER)
WM_OPT(BOOL, services_registrar_id_auth_watch_id_files, "services.registrar.",
       "id-auth.watch-id-files",
       "false", "Read the files again when they change", LATER)
WM_OPT(DURATION, services_registrar_id_auth_watch_interval, "services.registrar.",
       "id-auth.watch-interval", "1m0s", "How often to look", LATER)
WM_OPT(BOOL, services_registrar_private, "services.registrar.", "private", "false",
       "Only members may ask", LATER)
WM_OPT(BOOL, services_metrics_enabled, "services.metrics.", "enabled", "false",
       "Offer figures to Prometheus")
WM_OPT(ENDPOINT, services_metrics_listen_address, "services.metrics.", "listen-address",
       "[::]:8080",
       "Where to listen; when not given, only this host and the mesh are served")
WM_OPT(STRING, services_metrics_path, "services.metrics.", "path", "/metrics",
       "Path of the figures", .value = "PATH")

/* ---- discovery ---- */
WM_OPT(BOOL, discovery_discover, "discovery.", "discover", "false",
       "Find a member on the DHT", LATER)
WM_OPT(LIST, discovery_bootstrap_servers, "discovery.", "bootstrap-servers", "",
       "First servers of the DHT", .of = WM_CONF_STRING, LATER)
WM_OPT(DURATION, discovery_connect_timeout, "discovery.", "connect-timeout", "5s",
       "Time to connect", LATER)
WM_OPT(LIST, discovery_local_addrs, "discovery.", "local-addrs", "",
       "Where to listen", .of = WM_CONF_STRING, LATER)
WM_OPT(STRING, discovery_rendezvous, "discovery.", "rendezvous", "",
       "Word to find each other by",
       .attrs = WM_CONF_LATER | WM_CONF_SECRET | WM_CONF_FROM_FILE)

/* ---- plugins ---- */
#define PLUGIN_LATER .attrs = WM_CONF_LATER | WM_CONF_NO_ENV
WM_OPT(STRING, plugins_mtls_ca_file, "plugins.", "mtls.ca-file", "",
       "Know callers by client certificates of this authority", .value = "FILE",
       .attrs = WM_CONF_RELOAD | WM_CONF_NO_ENV)
WM_OPT(STRING, plugins_mtls_ca_data, "plugins.", "mtls.ca-data", "",
       "The same as base64 of PEM", .value = "BASE64", .attrs = WM_CONF_RELOAD | WM_CONF_NO_ENV)
WM_OPT(STRING, plugins_basic_auth_htpasswd_file, "plugins.", "basic-auth.htpasswd-file", "",
       "Users and password hashes", PLUGIN_LATER)
WM_OPT(BOOL, plugins_debug_disable_pprof, "plugins.", "debug.disable-pprof", "false",
       "No profiles", PLUGIN_LATER)
WM_OPT(BOOL, plugins_debug_enable_db_querier, "plugins.", "debug.enable-db-querier", "false",
       "Let the state be read", PLUGIN_LATER)
WM_OPT(HOST_PORT, plugins_debug_listen_address, "plugins.", "debug.listen-address",
       "localhost:6060",
       "Where to listen", PLUGIN_LATER)
WM_OPT(STRING, plugins_debug_path_prefix, "plugins.", "debug.path-prefix", "/debug",
       "What paths begin with", PLUGIN_LATER)
WM_OPT(STRING, plugins_debug_pprof_profiles, "plugins.", "debug.pprof-profiles", "",
       "Profiles to offer", PLUGIN_LATER)
WM_OPT(LIST, plugins_id_auth_allowed_ids, "plugins.", "id-auth.allowed-ids", "",
       "Peer IDs that may call", .of = WM_CONF_STRING, PLUGIN_LATER)
WM_OPT(LIST, plugins_id_auth_id_files, "plugins.", "id-auth.id-files", "",
       "Files with such IDs", .of = WM_CONF_STRING, PLUGIN_LATER)
WM_OPT(BOOL, plugins_id_auth_insecure_allow_all, "plugins.", "id-auth.insecure-allow-all", "false",
       "Anybody may call", PLUGIN_LATER)
WM_OPT(INT, plugins_id_auth_remote_fetch_retries, "plugins.", "id-auth.remote-fetch-retries", "0",
       "How often to try to fetch such a file", PLUGIN_LATER)
WM_OPT(DURATION, plugins_id_auth_remote_fetch_retry_interval, "plugins.",
       "id-auth.remote-fetch-retry-interval", "0s", "Time between these tries", PLUGIN_LATER)
WM_OPT(INT, plugins_id_auth_time_skew, "plugins.", "id-auth.time-skew", "0",
       "How far clocks may differ, in steps of 30 s", PLUGIN_LATER)
WM_OPT(BOOL, plugins_id_auth_watch_id_files, "plugins.", "id-auth.watch-id-files", "false",
       "Read the files again when they change", PLUGIN_LATER)
WM_OPT(DURATION, plugins_id_auth_watch_interval, "plugins.", "id-auth.watch-interval", "0s",
       "How often to look", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_server, "plugins.", "ldap.server", "", "LDAP server", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_bind_dn, "plugins.", "ldap.bind-dn", "",
       "Name to search as", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_bind_password, "plugins.", "ldap.bind-password", "",
       "Password of that name",
       .attrs = WM_CONF_LATER | WM_CONF_NO_ENV | WM_CONF_SECRET | WM_CONF_FROM_FILE)
WM_OPT(STRING, plugins_ldap_ca_file, "plugins.", "ldap.ca-file", "",
       "Authority of the server", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_node_id_attribute, "plugins.", "ldap.node-id-attribute", "",
       "Attribute with the node ID", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_user_base_dn, "plugins.", "ldap.user-base-dn", "",
       "Where to search", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_user_disabled_value, "plugins.", "ldap.user-disabled-value", "",
       "What marks a disabled user", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_user_id_attribute, "plugins.", "ldap.user-id-attribute", "",
       "Attribute with the user's name", PLUGIN_LATER)
WM_OPT(STRING, plugins_ldap_user_status_attribute, "plugins.", "ldap.user-status-attribute", "",
       "Attribute that marks disabled users", PLUGIN_LATER)
WM_OPT(STRING, plugins_others, "plugins.", "", "", "Plugins outside this program",
       .file_key = "plugins.configs", .members = plugin_members,
       .attrs = WM_CONF_LATER | WM_CONF_NO_ENV | WM_CONF_FAMILY | WM_CONF_HIDDEN)

/* ---- bridge, daemon: other programs in this one ---- */
WM_OPT(BOOL, bridge_use_meshdns, "bridge.", "use-meshdns", "false",
       "Let this host ask the name servers of the meshes", PLUGIN_LATER)
WM_OPT(BOOL, bridge_meshdns_enabled, "bridge.", "meshdns.enabled", "false",
       "Run a name server for all meshes", PLUGIN_LATER)
WM_OPT(ENDPOINT, bridge_meshdns_listen_udp, "bridge.", "meshdns.listen-udp", "[::]:53",
       "Where to listen for UDP", PLUGIN_LATER)
WM_OPT(ENDPOINT, bridge_meshdns_listen_tcp, "bridge.", "meshdns.listen-tcp", "[::]:53",
       "Where to listen for TCP", PLUGIN_LATER)
WM_OPT(INT, bridge_meshdns_reuse_port, "bridge.", "meshdns.reuse-port", "0",
       "Sockets per port", PLUGIN_LATER)
WM_OPT(BOOL, bridge_meshdns_compression, "bridge.", "meshdns.compression", "true",
       "Compress names in answers", PLUGIN_LATER)
WM_OPT(DURATION, bridge_meshdns_request_timeout, "bridge.", "meshdns.request-timeout", "5s",
       "How long to wait for another name server", PLUGIN_LATER)
WM_OPT(LIST, bridge_meshdns_forwarders, "bridge.", "meshdns.forwarders", "",
       "Name servers for the rest", .of = WM_CONF_STRING, PLUGIN_LATER)
WM_OPT(BOOL, bridge_meshdns_subscribe_forwarders, "bridge.", "meshdns.subscribe-forwarders",
       "true", "Use members that forward", PLUGIN_LATER)
WM_OPT(BOOL, bridge_meshdns_disable_forwarding, "bridge.", "meshdns.disable-forwarding", "false",
       "Answer for the meshes only", PLUGIN_LATER)
WM_OPT(INT, bridge_meshdns_cache_size, "bridge.", "meshdns.cache-size", "0",
       "Answers kept; 0 for none", PLUGIN_LATER)
WM_OPT(STRING, bridge_others, "bridge.", "", "", "Member of several meshes",
       .file_key = "bridge.meshes", .words = "global. daemon. bridge. services.meshdns.",
       .attrs = WM_CONF_LATER | WM_CONF_NO_ENV | WM_CONF_FAMILY | WM_CONF_HIDDEN)
WM_OPT(BOOL, daemon_enabled, "daemon.", "enabled", "false",
       "Run as the application daemon", PLUGIN_LATER)
WM_OPT(STRING, daemon_bind, "daemon.", "bind", "/var/run/webmesh/webmesh.sock",
       "Where to listen", PLUGIN_LATER)
WM_OPT(LIST, daemon_cors_allowed_origins, "daemon.", "cors.allowed-origins", "*",
       "Web origins that may call", .of = WM_CONF_STRING, PLUGIN_LATER)
WM_OPT(BOOL, daemon_cors_enabled, "daemon.", "cors.enabled", "false",
       "Answer browsers of other origins", PLUGIN_LATER)
WM_OPT(BOOL, daemon_grpc_web, "daemon.", "grpc-web", "false", "Answer gRPC-Web", PLUGIN_LATER)
WM_OPT(BOOL, daemon_insecure_socket, "daemon.", "insecure-socket", "false",
       "Let everybody reach the socket", PLUGIN_LATER)
WM_OPT(STRING, daemon_key_file, "daemon.", "key-file", "", "Key of all connections", PLUGIN_LATER)
WM_OPT(DURATION, daemon_key_rotation, "daemon.", "key-rotation", "0s",
       "Age at which the key is replaced", PLUGIN_LATER)
WM_OPT(STRING, daemon_log_format, "daemon.", "log-format", "json", "Form of the log", PLUGIN_LATER)
WM_OPT(STRING, daemon_log_level, "daemon.", "log-level", "info", "Level of the log", PLUGIN_LATER)
WM_OPT(STRING, daemon_node_id, "daemon.", "node-id", "", "Node ID of all connections", PLUGIN_LATER)
WM_OPT(STRING, daemon_persistence_path, "daemon.", "persistence.path", "",
       "Folder of the profiles", PLUGIN_LATER)
WM_OPT(BOOL, daemon_ui_enabled, "daemon.", "ui.enabled", "false", "Offer a web page", PLUGIN_LATER)
WM_OPT(HOST_PORT, daemon_ui_listen_address, "daemon.", "ui.listen-address", "127.0.0.1:8080",
       "Where to listen for it", PLUGIN_LATER)
WM_OPT(PORT, daemon_wireguard_start_port, "daemon.", "wireguard-start-port", "51820",
       "First UDP port", PLUGIN_LATER)

/* clang-format on */
#undef LATER
#undef RELOAD
#undef MILLI
#undef SECOND
#undef PLUGIN_LATER
