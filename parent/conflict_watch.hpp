// Which conflicts between us and other routers last, and when one is over: the VRRP child tells of them when they
// begin, and its reports name those that are still there. Pure.
#pragma once

#include "common/messages.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace holdfast {

class ConflictWatch {
 public:
  // How often to ask for reports while there is a conflict.
  static constexpr Duration interval = std::chrono::seconds(2);

  struct End {
    bool contested = false;  // somebody else was active too, or had one of the addresses
    bool active = false;     // we are active now
  };

  // Whether it is news: a conflict that lasts is told again and again.
  bool seen(InstanceId id, const std::string& text) {
    std::set<std::string>& told = conflicts_[id].told;
    return told.size() < most_told && told.insert(text).second;
  }

  // Tells that the instance's conflicts are over, once.
  std::optional<End> reported(const InstanceReport& report) {
    const auto found = conflicts_.find(report.id);
    if (found == conflicts_.end()) return std::nullopt;
    bool& contested = found->second.contested;
    contested =
        contested || std::ranges::any_of(report.conflicts, [](const ConflictReport& conflict) {
          return conflict.kind == "two_actives" || conflict.kind == "own_address" || conflict.kind == "address_taken";
        });
    if (!report.conflicts.empty()) return std::nullopt;
    const End end{contested, report.state == InstanceState::active};
    conflicts_.erase(found);
    return end;
  }

  // Forgets the instances that are gone.
  template <class IsThere>
  void keep(IsThere is_there) {
    std::erase_if(conflicts_, [&](const auto& entry) { return !is_there(entry.first); });
  }
  bool any() const { return !conflicts_.empty(); }

 private:
  static constexpr std::size_t most_told = 32;

  struct Conflict {
    std::set<std::string> told;
    bool contested = false;
  };
  std::map<InstanceId, Conflict> conflicts_;
};

}  // namespace holdfast
