// One simulated host: its clock, its kernel (address leases, the socket's queue), its parent process (what should be,
// and what it remembers of the VRRP process) and its VRRP process: the real router table and what the shell
// (vrrp_child/vrrp_process.cpp) does around it.
#pragma once

#include "tests/simulation/plan.hpp"
#include "tests/simulation/random.hpp"
#include "vrrp_child/core/router_table.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace holdfast::simulation {

class World;

// An advert on the wire or in a socket's queue. The longest: v3, four IPv6 addresses.
struct Packet {
  Envelope envelope;
  std::uint8_t router = 0;
  std::uint8_t size = 0;
  std::array<std::uint8_t, 80> bytes{};
};

class Host {
 public:
  Host(World& world, int number);

  // ---- what the faults do ----
  void power_on();  // the host boots, and the daemon with it
  void power_off();
  void end_all_processes();  // also forgets what the parent knew
  void end_vrrp_process();
  // The parent starts the VRRP process where it should run and doesn't.
  void start_where_wanted();
  void pause();
  void resume();
  void stall();
  void wake_up(Duration slept, bool clock_ran_on);
  void ask_to_stop();
  void checks_known();
  void use_revision(int revision);
  void change_source();
  void delete_addresses();
  // The world's faults on this host as they are now: link and standing are levels.
  void tell();

  // ---- what the world brings ----
  void deliver(const Packet& packet);
  void timer(WorldTime armed_for);
  void lease_check(int router);

  // ---- what the judge sees ----
  bool powered() const { return powered_ && !stalled_; }
  bool running() const { return table_ && powered_ && !stalled_ && !paused_; }
  bool stalled() const { return stalled_; }
  bool leaving() const { return leaving_; }
  bool has_process() const { return table_.has_value(); }
  const StateMachine* machine(int router) const { return machines_[static_cast<std::size_t>(router)]; }
  // As the running process has it; -1: none.
  int leader(int router) const;
  const VirtualRouterConfig& config(int router) const;
  // What the process has of it, until it reads its messages.
  const VirtualRouterConfig& config_in_use(int router) const;
  AddressSet addresses_wanted(int router) const;
  AddressSet addresses_present(int router) const;
  // Left by a process that died, in a configuration that its successor does not know.
  AddressSet addresses_orphaned(int router) const;
  // When somebody last deleted addresses.
  WorldTime deleted_at() const { return deleted_at_; }
  const Standing& standing(int router) const { return standing_[static_cast<std::size_t>(router)]; }
  IpAddr source(int router) const;
  // Nothing on the host speaks against it: its link, and its checks; and those of its sync group.
  bool may_take_part(int router) const;
  const HostClock& clock() const { return clock_; }

  // It drains, or is drained, with its sync group.
  bool is_drained(int router) const { return standing(router).fitness >= Fitness::draining; }

  // Whether the daemon is meant to run; set by the world before start_where_wanted().
  bool wanted = true;

 private:
  struct Lease {
    WorldTime ends{};
    WorldTime renewed{};
    bool orphaned = false;
  };
  static constexpr InstanceId id_of(int router) { return InstanceId{static_cast<std::uint32_t>(router + 1)}; }
  static constexpr int router_of(InstanceId id) { return static_cast<int>(id.value) - 1; }

  TimePoint now() const;
  ConfigureInstance message_for(int router) const;
  void start();
  void read_queue();
  void receive(const Packet& packet);
  void after_the_pause();
  void tell_interface();
  void tell_parents_word();
  void perform();
  void hold(int router);
  void remove(int router);
  void withdraw(int router, AddressSet addresses);
  void arm();
  bool same_group(int a, int b) const;
  Standing standing_now(int router) const;
  Standing standing_by_checks(int router) const;
  std::optional<Fitness> drain_fitness(int router) const;
  void look_at_drains();
  void drain_ended(int router, bool away);
  void cancel_drains();

  World& world_;
  int number_;
  HostClock clock_;

  // the host and its kernel
  bool powered_ = false;
  bool stalled_ = false;
  bool moved_ = false;
  std::array<std::array<Lease, most_addresses>, most_routers> leases_{};
  std::array<bool, most_routers> lease_checked_{};
  WorldTime deleted_at_ = WorldTime(-std::chrono::hours(1));

  // the parent
  int revision_ = 0;
  bool checks_known_ = false;
  bool stop_asked_ = false;
  // parent/drains.hpp; `kept`: it was tried, and the addresses stayed.
  enum class Drain : std::uint8_t { none, draining, drained, kept };
  std::array<Drain, most_routers> drain_{};
  bool drains_changed_ = false;
  std::array<Standing, most_routers> standing_;
  std::array<InstanceState, most_routers> told_state_{};
  std::array<std::optional<TimePoint>, most_routers> was_active_at_;

  // the VRRP process
  std::optional<RouterTable> table_;
  std::array<const StateMachine*, most_routers> machines_{};  // of its routers, which stay where they are
  RouterTable::Actions actions_;
  bool paused_ = false;
  WorldTime awake_since_{};  // not paused, not stalled
  TimePoint paused_at_{};
  bool leaving_ = false;
  int table_revision_ = 0;
  std::vector<Packet> queue_;
  std::array<AddressSet, most_routers> held_{};
  std::array<bool, most_routers> lost_{};  // the kernel told, the process did not read it yet
  WorldTime armed_for_ = world_never;
};

}  // namespace holdfast::simulation
