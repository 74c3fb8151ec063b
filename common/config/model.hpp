// The whole configuration as validated values. What stands here has been checked: no reader checks again. Pure.
#pragma once

#include "common/check_config.hpp"
#include "common/config/notify_model.hpp"
#include "common/router_config.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// A program to run: argv[0] is an absolute path or found in a fixed PATH; no shell is involved.
struct CommandConfig {
  std::vector<std::string> argv;
  std::string user;  // empty: an unused id
  Duration timeout{};
  bool operator==(const CommandConfig&) const = default;
};

// What to do when a check goes down: start the thing again. Exactly one of `unit` and `command` is set.
struct RestartConfig {
  enum class When : std::uint8_t {
    always,
    crashed,  // not where the unit was stopped by `systemctl stop` or ended by itself without a failure
  };
  std::string unit;  // a systemd unit, restarted over the bus
  std::vector<std::string> command;
  When when = When::always;
  // Run first; where it fails, a restart would too. Empty: nothing is.
  std::vector<std::string> config_test;
  Duration before_failover{};                        // how long the failover waits for the restart; 0: it does not wait
  std::uint32_t limit = 3;                           // at most this many restarts ...
  Duration limit_window = std::chrono::minutes(10);  // ... in this long
  Duration timeout = std::chrono::seconds(30);       // a restart that takes longer has failed
  bool operator==(const RestartConfig&) const = default;
};

struct CheckConfig {
  CheckSpec spec;                       // for the checker
  std::optional<CommandConfig> script;  // set exactly for type script; stays with the parent
  std::optional<RestartConfig> restart;
  Duration damping = std::chrono::minutes(2);  // how long one that flaps is held down at most; 0: never
  bool operator==(const CheckConfig&) const = default;
};

// How a check, or the link of another interface, acts on an instance while it is not up.
struct TrackConfig {
  enum class Effect : std::uint8_t { demote, fault, weight };
  std::string check;      // the name of a check that exists, or empty
  std::string interface;  // exactly one of the two is set
  Effect effect = Effect::demote;
  int weight = 0;  // -253..253, not 0; >0 added while up, <0 subtracted while down
  bool operator==(const TrackConfig&) const = default;
};

struct InstanceConfig {
  VirtualRouterConfig router;       // for the VRRP child
  std::vector<TrackConfig> tracks;  // its own, and those of the others in its sync group
  std::string sync_group;           // empty: in none
  std::string leader;               // the member that decides for the group; empty: this one does
  std::optional<MoveConfig> move{};
  bool operator==(const InstanceConfig&) const = default;
};

// Empty members mean the default that the daemon chooses.
struct RuntimeConfig {
  std::string vrrp_user;
  std::string checker_user;
  std::string admin_group;
  bool operator==(const RuntimeConfig&) const = default;
};

struct Config {
  std::string node;
  RuntimeConfig runtime;
  std::vector<CheckConfig> checks;        // in file order, names unique
  std::vector<InstanceConfig> instances;  // in file order, names unique
  std::vector<NotifyTarget> notify;       // in file order, names unique
  bool operator==(const Config&) const = default;
};

}  // namespace holdfast
