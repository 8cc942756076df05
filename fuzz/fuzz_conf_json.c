/* A configuration file: JSON into a tree, the tree into options of every kind. */
#include "conf/json.h"
#include "fuzz_conf_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return load_tree(wm_conf_json_parse, data, size);
}
