// What is known of the links that instances track, from the VRRP child's reports. Pure.
#pragma once

#include "common/config/model.hpp"
#include "common/types.hpp"
#include "parent/tracking.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast {

class TrackedInterfaces {
 public:
  struct Interface {
    CheckStatus status = CheckStatus::unknown;  // until the first report
    std::string detail = "not reported yet";
    bool joined_by_reload = false;
  };
  struct Change {
    CheckStatus from;
    CheckStatus to;
  };

  // Those that `instances` track, from now on. What is known of those that stay is kept, also while there is no
  // VRRP child; by_reload: new ones are neutral until their first report.
  void configure(const std::vector<InstanceConfig>& instances, bool by_reload);

  // Whether it is, or was, one that a configuration named.
  bool knows(const std::string& name) const { return ever_named_.contains(name); }
  // A report on one that is known. Says what changed, if anything did; one that is not tracked any more is ignored.
  std::optional<Change> report(const std::string& name, bool up, const std::string& detail);

  const std::map<std::string, Interface>& all() const { return interfaces_; }
  // name: one that is tracked.
  CheckView view(const std::string& name) const;

 private:
  std::map<std::string, Interface> interfaces_;
  std::set<std::string> ever_named_;
};

}  // namespace holdfast
