#include "common/config/named_parts.hpp"

#include "common/config/known_keys.hpp"

#include <algorithm>

namespace holdfast {

bool report_list(Problems& problems, const YamlEntry& part, Section section) {
  const YamlNode& node = *part.value;
  if (node.kind != YamlNode::Kind::list || node.items.empty()) return false;
  const YamlNode& item = *node.items.front();
  const std::string name = item.kind == YamlNode::Kind::map && !item.entries.empty() ? item.entries.front().key : "";
  const std::string example = section == Section::check ? "`nginx:`" : "`web:`";
  const bool has_name = !name.empty() && !is_known_key(section, name);
  problems.error(node.place, quoted(part.key) + " holds names, it is no list; " +
                                 (has_name ? "remove the `-` before " + quoted(name)
                                           : "write a name and a colon in place of the `-`, such as " + example) +
                                 ", and indent its keys below it");
  return true;
}

std::vector<const YamlEntry*> named_entries(Problems& problems, const YamlNode& part, Section section) {
  std::vector<const YamlEntry*> named;
  for (std::size_t i = 0; i < part.entries.size(); ++i) {
    const YamlEntry& entry = part.entries[i];
    if (entry.key.empty()) continue;
    const auto is_lost = [&](std::size_t at) {
      return at < part.entries.size() && is_known_key(section, part.entries[at].key);
    };
    if (entry.value->kind != YamlNode::Kind::nothing || !is_lost(i + 1)) {
      named.push_back(&entry);
      continue;
    }
    problems.error(part.entries[i + 1].place, quoted(part.entries[i + 1].key) + " stands beside " + quoted(entry.key) +
                                                  ", whose key it is; indent these lines below " + quoted(entry.key));
    while (is_lost(i + 1)) ++i;
  }
  return named;
}

std::vector<std::string> take_flat_entries(Problems& problems, MapReader& document, const YamlNode& node,
                                           const YamlEntry& part) {
  std::vector<std::string> lost;
  if (part.value->kind != YamlNode::Kind::nothing) return lost;
  const auto at = std::find_if(node.entries.begin(), node.entries.end(),
                               [&](const YamlEntry& entry) { return entry.place == part.place; });
  for (auto entry = at; entry != node.entries.end(); ++entry) {
    if (entry == at || entry->key.empty()) continue;
    if (is_known_key(Section::document, entry->key) || entry->key.starts_with("x-")) break;
    if (lost.empty()) {
      problems.error(entry->place, quoted(entry->key) + " stands beside " + quoted(part.key) +
                                       ", where it belongs; indent these lines below " + quoted(part.key));
    }
    lost.push_back(entry->key);
    document.ignore(entry->key);
  }
  return lost;
}

std::vector<std::string> names_in(const YamlNode& part) {
  std::vector<std::string> names;
  for (const YamlEntry& entry : part.entries) names.push_back(entry.key);
  for (const YamlPtr& item : part.items) {
    if (!item->entries.empty()) names.push_back(item->entries.front().key);
  }
  return names;
}

}  // namespace holdfast
