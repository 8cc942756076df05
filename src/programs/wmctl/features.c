#include "programs/wmctl/features.h"
#include <ctype.h>
#include <inttypes.h>

/* MESH_API as mesh-api; the number where the API has no name for it. */
static void add_name(V1__Feature feature, struct wm_buf *out)
{
	const ProtobufCEnumValue *v =
		protobuf_c_enum_descriptor_get_value(&v1__feature__descriptor, (int)feature);
	if (v == NULL) {
		wm_buf_printf(out, "%d", (int)feature);
		return;
	}
	for (const char *p = v->name; *p != '\0'; p++) {
		char c = *p == '_' ? '-' : (char)tolower((unsigned char)*p);
		wm_buf_add(out, &c, 1);
	}
}

void wm_ctl_features_format(V1__FeaturePort *const *features, size_t n, bool ports,
			    struct wm_buf *out)
{
	for (size_t i = 0; i < n; i++) {
		wm_buf_add_str(out, i > 0 ? ", " : "");
		add_name(features[i]->feature, out);
		if (ports && features[i]->port != 0)
			wm_buf_printf(out, ":%" PRId32, features[i]->port);
	}
}
