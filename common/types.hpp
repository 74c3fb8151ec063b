// The words of the program: strong types that every role uses. Pure: no system header, no clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace holdfast {

// A value that can't be mistaken for another value of the same representation.
template <class Tag, class Rep>
struct Strong {
  Rep value{};
  auto operator<=>(const Strong&) const = default;
};

using Vrid = Strong<struct VridTag, std::uint8_t>;          // 1..255, unique per link and family
using Priority = Strong<struct PriorityTag, std::uint8_t>;  // RFC 9568, 5.2.4
using InstanceId = Strong<struct InstanceIdTag, std::uint32_t>;
using CheckId = Strong<struct CheckIdTag, std::uint32_t>;

inline constexpr Priority resigning_priority{0};  // "I no longer take part": an active that leaves
inline constexpr Priority demoted_priority{1};    // between Holdfast routers: unfit, anyone may take over
inline constexpr Priority flapping_priority{2};   // serves at the moment: better than the unfit, worse than all others
inline constexpr Priority owner_priority{255};    // owns the addresses as its own

// The monotonic time of the host. Nobody reads a clock through this type: time is an argument,
// and only EventLoop::now() makes one.
struct MonotonicClock {
  using duration = std::chrono::microseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock, duration>;
  static constexpr bool is_steady = true;
};
using Duration = MonotonicClock::duration;
using TimePoint = MonotonicClock::time_point;
using Centiseconds = std::chrono::duration<std::int64_t, std::centi>;  // VRRPv3's unit on the wire

enum class IpFamily : std::uint8_t { ipv4 = 4, ipv6 = 6 };
enum class VrrpVersion : std::uint8_t { v2 = 2, v3 = 3 };

// The states of a virtual router as everybody sees them; vrrp_child/core/state_machine.hpp explains them.
enum class InstanceState : std::uint8_t { initialize, backup, active, fault };

// What is known of a check. Unknown is not healthy: a check fails closed.
enum class CheckStatus : std::uint8_t { unknown, up, down };

enum class LogLevel : std::uint8_t { error, warning, notice, info, debug };

// The names that status --json, the journal and the log use.
constexpr const char* to_string(InstanceState state) {
  switch (state) {
    case InstanceState::initialize: return "initialize";
    case InstanceState::backup: return "backup";
    case InstanceState::active: return "active";
    case InstanceState::fault: return "fault";
  }
  return "?";
}

constexpr const char* to_string(CheckStatus status) {
  switch (status) {
    case CheckStatus::unknown: return "unknown";
    case CheckStatus::up: return "up";
    case CheckStatus::down: return "down";
  }
  return "?";
}

constexpr const char* to_string(LogLevel level) {
  switch (level) {
    case LogLevel::error: return "error";
    case LogLevel::warning: return "warning";
    case LogLevel::notice: return "notice";
    case LogLevel::info: return "info";
    case LogLevel::debug: return "debug";
  }
  return "?";
}

}  // namespace holdfast
