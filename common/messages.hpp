// Every message that crosses a process boundary, on one page. One variant per direction: a receiver
// that forgets one does not compile. Messages carry absolute state, never increments, so a restarted
// child needs one resend and no merging. Pure; the bytes are made in codec.hpp.
//
//            ParentToVrrp                    ParentToChecker
//          -------------->                  ---------------->
//   vrrp                      parent                             checker
//          <--------------                  <----------------
//            VrrpToParent                    CheckerToParent
#pragma once

#include "common/check_config.hpp"
#include "common/ip_addr.hpp"
#include "common/router_config.hpp"
#include "common/statistics.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace holdfast {

// ---- both directions, both children ----

// A configuration arrives as Begin, items, Commit and takes effect at Commit; items not named are gone.
struct BeginConfig {
  std::uint32_t generation = 0;
  bool operator==(const BeginConfig&) const = default;
};
struct CommitConfig {
  std::uint32_t generation = 0;
  bool operator==(const CommitConfig&) const = default;
};
// The child's answer to Commit.
struct ConfigApplied {
  std::uint32_t generation = 0;
  bool operator==(const ConfigApplied&) const = default;
};

// The heartbeat: a child that does not answer hangs, and is killed.
struct Ping {
  std::uint64_t serial = 0;
  bool operator==(const Ping&) const = default;
};
struct Pong {
  std::uint64_t serial = 0;
  bool operator==(const Pong&) const = default;
};

// Asks for one report per item, closed by ReportsDone with the same serial.
struct RequestReports {
  std::uint64_t serial = 0;
  bool operator==(const RequestReports&) const = default;
};
struct ReportsDone {
  std::uint64_t serial = 0;
  bool operator==(const ReportsDone&) const = default;
};

// The first message of a child: privileges are dropped and verified, the loop runs.
struct ChildReady {
  std::vector<std::string> capabilities;  // what is left, as the child itself reads it: "cap_net_raw", ...
  bool operator==(const ChildReady&) const = default;
};

// A line for the log; only the parent writes the journal.
struct Logged {
  LogLevel level = LogLevel::info;
  std::string text;
  bool operator==(const Logged&) const = default;
};

// ---- parent -> VRRP ----

struct ConfigureInstance {
  InstanceId id;
  VirtualRouterConfig router;
  Standing standing;
  // Set when a VRRP child before this one died as active: it was surely alive until then.
  std::optional<TimePoint> was_active_at;
  // Set for all members of a sync group but the one that decides: its state follows that one's.
  std::optional<InstanceId> leader;
  bool operator==(const ConfigureInstance&) const = default;
};
// An item of the configuration: tell what becomes of this interface, first of all what it is like now.
struct WatchInterface {
  std::string name;
  bool operator==(const WatchInterface&) const = default;
};
struct SetPriority {
  InstanceId id;
  Standing standing;
  bool operator==(const SetPriority&) const = default;
};
// Leave: priority 0, addresses off, exit 0.
struct Shutdown {
  bool operator==(const Shutdown&) const = default;
};

using ParentToVrrp = std::variant<BeginConfig, ConfigureInstance, WatchInterface, CommitConfig, SetPriority,
                                  RequestReports, Ping, Shutdown>;

// ---- VRRP -> parent ----

struct StateChanged {
  InstanceId id;
  InstanceState from = InstanceState::initialize;
  InstanceState to = InstanceState::initialize;
  std::string reason;   // a sentence for a person
  Priority priority{};  // what is advertised from now on
  TimePoint at;
  bool operator==(const StateChanged&) const = default;
};
// What came of Fitness::draining: the instance is away, or nobody took its place and it keeps the addresses. Of a sync
// group the leader says it for all.
struct DrainEnded {
  InstanceId id;
  bool away = false;
  bool operator==(const DrainEnded&) const = default;
};
// Something is wrong with another router, or with one of us: two actives, another password, version, interval
// or address list. Said at once, then now and then while it lasts.
struct ConflictSeen {
  InstanceId id;
  IpAddr peer;
  std::string text;  // a sentence for a person
  bool operator==(const ConflictSeen&) const = default;
};
// A watched interface, when its configuration was applied and whenever this changed.
struct InterfaceChanged {
  std::string name;
  bool up = false;     // it exists, is up, and has a carrier
  std::string detail;  // what is wrong: "interface eth1 has no carrier: is the cable in?"
  bool operator==(const InterfaceChanged&) const = default;
};
struct ConflictReport {
  std::string kind;  // "two_actives", "password", ...
  IpAddr peer;
  TimePoint since;
  TimePoint last;
  std::uint64_t count = 0;
  std::string text;
  bool operator==(const ConflictReport&) const = default;
};
struct AddressReport {
  VirtualAddress address;
  bool present = false;
  std::string problem;  // why it is not as it should be; empty: it is
  bool operator==(const AddressReport&) const = default;
};
struct InstanceReport {
  InstanceId id;
  InstanceState state = InstanceState::initialize;
  TimePoint since;
  std::string reason;
  Priority priority{};
  std::optional<IpAddr> active_router;  // the active heard, or our own address while active
  Priority active_priority{};
  bool handing_over = false;
  std::vector<AddressReport> addresses;
  std::vector<ConflictReport> conflicts;  // those that last
  // RFC 8347
  std::optional<IpAddr> last_advert_source;
  std::optional<TimePoint> up_since;  // not in initialize or fault
  Duration active_down_interval{};
  Duration skew_time{};
  std::string last_event;         // "master-timeout"
  std::string new_master_reason;  // "not-master", "priority", "preempted", "no-response"
  InstanceStatistics statistics;
  bool operator==(const InstanceReport&) const = default;
};
struct GlobalReport {
  GlobalStatistics statistics;
  bool operator==(const GlobalReport&) const = default;
};

using VrrpToParent = std::variant<ChildReady, ConfigApplied, StateChanged, DrainEnded, ConflictSeen, InterfaceChanged,
                                  InstanceReport, GlobalReport, ReportsDone, Pong, Logged>;

// ---- parent -> checker ----

struct ConfigureCheck {
  CheckId id;
  CheckSpec check;
  bool operator==(const ConfigureCheck&) const = default;
};
// Probe at once instead of waiting for the interval: something happened that may have changed the result.
struct ProbeNow {
  CheckId id;
  bool operator==(const ProbeNow&) const = default;
};
// The answer to RunScript. ok is false for every outcome but "ran, and exited 0 in time".
struct ScriptFinished {
  CheckId id;
  std::uint64_t run = 0;
  bool ok = false;
  std::string detail;  // "exited with status 1: no such process"
  Duration took{};
  bool operator==(const ScriptFinished&) const = default;
};

using ParentToChecker =
    std::variant<BeginConfig, ConfigureCheck, CommitConfig, ProbeNow, ScriptFinished, RequestReports, Ping, Shutdown>;

// ---- checker -> parent ----

struct HealthChanged {
  CheckId id;
  CheckStatus status = CheckStatus::unknown;
  std::string detail;  // "process 4711 of /run/nginx.pid has exited"
  TimePoint at;
  bool operator==(const HealthChanged&) const = default;
};
struct RunScript {
  CheckId id;
  std::uint64_t run = 0;  // echoed in ScriptFinished, so that a late answer is known as such
  bool operator==(const RunScript&) const = default;
};
struct CheckReport {
  CheckId id;
  CheckStatus status = CheckStatus::unknown;
  TimePoint since;
  std::string detail;
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
  Duration latency{};  // of the last finished run
  bool operator==(const CheckReport&) const = default;
};

using CheckerToParent =
    std::variant<ChildReady, ConfigApplied, HealthChanged, RunScript, CheckReport, ReportsDone, Pong, Logged>;

}  // namespace holdfast
