#include "common/config/map_reader.hpp"

#include "common/config/keepalived_words.hpp"
#include "common/config/known_keys.hpp"
#include "common/config/line_mend.hpp"

#include <algorithm>
#include <cassert>
#include <unordered_set>
#include <utility>

namespace holdfast {

namespace {

// "vrid 66" and "vrid:66", written for the key "vrid".
bool is_key_without_colon(std::string_view written, std::string_view key) {
  return written.size() > key.size() && written.starts_with(key) &&
         std::string_view(" :=\t").find(written[key.size()]) != std::string_view::npos;
}

}  // namespace

MapReader::MapReader(Problems& problems, const YamlNode& node, Place place, Section section, std::string what)
    : problems_(problems), place_(place), section_(section), what_(std::move(what)) {
  if (node.kind == YamlNode::Kind::map) {
    map_ = &node;
  } else if (node.kind == YamlNode::Kind::nothing) {
    problems_.error(node.place, what_ + " is empty; write its keys below it, indented, or remove it");
  } else {
    const auto mend = node.kind == YamlNode::Kind::scalar && !node.in_quotes ? mend_of_line(node.text) : std::nullopt;
    problems_.error(node.place, what_ + " must be a map: lines of `key: value`, indented below it" +
                                    (mend ? ", with a colon and a blank between key and value" : ""));
  }
}

const YamlEntry* MapReader::take(std::string_view key) {
  assert(is_known_key(section_, key));
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

void MapReader::missing(std::string_view key, std::string_view example, std::string_view otherwise) {
  if (map_ == nullptr) return;
  // finish() says more of a key that is there, but not as one.
  for (const YamlEntry& entry : map_->entries) {
    if (is_key_without_colon(entry.key, key) || mend_of_keepalived_word(section_, entry.key) == "write " + quoted(key))
      return;
  }
  problems_.error(place_, what_ + " has no " + quoted(key) + "; add one, such as " + quoted(example) +
                              (otherwise.empty() ? std::string() : ", " + std::string(otherwise)));
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
    if (const auto mend = mend_of_line(entry.key); mend && entry.key.find_first_of(" :=") != std::string::npos) {
      problems_.error(entry.place, *mend);
      continue;
    }
    problems_.error(entry.place, "unknown key " + quoted(entry.key) + " in " + what_ + hint_for(entry.key));
  }
}

std::string MapReader::hint_for(std::string_view key) const {
  if (const auto mend = mend_of_keepalived_word(section_, key)) return "; " + std::string(*mend);
  const std::string nearest = problems_.hint_for(key, known_, "the keys here are");
  const auto home = home_of(key);
  if (!home || nearest.starts_with("; did you mean")) return nearest;
  return "; it belongs to " + std::string(name_of(*home)) + ", move it there";
}

}  // namespace holdfast
