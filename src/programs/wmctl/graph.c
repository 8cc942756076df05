#include "base/str.h"
#include "pb/v1.h"
#include "programs/wmctl/call.h"
#include "programs/wmctl/commands.h"
#include "programs/wmctl/output.h"
#include "programs/wmctl/text.h"

int wm_ctl_get_graph(struct wm_ctl *ctl, struct wm_err *err)
{
	Google__Protobuf__Empty request = GOOGLE__PROTOBUF__EMPTY__INIT;
	ProtobufCMessage *answer;
	int rc = wm_ctl_call(ctl, "/v1.Mesh/GetMeshGraph", &request.base, &answer, err);
	if (rc != 0)
		return rc;
	if (!wm_ctl_output_is_table(ctl))
		return wm_ctl_output_one(ctl, answer, err);
	const V1__MeshGraph *graph = (const V1__MeshGraph *)(const void *)answer;
	wm_ctl_add_harmless(&ctl->out, graph->dot, true);
	if (!wm_str_ends(graph->dot, "\n"))
		wm_buf_add_str(&ctl->out, "\n");
	return 0;
}
