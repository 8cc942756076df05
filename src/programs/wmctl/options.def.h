/*
 * The flags of wmctl, one row each, as in agent/options.def.h; .scope says which commands know
 * them (programs/wmctl/options.h).
 */
#define ONLINE .scope = WM_CTL_ONLINE | WM_CTL_LENIENT
#define LATER  .scope = WM_CTL_ONLINE | WM_CTL_LENIENT, .attrs = WM_CONF_LATER

/* clang-format off */

WM_OPT(BOOL, help, "", "help", "false", "Show what the command does and end", .letter = 'h',
       .attrs = WM_CONF_ALONE)

/* ---- where to and as whom ---- */
WM_OPT(STRING, config, "connection.", "config", "",
       "Configuration file, instead of $WMCTL_CONFIG or ~/.wmctl/config.yaml", .letter = 'c',
       .value = "FILE", ONLINE)
WM_OPT(STRING, context, "connection.", "context", "",
       "Context of that file, instead of its current-context", .value = "NAME", ONLINE)
WM_OPT(HOST_PORT, server, "connection.", "server", "localhost:8443",
       "API server; this and the flags below win over the file", ONLINE)
WM_OPT(BOOL, insecure, "connection.", "insecure", "false", "No TLS", ONLINE)
WM_OPT(STRING, certificate_authority, "connection.", "certificate-authority", "",
       "Authority of the server's certificate", .value = "FILE", ONLINE)
WM_OPT(BOOL, tls_verify_chain_only, "connection.", "tls-verify-chain-only", "false",
       "Check who signed the server's certificate, but not its name", ONLINE)
WM_OPT(BOOL, tls_skip_verify, "connection.", "tls-skip-verify", "false",
       "Do not check the server's certificate", ONLINE)
WM_OPT(STRING, client_certificate, "connection.", "client-certificate", "",
       "Certificate that says who calls", .value = "FILE", ONLINE)
WM_OPT(STRING, client_key, "connection.", "client-key", "", "Its private key", .value = "FILE",
       ONLINE)
WM_OPT(BOOL, prefer_leader, "connection.", "prefer-leader", "false",
       "Let the leader answer, not the server that is asked", ONLINE)
WM_OPT(DURATION, timeout, "connection.", "timeout", "10s", "Longest time to wait for an answer",
       .min = 1000000, .max = INT64_MAX, ONLINE)
WM_OPT(STRING, id_auth_key, "connection.", "id-auth-key", "", "Node key to prove", LATER)
WM_OPT(STRING, basic_auth_username, "connection.", "basic-auth-username", "", "User name", LATER)
WM_OPT(STRING, basic_auth_password, "connection.", "basic-auth-password", "", "Password", LATER)
WM_OPT(STRING, ldap_username, "connection.", "ldap-username", "", "User name", LATER)
WM_OPT(STRING, ldap_password, "connection.", "ldap-password", "", "Password", LATER)

/* ---- what comes out ---- */
WM_OPT(WORD, output, "", "output", "table", "Form of the answer", .letter = 'o',
       .words = "table|json|yaml", .scope = WM_CTL_OUTPUT)
WM_OPT(BOOL, json, "", "json", "false", "As JSON", .scope = WM_CTL_VERSION)

/* ---- pki ---- */
WM_OPT(STRING, pki_directory, "", "pki-directory", "",
       "Folder of the authority and its certificates",
       .letter = 'd', .value = "FOLDER", .scope = WM_CTL_PKI,
       .attrs = WM_CONF_REQUIRED | WM_CONF_NOT_EMPTY)
WM_OPT(STRING, ca_name, "", "ca-name", "webmesh-ca", "Name of the authority", .value = "NAME",
       .scope = WM_CTL_PKI_INIT, .attrs = WM_CONF_NOT_EMPTY)
WM_OPT(STRING, admin_name, "", "admin-name", "admin", "Name of the administrator", .value = "NAME",
       .scope = WM_CTL_PKI_INIT, .attrs = WM_CONF_NOT_EMPTY)
WM_OPT(STRING, issue_name, "", "name", "", "Node ID that the certificate is for", .value = "ID",
       .scope = WM_CTL_PKI_ISSUE, .attrs = WM_CONF_REQUIRED | WM_CONF_NOT_EMPTY)
WM_OPT(STRING, config_name, "", "name", "admin", "Whose certificate to use", .value = "ID",
       .scope = WM_CTL_PKI_CONFIG, .attrs = WM_CONF_NOT_EMPTY)
WM_OPT(WORD, key_type, "", "key-type", "ecdsa", "Kind of the keys", .words = "ecdsa|rsa|webmesh",
       .scope = WM_CTL_PKI_INIT | WM_CTL_PKI_ISSUE)
WM_OPT(INT, key_size, "", "key-size", "256",
       "Size of the keys: 256, 384, 521, or bits of RSA (2048)",
       .max = 8192, .scope = WM_CTL_PKI_INIT | WM_CTL_PKI_ISSUE)
WM_OPT(DURATION, ca_expiry, "", "ca-expiry", "8760h", "How long the authority is good",
       .min = 1000000000, .max = INT64_MAX, .scope = WM_CTL_PKI_INIT)
WM_OPT(DURATION, admin_expiry, "", "admin-expiry", "2160h",
       "How long the administrator's certificate is good", .min = 1000000000, .max = INT64_MAX,
       .scope = WM_CTL_PKI_INIT)
WM_OPT(DURATION, expiry, "", "expiry", "2160h", "How long the certificate is good",
       .min = 1000000000, .max = INT64_MAX, .scope = WM_CTL_PKI_ISSUE)
WM_OPT(HOST_PORT, config_server, "", "server", "", "API server that the configuration is for",
       .scope = WM_CTL_PKI_CONFIG, .attrs = WM_CONF_REQUIRED | WM_CONF_NOT_EMPTY)
WM_OPT(STRING, config_output, "", "output", "", "File to write", .letter = 'o', .value = "FILE",
       .scope = WM_CTL_PKI_CONFIG, .attrs = WM_CONF_REQUIRED | WM_CONF_NOT_EMPTY)
WM_OPT(STRING, context_name, "", "context-name", "default", "Name of the context", .value = "NAME",
       .scope = WM_CTL_PKI_CONFIG, .attrs = WM_CONF_NOT_EMPTY)
WM_OPT(STRING, cluster_name, "", "cluster-name", "default", "Name of the cluster", .value = "NAME",
       .scope = WM_CTL_PKI_CONFIG, .attrs = WM_CONF_NOT_EMPTY)
WM_OPT(STRING, user_name, "", "user-name", "default", "Name of the user", .value = "NAME",
       .scope = WM_CTL_PKI_CONFIG, .attrs = WM_CONF_NOT_EMPTY)

/* clang-format on */
#undef ONLINE
#undef LATER
