// Reasons as sentences for the person who asks why the address is where it is.
#pragma once

#include "common/router_config.hpp"
#include "vrrp_child/core/state_machine.hpp"

#include <string>

namespace holdfast {

// `standing`: named where it explains our own priority.
std::string sentence(const Reason& reason, const Standing& standing);

// What is wrong between us and another router, with the mend. Also its name in status --json.
std::string sentence(const Conflict& conflict, const VirtualRouterConfig& config, const Standing& standing);
const char* name_of(ConflictKind kind);

}  // namespace holdfast
