/* The node's option table: what it takes, what the global options imply, what is refused. */
#include "agent/options.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "crypto/pki.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_ARGS  32
#define BOOTSTRAP "--bootstrap.enabled "
#define JOIN      "--mesh.join-addresses a:1 "
#define MTLS                                                                      \
	"--global.mtls --global.tls-cert-file c.crt --global.tls-key-file c.key " \
	"--global.tls-ca-file ca.crt "

static struct wm_node_options *options;
static struct wm_err err;

static int teardown(void **state)
{
	wm_node_options_free(options);
	options = NULL;
	return 0;
}

static int load(char *const *env, const char *args)
{
	char text[1024];
	char *argv[MAX_ARGS] = {text};
	char *rest = text;
	int argc = 0;
	wm_node_options_free(wm_steal(options));
	snprintf(text, sizeof(text), "webmesh-node %s", args);
	for (char *a; (a = wm_str_cut(&rest, ' ')) != NULL;) {
		if (*a != '\0')
			argv[argc++] = a;
	}
	return wm_node_options_load(argc, argv, env, &options, &err);
}

static const struct wm_node_options *good(const char *args)
{
	if (load(NULL, args) != 0)
		fail_msg("%s: %s", args, err.text);
	return options;
}

static void bad(const char *args, const char *text)
{
	if (load(NULL, args) != WM_INVALID_ARGUMENT)
		fail_msg("\"%s\" was accepted", args);
	assert_string_equal(err.text, text);
	assert_int_equal(wm_err_exit_status(err.code), 2);
}

static void test_defaults(void **state)
{
	const struct wm_node_options *o = good(BOOTSTRAP);
	assert_true(o->bootstrap_enabled);
	assert_string_equal(o->storage_path, "/var/lib/webmesh/store");
	assert_int_equal(o->wireguard_listen_port, 51820);
	assert_int_equal(o->mesh_grpc_advertise_port, 8443);
	assert_int_equal(o->services_api_listen_address.port, 8443);
	assert_int_equal(o->wireguard_key_rotation_interval, 168LL * 3600 * 1000000000);
	assert_int_equal(o->bootstrap_ipv4_network.bits, 12);
	assert_false(o->mesh_leave_on_stop);
	assert_true(wm_node_options_is_storage(o));
	assert_true(o->bootstrap_disable_rbac);
	assert_false(wm_node_options_auth_is_mtls(o));
	assert_false(wm_node_options_is_storage(good(JOIN)));
}

static void test_no_mesh(void **state)
{
	bad("", "no mesh is named: --bootstrap.enabled makes a new one, --mesh.join-addresses "
		"HOST:PORT joins one (--help lists all options)");
	bad(BOOTSTRAP JOIN,
	    "--bootstrap.enabled and --mesh.join-addresses contradict each other: a "
	    "node either makes a new mesh or joins one");
	bad("--bootstrap.force " JOIN, "--bootstrap.force needs --bootstrap.enabled");
}

static void test_help_and_version(void **state)
{
	struct wm_buf b = {0};
	assert_true(wm_node_options_wants_help(good("--help")));
	assert_true(wm_node_options_wants_help(good("-h")));
	assert_true(wm_node_options_wants_version(good("--version")));
	assert_true(wm_node_options_wants_version(good("version --json")));
	assert_true(options->json);
	assert_false(wm_node_options_wants_version(good(BOOTSTRAP)));
	bad(BOOTSTRAP "start", "unexpected argument \"start\" (--help lists the options)");
	wm_node_options_help(&b);
	assert_non_null(strstr(wm_buf_str(&b), "--mesh.leave-on-stop"));
	assert_null(strstr(wm_buf_str(&b), "--daemon.enabled"));
	wm_buf_fini(&b);
}

static void test_global_reaches_others(void **state)
{
	const struct wm_node_options *o = good(JOIN MTLS "--global.verify-chain-only");
	assert_true(o->services_api_mtls);
	assert_true(o->tls_verify_chain_only);
	assert_string_equal(o->services_api_mtls_client_ca_file, "ca.crt");
	assert_string_equal(o->services_api_tls_cert_file, "c.crt");
	assert_string_equal(o->services_api_tls_key_file, "c.key");
	assert_string_equal(o->auth_mtls_cert_file, "c.crt");
	assert_string_equal(o->tls_ca_file, "ca.crt");
	assert_true(wm_node_options_auth_is_mtls(o));
	assert_string_equal(wm_conf_where(o->conf, "services.api.mtls"), "--global.mtls");
	o = good(JOIN MTLS "--global.tls-client-ca-file other.crt --tls.ca-file mine.crt "
			   "--auth.mtls.cert-file d --auth.mtls.key-file e");
	assert_string_equal(o->services_api_mtls_client_ca_file, "other.crt");
	assert_string_equal(o->tls_ca_file, "mine.crt");
	assert_string_equal(o->auth_mtls_cert_file, "d");
	o = good(JOIN "--global.insecure --global.tls-ca-file ca.crt --global.disable-ipv6");
	assert_true(o->tls_insecure && o->services_api_insecure && o->mesh_disable_ipv6);
	assert_string_equal(o->tls_ca_file, "");
	o = good(JOIN "--global.insecure-skip-verify --mesh.disable-ipv4");
	assert_true(o->tls_insecure_skip_verify && o->mesh_disable_ipv4);
	assert_false(good(BOOTSTRAP MTLS)->bootstrap_disable_rbac);
}

static void test_global_contradictions(void **state)
{
	bad(JOIN "--global.insecure --tls.insecure=false",
	    "--global.insecure and --tls.insecure contradict each other: the one is on, the other "
	    "off");
	bad(JOIN "--global.disable-ipv4=false --mesh.disable-ipv4",
	    "--global.disable-ipv4 and --mesh.disable-ipv4 contradict each other: the one is off, "
	    "the other on");
	bad(JOIN MTLS "--global.insecure",
	    "--global.insecure and --global.mtls contradict each other: certificates need TLS");
	bad(JOIN "--global.tls-cert-file a --services.api.tls-cert-file b",
	    "--global.tls-cert-file and --services.api.tls-cert-file contradict each other: they "
	    "name different files");
	bad(JOIN "--global.mtls", "--global.mtls needs --global.tls-cert-file");
	bad(JOIN "--global.mtls --global.tls-cert-file c", "--global.mtls needs "
							   "--global.tls-key-file");
	bad(JOIN "--global.mtls --global.tls-cert-file c --global.tls-key-file k",
	    "--global.mtls needs --global.tls-ca-file or --global.tls-client-ca-file");
	bad(JOIN "--global.disable-ipv4 --mesh.disable-ipv6",
	    "--global.disable-ipv4 and --mesh.disable-ipv6 contradict each other: the mesh would "
	    "have no addresses");
}

static void test_advertised_port(void **state)
{
	assert_int_equal(
		good(JOIN "--services.api.listen-address 0.0.0.0:9")->mesh_grpc_advertise_port, 9);
	assert_int_equal(good(JOIN "--services.api.listen-address 0.0.0.0:9 "
				   "--mesh.grpc-advertise-port 0")
				 ->mesh_grpc_advertise_port,
			 9);
	assert_int_equal(good(JOIN "--services.api.listen-address 0.0.0.0:9 "
				   "--mesh.grpc-advertise-port 10")
				 ->mesh_grpc_advertise_port,
			 10);
}

static void test_bootstrap_rules(void **state)
{
	bad(BOOTSTRAP "--bootstrap.ipv4-network fd00::/48",
	    "--bootstrap.ipv4-network: wants an IPv4 network of at most 30 bits, such as "
	    "172.16.0.0/12");
	bad(BOOTSTRAP "--bootstrap.ipv4-network=",
	    "--bootstrap.ipv4-network: wants an IPv4 network of at most 30 bits, such as "
	    "172.16.0.0/12");
	bad(BOOTSTRAP "--bootstrap.ipv6-network fd00::/64",
	    "--bootstrap.ipv6-network: wants an IPv6 network of exactly 48 bits");
	bad(BOOTSTRAP "--bootstrap.mesh-domain=",
	    "--bootstrap.mesh-domain: wants a domain such as webmesh.internal");
	bad(BOOTSTRAP "--bootstrap.mesh-domain a..b",
	    "--bootstrap.mesh-domain: wants a domain such as webmesh.internal");
	bad(BOOTSTRAP "--bootstrap.admin self", "--bootstrap.admin: this text cannot be an ID");
	bad(BOOTSTRAP "--bootstrap.voters a,leader",
	    "--bootstrap.voters: \"leader\" cannot be a node ID");
	bad(BOOTSTRAP "--bootstrap.default-network-policy deny",
	    "--bootstrap.default-network-policy: wants one of accept, drop, found \"deny\"");
	bad(BOOTSTRAP "--bootstrap.disable-rbac=false",
	    "--bootstrap.disable-rbac: roles need callers that are known: --global.mtls or "
	    "--plugins.mtls.ca-file");
	assert_int_equal(
		good(BOOTSTRAP "--bootstrap.ipv6-network fd12::/48")->bootstrap_ipv6_network.bits,
		48);
}

static void test_member_rules(void **state)
{
	bad(JOIN "--mesh.node-id a/b", "--mesh.node-id: \"a/b\" cannot be a node ID");
	bad(JOIN "--mesh.zone-awareness-id a,b",
	    "--mesh.zone-awareness-id: this text cannot be an ID");
	bad(JOIN "--mesh.request-vote --mesh.request-observer",
	    "--mesh.request-vote and --mesh.request-observer contradict each other: a member either "
	    "votes or observes");
	bad(JOIN "--mesh.storage-prefer-ipv6 --global.disable-ipv6",
	    "--mesh.storage-prefer-ipv6 and --global.disable-ipv6 contradict each other: there is "
	    "no IPv6 to prefer");
	bad(JOIN "--mesh.max-join-retries 0", "--mesh.max-join-retries: must be 1 or more to join");
	bad("--mesh.join-addresses host", "--mesh.join-addresses: wants host:port, found \"host\"");
	bad(JOIN "--mesh.routes 10.0.0.0",
	    "--mesh.routes: wants a network such as 10.1.0.0/16 or fd00::/48, found \"10.0.0.0\"");
	bad(JOIN "--mesh.primary-endpoint host",
	    "--mesh.primary-endpoint: wants an IP address, found \"host\"");
}

static void test_service_rules(void **state)
{
	bad(BOOTSTRAP "--storage.provider external",
	    "--storage.provider: external is not in this version");
	bad(BOOTSTRAP "--storage.provider passthrough", "--storage.provider: passthrough holds no "
							"state, and this node is to hold it");
	bad(BOOTSTRAP "--storage.path=",
	    "--storage.path: must not be empty without --storage.in-memory");
	bad(BOOTSTRAP "--services.api.listen-address :8443",
	    "--services.api.listen-address: wants address:port such as 0.0.0.0:8443 or [::]:8443, "
	    "found \":8443\"");
	bad(BOOTSTRAP "--services.api.listen-address=",
	    "--services.api.listen-address: must not be empty without --services.api.disabled");
	bad(BOOTSTRAP "--services.api.tls-cert-file x",
	    "--services.api.tls-cert-file needs --services.api.tls-key-file or "
	    "--services.api.tls-key-data too");
	bad(BOOTSTRAP "--auth.mtls.key-data x",
	    "--auth.mtls.key-data needs --auth.mtls.cert-file or --auth.mtls.cert-data too");
	bad(BOOTSTRAP "--tls.ca-file x --tls.ca-data y",
	    "--tls.ca-file and --tls.ca-data contradict each other: give one of them");
	bad(BOOTSTRAP "--services.api.mtls --global.insecure",
	    "--global.insecure and --services.api.mtls contradict each other: client certificates "
	    "need TLS");
	bad(BOOTSTRAP "--services.api.insecure --plugins.mtls.ca-data x",
	    "--services.api.insecure and --plugins.mtls.ca-data contradict each other: client "
	    "certificates need TLS");
	bad(JOIN "--tls.verify-chain-only",
	    "--tls.verify-chain-only needs an authority: --tls.ca-file or --global.tls-ca-file");
	bad(JOIN "--global.insecure-skip-verify --tls.verify-chain-only",
	    "--global.insecure-skip-verify and --tls.verify-chain-only contradict each other: the "
	    "one checks nothing, the other the chain");
}

static void test_wireguard_rules(void **state)
{
	bad(JOIN "--wireguard.listen-port 1024",
	    "--wireguard.listen-port: wants a port number from 1025 to 65535, found \"1024\"");
	bad(JOIN "--wireguard.mtu 1279",
	    "--wireguard.mtu: wants a whole number from 1280 to 65535, found \"1279\"");
	bad(JOIN "--wireguard.interface-name=",
	    "--wireguard.interface-name: wants 1 to 15 characters");
	bad(JOIN "--wireguard.interface-name sixteen-letters-",
	    "--wireguard.interface-name: wants 1 to 15 characters");
	bad(JOIN "--wireguard.interface-name +",
	    "--wireguard.interface-name: wants 1 to 12 characters in front of the + "
	    "that a number replaces");
	bad(JOIN "--wireguard.interface-name fourteen-char+",
	    "--wireguard.interface-name: wants 1 to 12 characters in front of the + "
	    "that a number replaces");
	bad(JOIN "--wireguard.interface-name a/b",
	    "--wireguard.interface-name: must not hold blanks, /, : or %");
	bad(JOIN "--wireguard.netns a/b",
	    "--wireguard.netns: wants a name that ip netns list shows, or a path that begins "
	    "with /");
	bad(JOIN "--wireguard.netns ..",
	    "--wireguard.netns: wants a name that ip netns list shows, or a path that begins "
	    "with /");
	bad(JOIN "--wireguard.endpoints 1.2.3.4",
	    "--wireguard.endpoints: wants address:port such as 0.0.0.0:8443 or [::]:8443, found "
	    "\"1.2.3.4\"");
}

static void test_other_versions_options(void **state)
{
	char *env[] = {(char[]){"SERVICES_MESHDNS_ENABLED=true"}, NULL};
	char *daemon[] = {(char[]){"DAEMON_ENABLED=true"}, NULL};
	bad(JOIN "--services.meshdns.isten-tcp [::]:54",
	    "--services.meshdns.isten-tcp: not in this version");
	bad(JOIN "--services.meshdns.listen-tcp [::]:54",
	    "--services.meshdns.listen-tcp: not in this version");
	bad(JOIN "--plugins.other.exec.path /x", "--plugins.other.exec.path: not in this version");
	bad(JOIN "--plugins.debug.disable-pprof",
	    "--plugins.debug.disable-pprof: not in this version");
	bad(JOIN "--bridge.m1.mesh.node-id x", "--bridge.m1.mesh.node-id: not in this version");
	good(JOIN "--services.meshdns.isten-tcp [::]:53 --services.webrtc.stun-servers "
		  "stun:stun.l.google.com:19302 --daemon.cors.allowed-origins *");
	assert_int_equal(load(env, JOIN), WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, "SERVICES_MESHDNS_ENABLED: not in this version");
	assert_int_equal(load(daemon, JOIN), 0);
}

/* ---- files ---- */

static int load_file(const char *text)
{
	char path[] = "/tmp/wm-options-XXXXXX.yaml", args[128];
	int fd = mkstemps(path, 5);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(args, sizeof(args), "--config %s", path);
	int rc = load(NULL, args);
	unlink(path);
	return rc;
}

static void bad_file(const char *text, const char *message)
{
	assert_int_equal(load_file(text), WM_INVALID_ARGUMENT);
	if (strstr(err.text, message) == NULL)
		fail_msg("\"%s\" is not in \"%s\"", message, err.text);
}

static void test_files(void **state)
{
	assert_int_equal(load_file("bootstrap: {enabled: true, transport: {tcp-servers: {}}}\n"
				   "mesh: {prefer-ipv6: true, routes: [10.1.0.0/16]}\n"
				   "tls: {tls-ca-file: ca.crt}\n"
				   "services: {api: {mesh-enabled: true}}\n"
				   "global: {primary-endpoint: 192.0.2.1}\n"),
			 0);
	assert_true(options->mesh_storage_prefer_ipv6);
	assert_string_equal(options->tls_ca_file, "ca.crt");
	assert_true(options->services_api_mesh_enabled);
	assert_int_equal(wm_node_options_warnings(options)->n, 0);
	bad_file("mesh:\n  join-addresses: 5\n",
		 ".yaml:2: mesh.join-addresses: wants a list, found the number 5");
	bad_file("wireguard:\n  listen-port: '51820'\n",
		 ".yaml:2: wireguard.listen-port: wants a port number, found the text \"51820\"");
	bad_file("wireguard: {listen-port: 80}\n", ".yaml:1: wireguard.listen-port: wants a port "
						   "number from 1025 to 65535, found \"80\"");
	bad_file("plugins: {configs: {x: {exec: {path: /y}}}}\n",
		 ".yaml:1: plugins.configs.x: not in this version");
	bad_file("bridge:\n  meshes: {a: {}}\n", ".yaml:2: bridge.meshes.a: not in this version");
	bad_file("storage: {external: {tls-ca-data: x}}\n", "storage.external.tls-ca-data (");
}

/* Command lines that people have: of the README, and of the original's own tests. */
static void test_known_command_lines(void **state)
{
	good("--bootstrap.enabled --services.api.mesh-enabled --global.primary-endpoint=192.0.2.10 "
	     "--global.mtls --global.verify-chain-only --global.tls-cert-file=c "
	     "--global.tls-key-file=k --global.tls-ca-file=a");
	good("--mesh.join-addresses=192.0.2.10:8443 --global.mtls --global.verify-chain-only "
	     "--global.tls-cert-file=c --global.tls-key-file=k --global.tls-ca-file=a");
	good("--global.mtls --global.tls-ca-file=ca.crt --global.tls-client-ca-file=ca.crt "
	     "--plugins.mtls.ca-file=ca.crt --global.detect-endpoints "
	     "--global.detect-private-endpoints --storage.in-memory --global.verify-chain-only "
	     "--global.tls-cert-file=tls.crt --global.tls-key-file=tls.key "
	     "--auth.mtls.cert-file=tls.crt --auth.mtls.key-file=tls.key --bootstrap.enabled");
	good("--global.insecure-skip-verify --mesh.join-addresses=bootstrap-node:8443 "
	     "--global.detect-endpoints --global.detect-private-endpoints");
}

/* ---- against the list of the original's flags ---- */

static enum wm_conf_kind kind_of(const char *type)
{
	if (strcmp(type, "bool") == 0)
		return WM_CONF_BOOL;
	if (strcmp(type, "int") == 0 || strcmp(type, "uint64") == 0)
		return WM_CONF_INT;
	if (strcmp(type, "uint16") == 0)
		return WM_CONF_PORT;
	if (strcmp(type, "duration") == 0)
		return WM_CONF_DURATION;
	if (strcmp(type, "string list") == 0)
		return WM_CONF_LIST;
	return strcmp(type, "string") == 0 ? WM_CONF_STRING : WM_CONF_MAP;
}

/* True when a value of the original's type is one of ours: ports and texts may be stricter. */
static bool is_compatible(enum wm_conf_kind ours, enum wm_conf_kind theirs)
{
	if (ours == theirs)
		return true;
	if (theirs == WM_CONF_INT)
		return ours == WM_CONF_PORT;
	return theirs == WM_CONF_STRING &&
	       (ours == WM_CONF_WORD || ours == WM_CONF_PREFIX || ours == WM_CONF_HOST_PORT ||
		ours == WM_CONF_ENDPOINT || ours == WM_CONF_IP);
}

/* Where the original's value would break what we promise (docs/design/0016-log-and-state.md). */
static bool has_own_default(const char *flag)
{
	return strcmp(flag, "storage.raft.election-timeout") == 0 ||
	       strcmp(flag, "storage.raft.heartbeat-timeout") == 0;
}

static void check_flag(char *line)
{
	char *rest = line;
	const char *flag = wm_str_cut(&rest, '\t');
	const char *effective = wm_str_cut(&rest, '\t');
	const char *documented = wm_str_cut(&rest, '\t');
	const char *type = wm_str_cut(&rest, '\t');
	char *def = wm_str_cut(&rest, '\t');
	const struct wm_conf_option *o = wm_conf_option_find(wm_node_options_table(), 0, flag);
	assert_non_null(effective);
	assert_non_null(documented);
	assert_non_null(def);
	if (o == NULL || (o->attrs & (WM_CONF_FAMILY | WM_CONF_NO_FLAG)) != 0)
		fail_msg("--%s is not in the table", flag);
	if (!is_compatible(o->kind, kind_of(type)))
		fail_msg("--%s is of another kind", flag);
	if (*def == '[' && def[1] != ':') { /* a list in brackets */
		def[strlen(def) - 1] = '\0';
		def++;
	}
	if (has_own_default(flag))
		assert_string_not_equal(def, o->def);
	else if (strcmp(def, "{}") != 0 && strcmp(def, o->def) != 0)
		fail_msg("--%s: default \"%s\", not \"%s\"", flag, o->def, def);
}

static void test_every_flag_of_the_original(void **state)
{
	FILE *f = fopen(getenv("WM_FLAGS_TSV"), "r");
	char line[512];
	unsigned n = 0;
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f)); /* the head */
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		check_flag(line);
		n++;
	}
	fclose(f);
	assert_int_equal(n, 208);
	const struct wm_conf_table *t = wm_node_options_table();
	unsigned later = 0;
	for (size_t i = 0; i < t->n_rows; i++)
		later += (t->rows[i].attrs & WM_CONF_LATER) != 0;
	print_message("options that are refused as not in this version: %u\n", later);
}

static void test_table_is_sound(void **state)
{
	const struct wm_conf_table *t = wm_node_options_table();
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct wm_conf_option *o = &t->rows[i];
		bool found = false;
		for (size_t j = i + 1; j < t->n_rows; j++) {
			if (strcmp(o->name, t->rows[j].name) == 0)
				fail_msg("%s stands there twice", o->name);
		}
		for (size_t s = 0; s < t->n_sections; s++)
			found |= strcmp(t->sections[s].prefix, o->section) == 0;
		if (!found && (o->attrs & WM_CONF_LATER) == 0)
			fail_msg("%s is in no section of --help", o->name);
		if (strlen(o->help) < 3 || o->help[strlen(o->help) - 1] == '.')
			fail_msg("%s: its sentence", o->name);
	}
}

/* ---- endpoints and names ---- */

static struct wm_addr addr(const char *text)
{
	struct wm_addr a;
	assert_true(wm_addr_parse(text, &a));
	return a;
}

static void test_endpoints(void **state)
{
	struct wm_addr found[2] = {addr("9.9.9.9"), addr("fd00::1")};
	char text[WM_ADDR_TEXT];
	good(JOIN "--global.detect-endpoints --global.endpoints 8.8.8.8,9.9.9.9");
	assert_true(wm_node_options_detects(options));
	wm_node_options_apply_endpoints(options, found, 2);
	assert_string_equal(wm_addr_format(&options->mesh_primary_endpoint, text), "9.9.9.9");
	assert_int_equal(options->wireguard_endpoints.n, 3);
	assert_string_equal(options->wireguard_endpoints.items[0], "9.9.9.9:51820");
	assert_string_equal(options->wireguard_endpoints.items[1], "[fd00::1]:51820");
	assert_string_equal(options->wireguard_endpoints.items[2], "8.8.8.8:51820");
	good(JOIN "--global.primary-endpoint 1.1.1.1 --wireguard.listen-port 5000");
	assert_false(wm_node_options_detects(options));
	wm_node_options_apply_endpoints(options, NULL, 0);
	assert_string_equal(options->wireguard_endpoints.items[0], "1.1.1.1:5000");
	good(JOIN "--wireguard.endpoints 2.2.2.2:2 --mesh.primary-endpoint 3.3.3.3");
	wm_node_options_apply_endpoints(options, found, 2);
	assert_int_equal(options->wireguard_endpoints.n, 1);
	assert_string_equal(wm_addr_format(&options->mesh_primary_endpoint, text), "3.3.3.3");
	good(JOIN);
	wm_node_options_apply_endpoints(options, NULL, 0);
	assert_int_equal(options->wireguard_endpoints.n, 0);
}

static void test_node_id_without_certificate(void **state)
{
	char id[WM_IDENT_TEXT];
	good(JOIN "--mesh.node-id n1");
	assert_int_equal(wm_node_options_node_id(options, "host", id, &err), 0);
	assert_string_equal(id, "n1");
	good(JOIN);
	assert_int_equal(wm_node_options_node_id(options, "host", id, &err), 0);
	assert_string_equal(id, "host");
	assert_int_equal(wm_node_options_node_id(options, "localhost", id, &err),
			 WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, "the host's name: \"localhost\" cannot be a node ID; choose "
				      "one with --mesh.node-id");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int node_id_of_cert(const char *text, char id[WM_IDENT_TEXT])
{
	char dir[] = "/tmp/wm-options-XXXXXX", args[256], path[64];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/x.crt", dir);
	write_file(path, text);
	snprintf(args, sizeof(args), JOIN "--auth.mtls.key-file k --auth.mtls.cert-file %s", path);
	good(args);
	int rc = wm_node_options_node_id(options, "host", id, &err);
	unlink(path);
	rmdir(dir);
	return rc;
}

static void test_node_id_of_certificate(void **state)
{
	const struct wm_pki_key_opts key = {WM_PKI_ECDSA, 256};
	struct wm_pki_cert *ca, *leaf;
	struct wm_buf chain = {0};
	char id[WM_IDENT_TEXT];
	int64_t now = wm_clock_wall();
	assert_int_equal(wm_pki_cert_new_ca("ca", &key, now, WM_PKI_CA_EXPIRY, &ca, &err), 0);
	assert_int_equal(
		wm_pki_cert_new_leaf(ca, "node-7", &key, now, WM_PKI_LEAF_EXPIRY, &leaf, &err), 0);
	wm_pki_cert_encode(leaf, true, &chain);
	assert_int_equal(node_id_of_cert(wm_buf_str(&chain), id), 0);
	assert_string_equal(id, "node-7");
	assert_int_not_equal(node_id_of_cert("no certificate", id), 0);
	assert_true(wm_str_starts(err.text, "--auth.mtls.cert-file: "));
	wm_buf_fini(&chain);
	wm_pki_cert_free(leaf);
	wm_pki_cert_free(ca);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_no_mesh),
		TEST(test_help_and_version),
		TEST(test_global_reaches_others),
		TEST(test_global_contradictions),
		TEST(test_advertised_port),
		TEST(test_bootstrap_rules),
		TEST(test_member_rules),
		TEST(test_service_rules),
		TEST(test_wireguard_rules),
		TEST(test_other_versions_options),
		TEST(test_files),
		TEST(test_known_command_lines),
		TEST(test_every_flag_of_the_original),
		TEST(test_table_is_sound),
		TEST(test_endpoints),
		TEST(test_node_id_without_certificate),
		TEST(test_node_id_of_certificate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
