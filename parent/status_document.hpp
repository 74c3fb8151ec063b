// The document of `status --json` and of the control socket: contract between the daemon and everybody
// who reads it. From plain values, so that it can be tested without a daemon.
#pragma once

#include "common/config/model.hpp"
#include "common/messages.hpp"
#include "parent/child_keeper.hpp"
#include "parent/health.hpp"
#include "parent/notifier.hpp"
#include "parent/wall_clock.hpp"

#include <nlohmann/json.hpp>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

struct ProcessStatus {
  std::string role;  // parent, vrrp, checker
  std::string user;
  ProcessView view;
};

struct CheckState {
  const CheckConfig* config = nullptr;
  Health::Summary summary;
};

struct InstanceStatus {
  const InstanceConfig* config = nullptr;
  Standing standing;
  InstanceState state = InstanceState::initialize;
  TimePoint since;
  std::string reason;
  bool drained = false;
  const InstanceReport* report = nullptr;  // the last one; may be missing
  std::optional<MoveStatus> move{};        // where it has one
};

struct DaemonStatus {
  std::string node;
  TimePoint started;
  std::string config_file;
  TimePoint config_loaded;
  std::optional<std::string> config_error;  // of the last reload that failed
  std::vector<ProcessStatus> processes;
  std::vector<InstanceStatus> instances;
  std::vector<CheckState> checks;
  std::map<std::string, CheckStatus> interfaces;  // those that are tracked
  std::vector<NotificationStatus> notifications;
  GlobalStatistics statistics;
  TimePoint counting_since;  // counters are those of a VRRP process that was started then
};

nlohmann::ordered_json status_document(const DaemonStatus& daemon, const WallClock& clock);

}  // namespace holdfast
