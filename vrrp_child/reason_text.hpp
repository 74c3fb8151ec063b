// Reasons as sentences for the person who asks why the address is where it is.
#pragma once

#include "common/router_config.hpp"
#include "vrrp_child/core/state_machine.hpp"

#include <string>

namespace holdfast {

// `standing`: named where it explains our own priority.
std::string sentence(const Reason& reason, const Standing& standing);

// RFC 8347's words: the identity for `last-event`, the enumeration for `new-master-reason`.
const char* event_name(Cause cause);
const char* new_master_reason(Cause became_active_because);

// What is wrong between us and another router, with the mend. Also its name in status --json.
std::string sentence(const Conflict& conflict, const VirtualRouterConfig& config, const Standing& standing);
const char* name_of(ConflictKind kind);

}  // namespace holdfast
