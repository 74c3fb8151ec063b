// What a run consists of, all of it made from the seed before the run begins: hosts, virtual routers, the
// network's habits, and what goes wrong when.
#pragma once

#include "common/router_config.hpp"
#include "tests/simulation/clock.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::simulation {

inline constexpr int most_hosts = 7;
inline constexpr int most_routers = 3;
inline constexpr int most_addresses = 4;
using HostSet = std::uint8_t;     // bit h: host h
using AddressSet = std::uint8_t;  // bit a: the virtual router's address a

constexpr HostSet only(int host) { return static_cast<HostSet>(1U << host); }

enum class FaultKind : std::uint8_t {
  partition,         // `set` and the rest don't hear each other
  one_way,           // what `host` sends does not reach `set`
  loss,              // `amount` percent of all adverts
  delay,             // up to `extra` more for each advert
  duplication,       // `amount` percent of all adverts come twice
  pause,             // the VRRP process is stopped; its socket's queue fills, leases run on
  stall,             // the whole host stands still; what is sent to it is lost; its clock too, unless `amount`
  crash_warm,        // the VRRP process dies; the parent starts it again and tells it what it was
  crash_cold,        // all processes die; leases run out by themselves
  power_off,         // the host is off; nothing of it remains
  stop,              // the daemon is stopped: it hands over and ends
  demotion,          // a check with `while_down: demote` is down
  check_fault,       // a check with `while_down: fault` is down
  drain,             // an operator wants the host away from the virtual router, until `end`
  weight,            // a check with a weight changed: the priority moves by `amount`
  link_loss,         // the cable of `router`'s interface is out; -1: of all
  deleted_address,   // somebody removes the virtual addresses from `host`
  new_source,        // the interface gets another primary address
  reload,            // another configuration, host after host, until `end`
  reload_on_a_host,  // one host's turn in it: part of the above
};
inline constexpr int fault_kinds = 20;

const char* to_string(FaultKind kind);

struct Fault {
  FaultKind kind{};
  WorldTime begin;
  WorldTime end = world_never;  // never: it is still so when the run ends
  int host = -1;
  int router = 0;
  HostSet set = 0;
  int amount = 0;
  Duration extra{};
};

// One virtual router on all hosts. Revision 0 is there from the start; reloads bring the others.
struct RouterPlan {
  struct Revision {
    std::array<VirtualRouterConfig, most_hosts> config;  // per host
    AddressSet addresses = 0;                            // of all
    int leader = -1;                                     // of its sync group; -1: it decides by itself
  };
  std::vector<Revision> revisions;
};

struct Plan {
  explicit Plan(std::uint64_t seed);

  int hosts = 2;
  int routers = 1;
  bool has_groups = false;  // in any revision
  Duration unit{};          // the longest advert interval, which the rest is measured by
  std::array<RouterPlan, most_routers> router;
  std::array<HostClock, most_hosts> clock;
  std::array<std::uint8_t, most_hosts> address{};  // last byte of each host's own
  std::array<WorldTime, most_hosts> boot{};
  std::array<Duration, most_hosts> first_check{};  // until checks have results after a boot, demoted until then
  std::array<int, most_hosts> queue{};             // adverts that a paused process's socket holds

  Duration shortest_delay{};
  Duration jitter{};
  Duration timer_lateness{};
  int duplication = 0;  // percent, always
  int loss = 0;         // percent, until the faults end

  std::vector<Fault> faults;  // by begin
  int fault_count = 0;        // a reload counts once
  WorldTime quiet_from;       // no fault begins or ends later, and nothing is on the wire for long

  std::string to_text() const;

 private:
  class Maker;
};

// The host's own address in each family. `moved`: after new_source.
IpAddr source_address(IpFamily family, std::uint8_t last, bool moved);

}  // namespace holdfast::simulation
