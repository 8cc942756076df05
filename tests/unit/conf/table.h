#pragma once
/* A small table that has every kind of row, for the tests of conf/. */
#include "conf/conf.h"

struct values {
	bool help;
	char *config;
	bool flag;
	char *name;
	char *secret;
	int64_t count;
	uint16_t port;
	int64_t wait;
	struct wm_conf_list words;
	struct wm_conf_list nets;
	struct wm_conf_map servers;
	char *policy;
	int64_t room;
	struct wm_prefix net;
	char *server;
	struct wm_endpoint listen;
	struct wm_addr ip;
	bool later;
	char *family;
	char *only_first;
	char *only_second;
	char *file_only;
	bool print;
};

#define ROW(k, f, s, n, d, ...)                \
	{.section = s,                         \
	 .name = s n,                          \
	 .kind = WM_CONF_##k,                  \
	 .offset = offsetof(struct values, f), \
	 .def = d,                             \
	 .help = "About " n,                   \
	 __VA_ARGS__}

static const struct wm_conf_option test_rows[] = {
	ROW(BOOL, help, "", "help", "false", .letter = 'h',
	    .attrs = WM_CONF_ALONE | WM_CONF_NO_ENV | WM_CONF_NO_FILE),
	ROW(STRING, config, "", "config", "", .letter = 'c', .value = "FILE",
	    .attrs = WM_CONF_PATH | WM_CONF_NO_ENV | WM_CONF_NO_FILE),
	ROW(BOOL, flag, "mesh.", "flag", "false"),
	ROW(STRING, name, "mesh.", "node-id", "nobody"),
	ROW(STRING, secret, "mesh.", "secret", "", .attrs = WM_CONF_SECRET | WM_CONF_FROM_FILE),
	ROW(INT, count, "mesh.", "count", "3", .min = 1, .max = 9),
	ROW(PORT, port, "mesh.", "port", "53"),
	ROW(DURATION, wait, "mesh.", "wait", "1m30s", .min = 0, .max = INT64_MAX),
	ROW(SIZE, room, "mesh.", "room", "0", .max = 4 << 20),
	ROW(LIST, words, "mesh.", "words", "a,b", .of = WM_CONF_STRING),
	ROW(LIST, nets, "mesh.", "nets", "", .of = WM_CONF_PREFIX),
	ROW(MAP, servers, "mesh.", "servers", "", .of = WM_CONF_HOST_PORT),
	ROW(WORD, policy, "mesh.", "policy", "accept", .words = "accept|drop"),
	ROW(PREFIX, net, "mesh.", "net", "172.16.0.0/12"),
	ROW(HOST_PORT, server, "mesh.sub.", "server", "localhost:1", .file_key = "mesh.sub.other"),
	ROW(ENDPOINT, listen, "mesh.sub.", "listen", "[::]:8443", .alias = "mesh.sub.isten x.y"),
	ROW(IP, ip, "mesh.sub.", "ip", ""),
	ROW(BOOL, later, "mesh.", "later", "false", .attrs = WM_CONF_LATER),
	ROW(STRING, family, "bridge.", "", "",
	    .attrs = WM_CONF_LATER | WM_CONF_FAMILY | WM_CONF_HIDDEN | WM_CONF_NO_ENV),
	ROW(STRING, only_first, "", "name", "", .scope = 1, .attrs = WM_CONF_REQUIRED),
	ROW(STRING, only_second, "", "name", "admin", .scope = 2),
	ROW(STRING, file_only, "mesh.", "file-only", "", .attrs = WM_CONF_NO_FLAG),
	ROW(BOOL, print, "", "print", "false",
	    .attrs = WM_CONF_UNCHECKED | WM_CONF_NO_ENV | WM_CONF_NO_FILE),
};

static const struct wm_conf_section test_sections[] = {
	{"", "Program"}, {"mesh.", "Mesh"}, {"mesh.sub.", "Sub"}};

static const struct wm_conf_table test_table = {
	.rows = test_rows,
	.n_rows = sizeof(test_rows) / sizeof(test_rows[0]),
	.sections = test_sections,
	.n_sections = 3,
	.size = sizeof(struct values),
};
