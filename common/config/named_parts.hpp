// `checks` and `instances`, the parts that hold maps by name, where the shape of the file is lost: a list instead of
// names, or keys on the level of the name that they belong to. One error each, whatever follows from it. Pure.
#pragma once

#include "common/config/map_reader.hpp"
#include "common/config/problems.hpp"
#include "common/config/yaml_tree.hpp"

#include <string>
#include <vector>

namespace holdfast {

// Reports that the part is a list, if it is one.
bool report_list(Problems& problems, const YamlEntry& part, Section section);

// The entries of the part that are worth reading; keys that stand beside their name, and that name, are reported.
std::vector<const YamlEntry*> named_entries(Problems& problems, const YamlNode& part, Section section);

// What stands behind an empty part on its own level, at the top of the file: reported, and ignored by `document`.
// Their names; empty where all is well.
std::vector<std::string> take_flat_entries(Problems& problems, MapReader& document, const YamlNode& node,
                                           const YamlEntry& part);

// The names in a part, also in a list and with errors.
std::vector<std::string> names_in(const YamlNode& part);

}  // namespace holdfast
