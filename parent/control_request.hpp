// What the requests on the control socket mean, beside the name of their command.
#pragma once

#include "common/result.hpp"

#include <nlohmann/json.hpp>

#include <string>

namespace holdfast {

struct DrainRequest {
  std::string instance;  // empty: all
  bool force = false;
};

// {"command": "drain", "instance": "web", "force": false}; without an instance: all of them. `may_force`: whether that
// has a meaning.
Result<DrainRequest> drain_request(const nlohmann::ordered_json& request, bool may_force);

// {"command": "notify-test", "target": "mail"}
Result<std::string> target_request(const nlohmann::ordered_json& request);

}  // namespace holdfast
