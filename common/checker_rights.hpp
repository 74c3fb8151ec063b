// What the checks of a configuration need from the host. A checker child gives up everything else when it gets its
// first configuration. Pure.
#pragma once

#include "common/check_config.hpp"

#include <set>
#include <string>
#include <vector>

namespace holdfast {

struct CheckerRights {
  bool processes = false;            // reads /proc
  bool network = false;              // connects: reads what name lookups and TLS need
  bool unix_sockets = false;         // connects to one
  std::set<std::string> readable{};  // absolute paths of files, and of folders that hold some

  // Whether whoever has these can do what needs `wanted`.
  bool cover(const CheckerRights& wanted) const;
  bool operator==(const CheckerRights&) const = default;
};

CheckerRights rights_needed(const std::vector<CheckSpec>& checks);

}  // namespace holdfast
