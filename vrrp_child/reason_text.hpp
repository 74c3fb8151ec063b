// Reasons as sentences for the person who asks why the address is where it is.
#pragma once

#include "common/router_config.hpp"
#include "vrrp_child/core/state_machine.hpp"

#include <string>

namespace holdfast {

// `standing`: named where it explains our own priority.
std::string sentence(const Reason& reason, const Standing& standing);

// "another router, 192.0.2.2 with priority 90, ..."
std::string sentence(const Conflict& conflict, const Standing& standing);

}  // namespace holdfast
