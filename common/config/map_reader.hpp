// A strict cursor over one map of the configuration: every key is asked for by name, and what nobody asked for is
// an error. Pure.
#pragma once

#include "common/config/problems.hpp"
#include "common/config/unavailable.hpp"
#include "common/config/values.hpp"
#include "common/config/yaml_tree.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {

class MapReader {
 public:
  // `what` names the map in messages: "instance `web`"; `place` is where a missing key is reported.
  // A node that is no map is reported; the reader is then empty and reports nothing more.
  MapReader(Problems& problems, const YamlNode& node, Place place, Section section, std::string what);

  bool is_map() const { return map_ != nullptr; }
  const std::string& what() const { return what_; }

  // The entry of a key, or nullptr. Every key that may stand here must be asked for before finish().
  const YamlEntry* take(std::string_view key);

  // take() and the function of that name in values.hpp.
  std::optional<std::string> text(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t lowest, std::int64_t highest);
  std::optional<bool> boolean(std::string_view key);
  std::optional<Duration> duration(std::string_view key, const DurationRange& range);
  std::optional<std::size_t> choice(std::string_view key, const std::vector<std::string>& choices);

  // Looks at an entry without asking for it.
  const YamlEntry* peek(std::string_view key) const { return map_ == nullptr ? nullptr : map_->find(key); }

  // Reports that a key must be there; `example` is a line that would do, `otherwise` says what else would.
  void missing(std::string_view key, std::string_view example, std::string_view otherwise = {});

  // Accepts a key unread, without offering it to those who mistype another one.
  void ignore(std::string_view key) { ignored_.emplace_back(key); }

  // Reports every key that was not asked for.
  void finish();

 private:
  std::string hint_for(std::string_view key) const;

  Problems& problems_;
  const YamlNode* map_ = nullptr;
  Place place_;
  Section section_;
  std::string what_;
  std::vector<std::string> known_;
  std::vector<std::string> ignored_;
};

}  // namespace holdfast
