#include "base/version.h"
#include "programs/wmctl/commands.h"

int wm_ctl_version(struct wm_ctl *ctl, struct wm_err *err)
{
	wm_version_format("Webmesh CLI", "webmesh-cli", ctl->o->json, &ctl->out);
	return 0;
}
