/* A configuration file: YAML into a tree, the tree into options of every kind. */
#include "conf/yaml.h"
#include "fuzz_conf_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return load_tree(wm_conf_yaml_parse, data, size);
}
