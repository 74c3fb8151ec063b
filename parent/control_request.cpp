#include "parent/control_request.hpp"

namespace holdfast {

Result<DrainRequest> drain_request(const nlohmann::ordered_json& request, bool may_force) {
  DrainRequest wanted;
  for (const auto& [key, value] : request.items()) {
    if (key == "command") continue;
    if (key == "instance" && value.is_string() && !value.get_ref<const std::string&>().empty()) {
      wanted.instance = value.get<std::string>();
    } else if (key == "force" && may_force && value.is_boolean()) {
      wanted.force = value.get<bool>();
    } else {
      return Error{"the request's `" + key.substr(0, 40) + "` has no meaning here"};
    }
  }
  return wanted;
}

Result<std::string> target_request(const nlohmann::ordered_json& request) {
  const auto target = request.find("target");
  if (target == request.end() || !target->is_string()) return Error{"the request names no target"};
  return target->get<std::string>();
}

}  // namespace holdfast
