#include "programs/wmctl/options.h"
#include "base/mem.h"
#include "base/str.h"

/* "connection." is a section of --help only; no flag begins with it. */
static const struct wm_conf_option rows[] = {
#define WM_OPT(k, f, s, n, d, h, ...)                  \
	{.section = s,                                 \
	 .name = n,                                    \
	 .kind = WM_CONF_##k,                          \
	 .offset = offsetof(struct wm_ctl_options, f), \
	 .def = d,                                     \
	 .help = h,                                    \
	 __VA_ARGS__},
#include "programs/wmctl/options.def.h"
#undef WM_OPT
};

static const struct wm_conf_section sections[] = {{"", "Options"}, {"connection.", "Connection"}};

static const struct wm_conf_table table = {
	.rows = rows,
	.n_rows = WM_ARRAY_LEN(rows),
	.sections = sections,
	.n_sections = WM_ARRAY_LEN(sections),
	.size = sizeof(struct wm_ctl_options),
};

const struct wm_conf_table *wm_ctl_options_table(void)
{
	return &table;
}
