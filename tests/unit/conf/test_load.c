/* Flags, environment and file, their order, and what a bad one says. */
#include "table.h"
#include "base/mem.h"
#include "base/str.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define MAX_ARGS 32

static struct wm_conf *conf;
static struct wm_err err;

static int teardown(void **state)
{
	wm_conf_free(conf);
	conf = NULL;
	return 0;
}

static int load_scoped(unsigned scope, char *const *env, const char *args)
{
	static char text[512];
	char *argv[MAX_ARGS] = {text};
	char *rest = text;
	int argc = 0;
	wm_conf_free(conf);
	conf = wm_conf_new(&test_table, scope);
	snprintf(text, sizeof(text), "prog%s%s", *args != '\0' ? " " : "", args);
	for (char *a; (a = wm_str_cut(&rest, ' ')) != NULL;)
		argv[argc++] = a;
	memset(&err, 0, sizeof(err));
	return wm_conf_load(conf, argc, argv, env, &err);
}

static int load(char *const *env, const char *args)
{
	return load_scoped(4, env, args);
}

static const struct values *get(void)
{
	return wm_conf_values(conf);
}

static void good(const char *args)
{
	if (load(NULL, args) != 0)
		fail_msg("%s: %s", args, err.text);
}

static void bad(const char *args, const char *text)
{
	if (load(NULL, args) != WM_INVALID_ARGUMENT)
		fail_msg("\"%s\" was accepted", args);
	assert_string_equal(err.text, text);
}

static void bad_env(char *const *env, const char *text)
{
	assert_int_equal(load(env, ""), WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, text);
}

/* A file with @text; its name is in file_path and in flags as "FILE". */
static char file_path[64];

static void write_file(const char *suffix, const char *text)
{
	snprintf(file_path, sizeof(file_path), "/tmp/wm-conf-%d%s", (int)getpid(), suffix);
	FILE *f = fopen(file_path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int load_file(const char *text, char *const *env, const char *more)
{
	char args[256];
	write_file(".yaml", text);
	snprintf(args, sizeof(args), "--config %s%s%s", file_path, *more != '\0' ? " " : "", more);
	int rc = load(env, args);
	unlink(file_path);
	return rc;
}

static void bad_file(const char *text, const char *message)
{
	char expected[300];
	assert_int_equal(load_file(text, NULL, ""), WM_INVALID_ARGUMENT);
	snprintf(expected, sizeof(expected), "%s:%s", file_path, message);
	assert_string_equal(err.text, expected);
}

static void good_file(const char *text)
{
	if (load_file(text, NULL, "") != 0)
		fail_msg("%s: %s", text, err.text);
}

static void test_defaults(void **state)
{
	good("");
	assert_string_equal(get()->name, "nobody");
	assert_int_equal(get()->count, 3);
	assert_int_equal(get()->port, 53);
	assert_int_equal(get()->wait, 90000000000);
	assert_int_equal(get()->words.n, 2);
	assert_string_equal(get()->words.items[1], "b");
	assert_int_equal(get()->net.bits, 12);
	assert_int_equal(get()->listen.port, 8443);
	assert_false(wm_addr_is_valid(&get()->ip));
	assert_int_equal(wm_conf_source(conf, "mesh.node-id"), WM_CONF_BY_DEFAULT);
	assert_false(wm_conf_is_given(conf, "mesh.node-id"));
	assert_string_equal(wm_conf_where(conf, "mesh.node-id"), "mesh.node-id");
}

static void test_flags(void **state)
{
	good("--mesh.node-id x --mesh.flag --mesh.count=9 --mesh.sub.ip ::1 --mesh.wait 500ms");
	assert_string_equal(get()->name, "x");
	assert_true(get()->flag);
	assert_int_equal(get()->count, 9);
	assert_int_equal(get()->wait, 500000000);
	assert_true(wm_addr_is_loopback(&get()->ip));
	assert_string_equal(wm_conf_where(conf, "mesh.node-id"), "--mesh.node-id");
	good("--mesh.flag=false --mesh.node-id= --mesh.sub.isten 1.2.3.4:5 --x.y 1.2.3.4:6");
	assert_false(get()->flag);
	assert_string_equal(get()->name, "");
	assert_int_equal(get()->listen.port, 6);
	good("--mesh.room 64KiB");
	assert_int_equal(get()->room, 65536);
	good("--mesh.node-id a --mesh.node-id b one - -- --mesh.flag");
	assert_string_equal(get()->name, "b");
	assert_int_equal(wm_conf_args(conf)->n, 3);
	assert_string_equal(wm_conf_args(conf)->items[0], "one");
	assert_string_equal(wm_conf_args(conf)->items[2], "--mesh.flag");
}

static void test_lists_and_maps(void **state)
{
	good("--mesh.words c --mesh.words d,e --mesh.servers n1=h:1,n2=[::1]:2 --mesh.servers n3=a:3");
	assert_int_equal(get()->words.n, 3);
	assert_string_equal(get()->words.items[0], "c");
	assert_string_equal(get()->words.items[2], "e");
	assert_int_equal(get()->servers.n, 3);
	assert_string_equal(get()->servers.items[1].key, "n2");
	assert_string_equal(get()->servers.items[1].value, "[::1]:2");
	good("--mesh.words=");
	assert_int_equal(get()->words.n, 0);
}

static void test_bad_flags(void **state)
{
	bad("--mesh.nodeid x", "unknown flag --mesh.nodeid; did you mean --mesh.node-id? "
			       "(--help lists them)");
	bad("--node-id x", "unknown flag --node-id; did you mean --mesh.node-id? "
			   "(--help lists them)");
	bad("--quite-something-else", "unknown flag --quite-something-else (--help lists them)");
	bad("-x", "unknown flag -x (--help lists them)");
	bad("-mesh.node-id=x", "unknown flag -mesh.node-id; did you mean --mesh.node-id, with two "
			       "dashes?");
	bad("--mesh.node-id", "--mesh.node-id: needs a value");
	bad("--mesh.node-id --mesh.flag",
	    "--mesh.node-id: needs a value (one that begins with -- follows a \"=\")");
	bad("--mesh.flag false",
	    "--mesh.flag: the value of such a flag follows a \"=\": --mesh.flag=false");
	bad("--mesh.flag=yes", "--mesh.flag: wants true or false, found \"yes\"");
	bad("--mesh.count 10", "--mesh.count: wants a whole number from 1 to 9, found \"10\"");
	bad("--mesh.count 1.5", "--mesh.count: wants a whole number, found \"1.5\"");
	bad("--mesh.port 65536",
	    "--mesh.port: wants a port number from 0 to 65535, found \"65536\"");
	bad("--mesh.wait -1s",
	    "--mesh.wait: wants a duration such as 30s or 1h30m, 0s or more, found \"-1s\"");
	bad("--mesh.wait 5", "--mesh.wait: wants a duration such as 30s or 1h30m, found \"5\"");
	bad("--mesh.room 4M", "--mesh.room: wants a size such as 65536 or 4MiB, found \"4M\"");
	bad("--mesh.room 4194305",
	    "--mesh.room: wants a size such as 65536 or 4MiB from 0 to 4MiB, "
	    "found \"4194305\"");
	bad("--mesh.policy maybe", "--mesh.policy: wants one of accept, drop, found \"maybe\"");
	bad("--mesh.net 1.2.3.4",
	    "--mesh.net: wants a network such as 10.1.0.0/16 or fd00::/48, found \"1.2.3.4\"");
	bad("--mesh.nets 10.0.0.0/8,x",
	    "--mesh.nets: wants a network such as 10.1.0.0/16 or fd00::/48, found \"x\"");
	bad("--mesh.sub.ip host", "--mesh.sub.ip: wants an IP address, found \"host\"");
	bad("--mesh.sub.listen :8443", "--mesh.sub.listen: wants address:port such as 0.0.0.0:8443 "
				       "or [::]:8443, found \":8443\"");
	bad("--mesh.sub.server host", "--mesh.sub.server: wants host:port, found \"host\"");
	bad("--mesh.servers n1", "--mesh.servers: wants name=value, found \"n1\"");
	bad("--mesh.servers n1=x:1,n1=y:1", "--mesh.servers: names \"n1\" twice");
	bad("--mesh.servers n1=x", "--mesh.servers: n1: wants host:port, found \"x\"");
	bad("--mesh.later", "--mesh.later: not in this version");
	bad("--bridge.m1.mesh.node-id x", "--bridge.m1.mesh.node-id: not in this version");
	bad("--mesh.file-only x", "unknown flag --mesh.file-only (--help lists them)");
	good("--mesh.later=false");
}

static void test_alone(void **state)
{
	good("--help --config /nowhere.yaml --mesh.later");
	assert_true(get()->help);
	good("-h");
	assert_true(get()->help);
}

static void test_scope(void **state)
{
	struct wm_conf_list args = {0};
	assert_int_equal(load_scoped(1, NULL, ""), WM_INVALID_ARGUMENT);
	assert_string_equal(err.text, "--name is required");
	assert_int_equal(load_scoped(1, NULL, "--name x"), 0);
	assert_string_equal(get()->only_first, "x");
	assert_int_equal(load_scoped(2, NULL, ""), 0);
	assert_string_equal(get()->only_second, "admin");
	bad("--name x", "unknown flag --name (--help lists them)");
	char *argv[] = {(char[]){"p"},     (char[]){"--name"},      (char[]){"x"},
			(char[]){"get"},   (char[]){"--mesh.flag"}, (char[]){"nodes"},
			(char[]){"--bad"}, (char[]){"n1"}};
	wm_conf_scan_args(&test_table, 8, argv, &args);
	assert_int_equal(args.n, 3);
	assert_string_equal(args.items[0], "get");
	assert_string_equal(args.items[1], "nodes");
	assert_string_equal(args.items[2], "n1");
	wm_conf_list_fini(&args);
}

static void test_environment(void **state)
{
	char *dashes[] = {(char[]){"MESH_NODE-ID=d"}, (char[]){"MESH_COUNT="}, NULL};
	char *both[] = {(char[]){"MESH_NODE-ID=d"}, (char[]){"MESH_NODE_ID=d"}, NULL};
	char *clash[] = {(char[]){"MESH_NODE-ID=d"}, (char[]){"MESH_NODE_ID=e"}, NULL};
	char *wrong[] = {(char[]){"MESH_FLAG=maybe"}, (char[]){"CONFIG=/x"}, NULL};
	char *kinds[] = {(char[]){"MESH_WORDS=x,y"}, (char[]){"MESH_SERVERS=a=b:1"},
			 (char[]){"MESH_SUB_OTHER=h:2"}, (char[]){"X_Y=1.1.1.1:7"}, NULL};
	char *later[] = {(char[]){"MESH_LATER=true"}, NULL};
	char *secret[] = {(char[]){"MESH_SECRET=hush"}, NULL};
	assert_int_equal(load(dashes, ""), 0);
	assert_string_equal(get()->name, "d");
	assert_int_equal(get()->count, 3);
	assert_string_equal(wm_conf_where(conf, "mesh.node-id"), "MESH_NODE-ID");
	assert_int_equal(wm_conf_source(conf, "mesh.node-id"), WM_CONF_BY_ENV);
	assert_int_equal(load(both, ""), 0);
	assert_int_equal(load(both, "--mesh.node-id f"), 0);
	assert_string_equal(get()->name, "f");
	bad_env(clash,
		"MESH_NODE-ID and MESH_NODE_ID are both set in the environment, to different "
		"values");
	bad_env(wrong, "MESH_FLAG: wants true or false, found \"maybe\"");
	bad_env(later, "MESH_LATER: not in this version");
	assert_int_equal(load(kinds, ""), 0);
	assert_int_equal(get()->words.n, 2);
	assert_string_equal(get()->servers.items[0].value, "b:1");
	assert_string_equal(get()->server, "h:2");
	assert_int_equal(get()->listen.port, 7);
	assert_int_equal(load(secret, ""), 0);
	assert_string_equal(get()->secret, "hush");
}

static void test_file(void **state)
{
	good_file("mesh:\n  node-id: f1\n  flag: true\n  count: 4\n  wait: 2s\n  words: [x, 'y']\n"
		  "  servers: {n1: 'h:1'}\n  sub:\n    other: q:9\n    isten: '[::1]:7'\n"
		  "  nets:\n  - 10.0.0.0/8\n  file-only: z\n  port: null\n");
	assert_string_equal(get()->name, "f1");
	assert_true(get()->flag);
	assert_int_equal(get()->count, 4);
	assert_int_equal(get()->words.n, 2);
	assert_string_equal(get()->words.items[1], "y");
	assert_string_equal(get()->servers.items[0].key, "n1");
	assert_string_equal(get()->server, "q:9");
	assert_int_equal(get()->listen.port, 7);
	assert_string_equal(get()->nets.items[0], "10.0.0.0/8");
	assert_string_equal(get()->file_only, "z");
	assert_int_equal(get()->port, 53);
	assert_int_equal(wm_conf_source(conf, "mesh.count"), WM_CONF_BY_FILE);
	char where[128];
	snprintf(where, sizeof(where), "mesh.count (%s:4)", file_path);
	assert_string_equal(wm_conf_where(conf, "mesh.count"), where);
	good_file("");
	good_file("# nothing\n");
	good_file("mesh:\n");
	good_file("mesh:\n  words: p,q\n  wait: 0\n");
	assert_int_equal(get()->words.n, 2);
	assert_int_equal(get()->wait, 0);
	assert_int_equal(wm_conf_warnings(conf)->n, 0);
}

static void test_precedence(void **state)
{
	char *env[] = {(char[]){"MESH_COUNT=5"}, (char[]){"MESH_WORDS=e1"}, NULL};
	const char *text = "mesh: {count: 4, words: [f1, f2], node-id: f}\n";
	assert_int_equal(load_file(text, NULL, ""), 0);
	assert_int_equal(get()->count, 4);
	assert_int_equal(load_file(text, env, ""), 0);
	assert_int_equal(get()->count, 5);
	assert_int_equal(get()->words.n, 1);
	assert_string_equal(get()->name, "f");
	assert_int_equal(load_file(text, env, "--mesh.count 6 --mesh.words g1 --mesh.words g2"), 0);
	assert_int_equal(get()->count, 6);
	assert_int_equal(get()->words.n, 2);
	assert_string_equal(get()->words.items[0], "g1");
}

static void test_bad_file(void **state)
{
	bad_file("mesh:\n  flag: yes\n",
		 "2: mesh.flag: wants true or false, found the text \"yes\"");
	bad_file("mesh:\n  count: '4'\n",
		 "2: mesh.count: wants a whole number, found the text \"4\"");
	bad_file("mesh:\n  count: 40\n",
		 "2: mesh.count: wants a whole number from 1 to 9, found \"40\"");
	bad_file("mesh:\n  node-id: 123\n",
		 "2: mesh.node-id: wants text, found the number 123; put "
		 "it in quotes if it is meant as text");
	bad_file("mesh:\n  secret: 123\n",
		 "2: mesh.secret: wants text, found the number; put it in "
		 "quotes if it is meant as text");
	bad_file("mesh:\n  node-id: [a]\n", "2: mesh.node-id: wants text, found a list");
	bad_file("mesh:\n  words: {a: b}\n",
		 "2: mesh.words: wants a list, found a section with keys");
	bad_file(
		"mesh:\n  words:\n  - a\n  - 5\n",
		"4: mesh.words[1]: wants text, found the number 5; put it in quotes if it is meant "
		"as text");
	bad_file("mesh:\n  servers:\n    n1: h\n",
		 "3: mesh.servers.n1: n1: wants host:port, found \"h\"");
	bad_file("mesh:\n  servers: x\n",
		 "2: mesh.servers: wants name=value pairs, found the text \"x\"");
	bad_file("mesh: 5\n", "1: mesh: wants a section with keys");
	bad_file("- mesh\n", "1: wants sections with keys");
	char text[200];
	assert_int_equal(load_file("mesh:\n  later: true\n", NULL, ""), WM_INVALID_ARGUMENT);
	snprintf(text, sizeof(text), "mesh.later (%s:2): not in this version", file_path);
	assert_string_equal(err.text, text);
}

static void test_bad_file_shape(void **state)
{
	bad_file("mesh:\n  flag: true\n  flag: true\n", "3: \"flag\" is already set in line 2");
	assert_int_equal(load_file("mesh:\n  sub:\n    server: a:1\n    other: b:1\n", NULL, ""),
			 WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, ":4: mesh.sub.other: the same as mesh.sub.server ("));
	bad_file("a: &x 1\nb: *x\n", "1: anchors are not accepted");
	bad_file("b: *x\n", "1: aliases are not accepted");
	bad_file("a: !!str 1\n", "1: tags are not accepted");
	bad_file("a: 1\n---\nb: 2\n", "2: a second document begins");
	bad_file("? [a]\n: 1\n", "1: a key must be text");
	bad_file("a: \"x\\0y\"\n", "1: text holds a NUL character");
	bad_file("a: [\n", "2: not YAML: did not find expected node content");
	bad_file("bridge:\n  m1: {}\n", "2: bridge.m1: not in this version");
	bad_file("a: [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]\n", "1: the file is nested too deeply");
	bad_file("a: 1\n\x01\n", "2: not YAML: control characters are not allowed");
}

/* What one format says, the others say alike. */
static void test_formats(void **state)
{
	static const struct {
		const char *suffix, *good, *wrong, *message;
	} rows[] = {
		{".yml", "mesh: {count: 5, words: [a], unknwn: 1}\n", "mesh:\n  count: 40\n", "2"},
		{".json", "{\"mesh\": {\"count\": 5, \"words\": [\"a\"], \"unknwn\": 1}}",
		 "{\"mesh\":\n {\"count\": 40}}", "2"},
		{".toml", "[mesh]\ncount = 5\nwords = ['a']\nunknwn = 1\n",
		 "[mesh]\n\ncount = 0x28", "3"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char args[128], text[200];
		write_file(rows[i].suffix, rows[i].good);
		snprintf(args, sizeof(args), "-c%s", file_path);
		good(args);
		assert_int_equal(get()->count, 5);
		assert_string_equal(get()->words.items[0], "a");
		assert_int_equal(wm_conf_warnings(conf)->n, 1);
		assert_non_null(strstr(wm_conf_warnings(conf)->items[0], "key mesh.unknwn is"));
		write_file(rows[i].suffix, rows[i].wrong);
		snprintf(text, sizeof(text),
			 "%s:%s: mesh.count: wants a whole number from 1 to 9, found \"40\"",
			 file_path, rows[i].message);
		bad(args, text);
		unlink(file_path);
	}
}

static void test_unknown_keys_warn(void **state)
{
	char text[200];
	good_file("mesh:\n  node-di: x\nother: {a: 1}\n");
	assert_int_equal(wm_conf_warnings(conf)->n, 2);
	snprintf(text, sizeof(text),
		 "%s:2: unknown key mesh.node-di is ignored; did you mean mesh.node-id?",
		 file_path);
	assert_string_equal(wm_conf_warnings(conf)->items[0], text);
	snprintf(text, sizeof(text), "%s:3: unknown key other is ignored", file_path);
	assert_string_equal(wm_conf_warnings(conf)->items[1], text);
}

static void test_warnings_are_bounded(void **state)
{
	struct wm_buf text = {0};
	for (int i = 0; i < 3000; i++)
		wm_buf_printf(&text, "k%d: 1\n", i);
	good_file(wm_buf_str(&text));
	assert_int_equal(wm_conf_warnings(conf)->n, 51);
	assert_non_null(strstr(wm_conf_warnings(conf)->items[50],
			       ":51: this and all further unknown keys are ignored"));
	wm_buf_fini(&text);
}

static void test_files_that_are_none(void **state)
{
	assert_int_equal(load(NULL, "-c /nowhere/x.yaml"), WM_NOT_FOUND);
	assert_string_equal(err.text,
			    "/nowhere/x.yaml: cannot open the configuration file: No such "
			    "file or directory");
	bad("-c /nowhere/x.ini",
	    "/nowhere/x.ini: files of the kind .ini are not read; write it as .yaml, .json or "
	    ".toml");
	bad("-c /no.where/x",
	    "/no.where/x: has no extension; configuration files end in .yaml, .json or .toml");
	assert_int_not_equal(load(NULL, "--config=/proc/self/mem.yaml"), 0);
}

static void test_huge_file(void **state)
{
	write_file(".yaml", "");
	FILE *f = fopen(file_path, "w");
	for (int i = 0; i < 110000; i++)
		fputs("# a comment\n", f);
	fclose(f);
	char args[128], text[128];
	snprintf(args, sizeof(args), "-c%s", file_path);
	assert_int_equal(load(NULL, args), WM_INVALID_ARGUMENT);
	snprintf(text, sizeof(text), "%s: larger than 1048576 bytes", file_path);
	assert_string_equal(err.text, text);
	f = fopen(file_path, "w");
	for (int i = 0; i < 9000; i++)
		fprintf(f, "k%d: 1\n", i);
	fclose(f);
	assert_int_equal(load(NULL, args), WM_INVALID_ARGUMENT);
	assert_non_null(strstr(err.text, "the file has too many entries"));
	unlink(file_path);
}

static void test_derive(void **state)
{
	good("--mesh.flag");
	wm_conf_derive(conf, "mesh.node-id", "mesh.flag", "other");
	assert_string_equal(get()->name, "other");
	assert_int_equal(wm_conf_source(conf, "mesh.node-id"), WM_CONF_BY_OTHER);
	assert_string_equal(wm_conf_where(conf, "mesh.node-id"), "--mesh.flag");
	assert_false(wm_conf_is_given(conf, "mesh.node-id"));
}

static void test_help(void **state)
{
	struct wm_buf b = {0};
	wm_conf_help(&test_table, 2, &b);
	const char *text = wm_buf_str(&b);
	assert_non_null(strstr(text, "\nMesh:\n"));
	assert_non_null(strstr(text, "  -c, --config FILE               About config\n"));
	assert_non_null(strstr(text,
			       "      --mesh.policy WORD          About policy (accept, drop) "
			       "(default accept)\n"));
	assert_non_null(
		strstr(text, "      --name TEXT                 About name (default admin)\n"));
	assert_null(strstr(text, "later"));
	assert_null(strstr(text, "bridge"));
	assert_null(strstr(text, "required"));
	wm_buf_fini(&b);
	wm_conf_help(&test_table, 1, &b);
	assert_non_null(strstr(wm_buf_str(&b), "About name (required)\n"));
	wm_buf_fini(&b);
}

/* A file with a secret, named in a flag, in the environment and in a configuration file. */
static void write_secret(char path[64], const char *text, size_t len)
{
	snprintf(path, 64, "/tmp/wm-conf-%d.secret", (int)getpid());
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

static void test_families(void **state)
{
	bad("--bridge.m1.mesh.flag x", "--bridge.m1.mesh.flag: not in this version");
	bad("--bridge.m1.mesh.count 10",
	    "--bridge.m1.mesh.count: wants a whole number from 1 to 9, found \"10\"");
	bad("--bridge.m1.mesh.node-id", "--bridge.m1.mesh.node-id: needs a value");
	bad("--bridge.m1.mesh.cuont=1",
	    "unknown flag --bridge.m1.mesh.cuont; did you mean --bridge.m1.mesh.count?");
	bad("--bridge.m1.quite-else=1", "unknown flag --bridge.m1.quite-else");
	bad("--bridge.m1.config=1", "unknown flag --bridge.m1.config");
	bad("--bridge.m1", "unknown flag --bridge.m1; wants --bridge.NAME.OPTION");
	bad("--bridge..mesh.flag", "unknown flag --bridge..mesh.flag; wants --bridge.NAME.OPTION");
	bad_file("bridge:\n  m1:\n    mesh:\n      sub: {ip: x}\n",
		 "4: bridge.m1.mesh.sub.ip: wants an IP address, found \"x\"");
	bad_file("bridge:\n  m1:\n    mesh: {count: '1'}\n",
		 "3: bridge.m1.mesh.count: wants a whole number, found the text \"1\"");
	bad_file("bridge:\n  m1: [a]\n", "2: bridge.m1: wants a section with keys");
	bad_file("bridge:\n  m1: {mesh: {unknown: 1, words: [a], servers: {a: 'b:1'}}}\n",
		 "2: bridge.m1: not in this version");
}

static void test_secret_from_file(void **state)
{
	static const char *const texts[] = {"x", "x\n", "x\r\n"};
	char path[64], args[128], variable[128], text[160];
	char *env[] = {variable, NULL};
	for (size_t i = 0; i < 3; i++) {
		write_secret(path, texts[i], strlen(texts[i]));
		snprintf(args, sizeof(args), "--mesh.secret-file %s", path);
		good(args);
		assert_string_equal(get()->secret, "x");
	}
	assert_string_equal(wm_conf_where(conf, "mesh.secret"), "--mesh.secret-file");
	write_secret(path, "a\n\n", 3);
	snprintf(variable, sizeof(variable), "MESH_SECRET_FILE=%s", path);
	assert_int_equal(load(env, ""), 0);
	assert_string_equal(get()->secret, "a\n");
	snprintf(text, sizeof(text), "mesh:\n  secret-file: %s\n", path);
	good_file(text);
	assert_string_equal(get()->secret, "a\n");
	assert_int_equal(wm_conf_warnings(conf)->n, 0);
	assert_int_equal(load(env, "--mesh.secret y"), 0);
	assert_string_equal(get()->secret, "y");
	unlink(path);
}

static void test_bad_secret_file(void **state)
{
	char path[64], args[128], text[200], variable[128];
	char *env[] = {variable, (char[]){"MESH_SECRET=x"}, NULL};
	write_secret(path, "x", 1);
	snprintf(args, sizeof(args), "--mesh.secret y --mesh.secret-file %s", path);
	bad(args, "--mesh.secret and --mesh.secret-file say the same: give one of them");
	snprintf(variable, sizeof(variable), "MESH_SECRET_FILE=%s", path);
	bad_env(env, "MESH_SECRET and MESH_SECRET_FILE say the same: give one of them");
	snprintf(text, sizeof(text), "mesh:\n  secret-file: %s\n  secret: x\n", path);
	assert_int_equal(load_file(text, NULL, ""), WM_INVALID_ARGUMENT);
	bad_file("mesh:\n  secret-file: 5\n",
		 "2: mesh.secret-file: wants text, found the number; put it in quotes if it is "
		 "meant as text");
	snprintf(args, sizeof(args), "--mesh.secret-file=%s", path);
	write_secret(path, "\n", 1);
	snprintf(text, sizeof(text), "--mesh.secret-file: %s: is empty", path);
	bad(args, text);
	write_secret(path, "a\0b", 3);
	snprintf(text, sizeof(text), "--mesh.secret-file: %s: holds a NUL character", path);
	bad(args, text);
	unlink(path);
	assert_int_equal(load(NULL, args), WM_NOT_FOUND);
	bad("--mesh.node-id-file x", "unknown flag --mesh.node-id-file; did you mean "
				     "--mesh.node-id? (--help lists them)");
}

static void test_secret_file_size(void **state)
{
	static char text[64 * 1024 + 1];
	char path[64], args[128], message[160];
	memset(text, 'x', sizeof(text));
	write_secret(path, text, sizeof(text) - 1);
	snprintf(args, sizeof(args), "--mesh.secret-file=%s", path);
	good(args);
	assert_int_equal(strlen(get()->secret), 65536);
	write_secret(path, text, sizeof(text));
	snprintf(message, sizeof(message), "--mesh.secret-file: %s: larger than 65536 bytes", path);
	bad(args, message);
	unlink(path);
}

static void printed(const char *args, const char *want)
{
	struct wm_buf b = {0};
	good(args);
	wm_conf_print(conf, &b);
	assert_string_equal(wm_buf_str(&b), want);
	wm_buf_fini(&b);
}

static void test_print(void **state)
{
	printed("--print",
		"{\n  \"mesh\": {\n    \"count\": 3,\n    \"net\": \"172.16.0.0/12\",\n"
		"    \"node-id\": \"nobody\",\n    \"policy\": \"accept\",\n    \"port\": 53,\n"
		"    \"sub\": {\n      \"listen\": \"[::]:8443\",\n"
		"      \"other\": \"localhost:1\"\n    },\n    \"wait\": 90000000000,\n"
		"    \"words\": [\n      \"a\",\n      \"b\"\n    ]\n  }\n}\n");
	printed("--mesh.count 1 --mesh.net= --mesh.node-id= --mesh.policy drop --mesh.port 0 "
		"--mesh.sub.listen= --mesh.sub.server= --mesh.wait 0 --mesh.words= --mesh.secret x "
		"--mesh.sub.ip ::1 --mesh.flag --mesh.servers b=h:2,a=h:1 --mesh.later --print",
		"{\n  \"mesh\": {\n    \"count\": 1,\n    \"flag\": true,\n    \"later\": true,\n"
		"    \"policy\": \"drop\",\n    \"secret\": \"(hidden)\",\n"
		"    \"servers\": {\n      \"a\": \"h:1\",\n      \"b\": \"h:2\"\n    },\n"
		"    \"sub\": {\n      \"ip\": \"::1\"\n    }\n  }\n}\n");
}

static void test_print_sizes(void **state)
{
	printed("--mesh.count 1 --mesh.net= --mesh.node-id= --mesh.policy drop --mesh.port 0 "
		"--mesh.sub.listen= --mesh.sub.server= --mesh.wait 0 --mesh.words= "
		"--mesh.room 1536KiB --print",
		"{\n  \"mesh\": {\n    \"count\": 1,\n    \"policy\": \"drop\",\n"
		"    \"room\": \"1536KiB\"\n  }\n}\n");
}

static void test_print_checks_values_only(void **state)
{
	good("--mesh.later --print");
	bad("--mesh.later --print=false", "--mesh.later: not in this version");
	bad("--mesh.count 10 --print",
	    "--mesh.count: wants a whole number from 1 to 9, found \"10\"");
}

static void test_print_escapes(void **state)
{
	struct wm_buf b = {0};
	good("--mesh.words= --print");
	wm_conf_derive(conf, "mesh.node-id", "mesh.flag", "\"\\\n\x7f\xc3\xa4\xff");
	wm_conf_print(conf, &b);
	assert_non_null(
		strstr(wm_buf_str(&b), "\"node-id\": \"\\\"\\\\\\u000a\\u007f\xc3\xa4\\ufffd\","));
	wm_buf_fini(&b);
}

static void test_nearest(void **state)
{
	static const char *const names[] = {"status", "get", "version"};
	assert_string_equal(wm_conf_nearest("statsu", names, 3), "status");
	assert_string_equal(wm_conf_nearest("VERSION", names, 3), "version");
	assert_null(wm_conf_nearest("elephant", names, 3));
	assert_null(wm_conf_nearest("", names, 0));
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_defaults),
		TEST(test_flags),
		TEST(test_lists_and_maps),
		TEST(test_bad_flags),
		TEST(test_alone),
		TEST(test_scope),
		TEST(test_environment),
		TEST(test_file),
		TEST(test_precedence),
		TEST(test_bad_file),
		TEST(test_bad_file_shape),
		TEST(test_formats),
		TEST(test_unknown_keys_warn),
		TEST(test_warnings_are_bounded),
		TEST(test_files_that_are_none),
		TEST(test_huge_file),
		TEST(test_derive),
		TEST(test_help),
		TEST(test_families),
		TEST(test_secret_from_file),
		TEST(test_bad_secret_file),
		TEST(test_secret_file_size),
		TEST(test_print),
		TEST(test_print_sizes),
		TEST(test_print_checks_values_only),
		TEST(test_print_escapes),
		TEST(test_nearest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
