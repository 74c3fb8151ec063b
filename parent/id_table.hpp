// Numbers for names: a name keeps its number for the life of the daemon, whatever reloads take it away and
// bring it back, so that a late message is never taken for another thing's. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace holdfast {

template <class Id>
class IdTable {
 public:
  // The number of `name`; a new one when it has none yet.
  Id id_of(const std::string& name) {
    const auto [place, is_new] = ids_.try_emplace(name, Id{static_cast<decltype(Id::value)>(names_.size() + 1)});
    if (is_new) names_.push_back(name);
    return place->second;
  }
  // name: one that has a number.
  Id number_of(const std::string& name) const { return ids_.at(name); }
  // Whether it was ever given out.
  bool knows(Id id) const { return id.value >= 1 && id.value <= names_.size(); }
  // id: one that is known.
  const std::string& name_of(Id id) const { return names_[id.value - 1]; }

 private:
  std::map<std::string, Id> ids_;
  std::vector<std::string> names_;
};

}  // namespace holdfast
