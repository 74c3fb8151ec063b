#include "common/config/map_reader.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace holdfast {

namespace {

// Words that users of other VRRP programs bring along, and what they become here.
struct ForeignWord {
  Section section;
  std::string_view word;
  std::string_view mend;
};
constexpr ForeignWord foreign_words[] = {
    {Section::document, "vrrp_instance", "write `instances:` with the instance's name below it"},
    {Section::document, "vrrp_instances", "write `instances:` with the instance's name below it"},
    {Section::document, "vrrp_script", "write `checks:` with the check's name below it"},
    {Section::document, "router_id", "write `node`"},
    {Section::instance, "state", "remove it; the priorities decide who is active"},
    {Section::instance, "virtual_router_id", "write `vrid`"},
    {Section::instance, "advert_int", "write `advert_interval` with a unit, such as `1s`"},
    {Section::instance, "auth_pass", "write `password`"},
    {Section::instance, "auth_type", "remove it; `password` alone says it"},
    {Section::instance, "authentication", "write `password: ...` in the instance itself"},
    {Section::instance, "nopreempt", "write `preempt: false`"},
    {Section::instance, "virtual_ipaddress", "write `addresses`"},
    {Section::instance, "virtual_ips", "write `addresses`"},
    {Section::instance, "track_script", "write `track`"},
    {Section::instance, "track_process", "write `track`"},
    {Section::check, "script", "write `type: script` and `command: [...]`"},
    {Section::check, "weight",
     "write the weight where an instance tracks the check: `track: [{check: ..., weight: 2}]`"},
};

}  // namespace

MapReader::MapReader(Problems& problems, const YamlNode& node, Place place, Section section, std::string what)
    : problems_(problems), place_(place), section_(section), what_(std::move(what)) {
  if (node.kind == YamlNode::Kind::map) {
    map_ = &node;
  } else if (node.kind == YamlNode::Kind::nothing) {
    problems_.error(node.place, what_ + " is empty; write its keys below it, indented, or remove it");
  } else {
    problems_.error(node.place, what_ + " must be a map: lines of `key: value`, indented below it");
  }
}

const YamlEntry* MapReader::take(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return peek(key);
}

std::optional<std::string> MapReader::text(std::string_view key) {
  const YamlEntry* entry = take(key);
  return entry == nullptr ? std::nullopt : read_text(problems_, *entry->value, quoted(key));
}

std::optional<std::int64_t> MapReader::integer(std::string_view key, std::int64_t lowest, std::int64_t highest) {
  const YamlEntry* entry = take(key);
  return entry == nullptr ? std::nullopt : read_integer(problems_, *entry->value, quoted(key), lowest, highest);
}

std::optional<bool> MapReader::boolean(std::string_view key) {
  const YamlEntry* entry = take(key);
  return entry == nullptr ? std::nullopt : read_boolean(problems_, *entry->value, quoted(key));
}

std::optional<Duration> MapReader::duration(std::string_view key, const DurationRange& range) {
  const YamlEntry* entry = take(key);
  return entry == nullptr ? std::nullopt : read_duration(problems_, *entry->value, quoted(key), range);
}

std::optional<std::size_t> MapReader::choice(std::string_view key, const std::vector<std::string>& choices) {
  const YamlEntry* entry = take(key);
  return entry == nullptr ? std::nullopt : read_choice(problems_, *entry->value, quoted(key), choices);
}

void MapReader::missing(std::string_view key, std::string_view example) {
  if (map_ == nullptr) return;
  problems_.error(place_, what_ + " has no " + quoted(key) + "; add one, such as " + quoted(example));
}

void MapReader::finish() {
  if (map_ == nullptr) return;
  std::unordered_set<std::string_view> known(known_.begin(), known_.end());
  known.insert(ignored_.begin(), ignored_.end());
  for (const YamlEntry& entry : map_->entries) {
    if (entry.key.empty() || known.contains(entry.key)) continue;
    if (const auto reason = why_unavailable(section_, entry.key)) {
      problems_.error(entry.place, *reason);
      continue;
    }
    const auto* foreign =
        std::find_if(std::begin(foreign_words), std::end(foreign_words),
                     [&](const ForeignWord& word) { return word.section == section_ && word.word == entry.key; });
    const std::string hint = foreign != std::end(foreign_words)
                                 ? "; " + std::string(foreign->mend)
                                 : problems_.hint_for(entry.key, known_, "the keys here are");
    problems_.error(entry.place, "unknown key " + quoted(entry.key) + " in " + what_ + hint);
  }
}

}  // namespace holdfast
