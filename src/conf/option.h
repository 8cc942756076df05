#pragma once
/*
 * What an option is: one row of a program's table. From the rows come the flags, the names in the
 * environment, the keys of the configuration file, --help, the defaults and the checks; adding an
 * option is adding a row. The engine in this folder knows no option itself. Tables are constant
 * data; any thread.
 */
#include "base/addr.h"
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wm_conf;

/* Several texts, as flags like --mesh.routes take them. */
struct wm_conf_list {
	char **items; /* none is empty */
	size_t n;
};

struct wm_conf_pair {
	char *key;
	char *value;
};

/* Texts by name, in the order in which they were given; each key once. */
struct wm_conf_map {
	struct wm_conf_pair *items;
	size_t n;
};

enum wm_conf_kind {
	WM_CONF_BOOL,
	WM_CONF_STRING,
	WM_CONF_INT,       /* between min and max */
	WM_CONF_PORT,      /* 0..65535, within min and max */
	WM_CONF_DURATION,  /* "1h2m3s"; between min and max, in nanoseconds */
	WM_CONF_SIZE,      /* "4MiB", "65536"; between min and max, in bytes */
	WM_CONF_LIST,      /* each a value of the kind "of" */
	WM_CONF_MAP,       /* k=v; each v a value of the kind "of" */
	WM_CONF_WORD,      /* one of "words" */
	WM_CONF_PREFIX,    /* address/bits, or "" */
	WM_CONF_HOST_PORT, /* name or address, and port, or "" */
	WM_CONF_ENDPOINT,  /* address and port, or "" */
	WM_CONF_IP,        /* address, or "" */
};

/* The C type that a row of each kind fills in the program's struct. Text is never NULL. */
#define WM_CONF_C_BOOL      bool
#define WM_CONF_C_STRING    char *
#define WM_CONF_C_INT       int64_t
#define WM_CONF_C_PORT      uint16_t
#define WM_CONF_C_DURATION  int64_t
#define WM_CONF_C_SIZE      int64_t
#define WM_CONF_C_LIST      struct wm_conf_list
#define WM_CONF_C_MAP       struct wm_conf_map
#define WM_CONF_C_WORD      char *
#define WM_CONF_C_PREFIX    struct wm_prefix
#define WM_CONF_C_HOST_PORT char *
#define WM_CONF_C_ENDPOINT  struct wm_endpoint
#define WM_CONF_C_IP        struct wm_addr

enum wm_conf_attr {
	WM_CONF_RELOAD = 1 << 0, /* takes effect on reload; all others need a restart */
	WM_CONF_LATER = 1 << 1, /* accepted, and refused by name when it differs from its default */
	WM_CONF_NO_ENV = 1 << 2,     /* not read from the environment */
	WM_CONF_NO_FILE = 1 << 3,    /* not read from the configuration file */
	WM_CONF_NO_FLAG = 1 << 4,    /* read from the file only */
	WM_CONF_SECRET = 1 << 5,     /* no message repeats its value; wiped when freed */
	WM_CONF_HIDDEN = 1 << 6,     /* not in --help */
	WM_CONF_PATH = 1 << 7,       /* names the configuration file to read */
	WM_CONF_ALONE = 1 << 8,      /* when given (--help), nothing else is read or checked */
	WM_CONF_FAMILY = 1 << 9,     /* a name that ends in a dot: "bridge.ID.mesh.node-id".
				      * In files the IDs nest below file_key. */
	WM_CONF_REQUIRED = 1 << 10,  /* must be given and not empty */
	WM_CONF_NOT_EMPTY = 1 << 11, /* the empty text is refused */
	WM_CONF_UNCHECKED =
		1 << 12, /* when given (--print-config), only single values are checked */
	WM_CONF_FROM_FILE = 1 << 13, /* "<name>-file" names a file that holds the value */
};

/* What may stand behind the part that a user makes up in a name of a family. */
struct wm_conf_member {
	const char *name; /* NULL behind the last */
	enum wm_conf_kind kind;
};
#define WM_CONF_MEMBERS_MAX 16

struct wm_conf_option {
	const char *section;  /* "mesh.", with its dot; "" for none */
	const char *name;     /* with the section: "mesh.node-id", the flag without its dashes */
	const char *file_key; /* the dotted key in a file where that differs, or NULL */
	const char *alias; /* other spellings of the flag and key, with blanks between, or NULL */
	enum wm_conf_kind kind;
	enum wm_conf_kind of; /* LIST, MAP */
	size_t offset;        /* of the value in the program's struct */
	const char *def;      /* the default, as text */
	int64_t min, max;     /* both 0: whatever the kind can hold */
	const char *words;    /* WORD: "accept|drop"; FAMILY: sections it has not, with blanks */
	const struct wm_conf_member *members; /* FAMILY: NULL for the table's own rows */
	const char *value; /* what --help calls the value; NULL for the kind's own word */
	const char *help;  /* one sentence without full stop */
	unsigned attrs;    /* enum wm_conf_attr */
	unsigned scope;    /* bits of the commands that know it; 0 = all */
	char letter;       /* of the short flag ("-c"), or 0 */
};

struct wm_conf_section {
	const char *prefix; /* "mesh." */
	const char *title;  /* for --help */
};

struct wm_conf_table {
	const struct wm_conf_option *rows;
	size_t n_rows;
	const struct wm_conf_section *sections; /* in the order of --help */
	size_t n_sections;
	size_t size; /* of the program's struct */
	/* Checks across options, after each value was checked by itself; may derive values. NULL:
	 * none. */
	int (*check)(struct wm_conf *conf, void *values, struct wm_err *err);
};

/* The row that has this name, alias, file key or family, among those of @scope; NULL if none. */
const struct wm_conf_option *wm_conf_option_find(const struct wm_conf_table *t, unsigned scope,
						 const char *name);
/* True when commands of @scope know the row. */
bool wm_conf_option_is_in(const struct wm_conf_option *o, unsigned scope);
