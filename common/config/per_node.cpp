#include "common/config/per_node.hpp"

#include "common/config/values.hpp"

namespace holdfast {

namespace {

// The shape of all nodes' parts, whichever node this is: a mistake shows on every host.
bool check_parts(Problems& problems, const YamlNode& per_node) {
  bool good = true;
  for (const auto& [name, place, part] : per_node.entries) {
    if (name.empty()) return false;
    good = check_name(problems, place, name, "a node") && good;
    if (part->kind != YamlNode::Kind::map && part->kind != YamlNode::Kind::nothing) {
      problems.error(part->place, "what `per_node` says for " + quoted(name) +
                                      " must be a map, laid out like the file "
                                      "itself: `instances:` and so on");
      good = false;
    }
    for (const char* forbidden : {"node", "per_node"}) {
      if (const YamlEntry* entry = part->find(forbidden)) {
        problems.error(entry->place, quoted(forbidden) + " can't stand within `per_node`; remove it");
        good = false;
      }
    }
  }
  return good;
}

}  // namespace

YamlPtr document_of_node(Problems& problems, const YamlPtr& document, const std::string& node) {
  const YamlEntry* per_node = document->find("per_node");
  if (per_node == nullptr) return document;
  if (per_node->value->kind != YamlNode::Kind::map || per_node->value->entries.empty()) {
    problems.error(per_node->value->place,
                   "`per_node` must hold the nodes by name; write `web-1:` below it, indented, "
                   "with what differs there below that, or remove it");
    return nullptr;
  }
  if (!check_parts(problems, *per_node->value)) return nullptr;
  const YamlEntry* part = per_node->value->find(node);
  if (part == nullptr && node.empty()) {
    problems.error(per_node->place, "`per_node` needs the name of this node; write `node: NAME` at the top");
    return nullptr;
  }
  if (part == nullptr) {
    problems.error(per_node->place, "`per_node` does not name this node, " + quoted(node) +
                                        ": add it there, or give the node another name with `node: NAME` at the top" +
                                        problems.hint_for(node, nodes_of(*document), "it names"));
    return nullptr;
  }
  if (part->value->kind == YamlNode::Kind::nothing) return document;
  return merge_yaml(document, part->value);
}

std::vector<std::string> nodes_of(const YamlNode& document) {
  std::vector<std::string> names;
  const YamlEntry* per_node = document.find("per_node");
  if (per_node == nullptr) return names;
  for (const YamlEntry& entry : per_node->value->entries) {
    if (!entry.key.empty()) names.push_back(entry.key);
  }
  return names;
}

}  // namespace holdfast
