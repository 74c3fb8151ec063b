// The simulated world: its clock, its network, its hosts and what goes wrong with them. One event after the
// other; the judge looks after each.
#pragma once

#include "tests/simulation/host.hpp"
#include "tests/simulation/judge.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/random.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::simulation {

struct Event {
  enum class Kind : std::uint8_t {
    boot,
    start,  // of the daemon, after it was stopped
    checks_known,
    timer,
    lease,
    advert,
    fault_begins,
    fault_ends,
    settled,  // the last window: nothing may change any more
  };
  WorldTime at;
  std::uint64_t order = 0;  // among those of the same moment: chance, then the order in which they were made
  Kind kind{};
  std::int8_t host = 0;
  std::uint32_t index = 0;  // packet, fault or virtual router
};

class World {
 public:
  // What the world's faults mean for a host's virtual router.
  struct Trouble {
    bool drained = false;
    bool demoted = false;
    bool faulted = false;
    int weight = 0;
  };
  struct Numbers {
    std::uint64_t events = 0;
    std::uint64_t adverts = 0;
    std::uint64_t transitions = 0;
    std::array<std::uint64_t, fault_kinds> faults{};
    Duration time{};
    std::uint64_t digest = 0;  // of everything that was sent and every transition: the same for the same seed

    void add(const Numbers& other);
  };

  World(std::uint64_t seed, bool verbose);
  // Throws Violation.
  void run();

  const Plan& plan() const { return plan_; }
  const Numbers& numbers() const { return numbers_; }
  WorldTime now() const { return now_; }
  Random& random() { return random_; }
  const Host& host(int number) const { return hosts_[static_cast<std::size_t>(number)]; }

  // ---- for hosts ----
  void schedule(WorldTime at, Event::Kind kind, int host, int index = 0);
  void send(int host, int router, Priority priority, const std::vector<AdvertPacket>& packets);
  void announce(int host, int router);
  void transition(int host, int router, const Transition& transition);
  void start_later(int host);
  void resumed(int host, Duration paused);
  void lease_ran_out(int host, int router);
  Trouble trouble(int host, int router) const;
  bool link_up(int host, int router) const { return link_up_[static_cast<std::size_t>(router * most_hosts + host)]; }

  // ---- for the judge ----
  // Who would hear what this host sends for a virtual router.
  HostSet reached_by(int host, int router) const {
    return reached_by_[static_cast<std::size_t>(router * most_hosts + host)];
  }
  // The last moment at which something went wrong, or stopped going wrong.
  std::uint64_t disturbances() const { return disturbances_ + (lasting_disturbances_ > 0 ? 1 : 0); }
  WorldTime disturbed_at() const {
    return lasting_disturbances_ > 0 ? now_ : std::max(disturbed_at_, std::min(now_, late_adverts_until_));
  }

  template <class... Args>
  void trace(fmt::format_string<Args...> format, Args&&... args) {
    if (verbose_) print_trace(fmt::format(format, std::forward<Args>(args)...));
  }

 private:
  void handle(const Event& event);
  void begin(const Fault& fault, bool begins);
  bool lasts(FaultKind kind, int host) const;
  void disturb();
  void renew_network();
  bool has_link(int host, int router) const;
  HostSet who_is_reached(int host, int router) const;
  void fly(const AdvertPacket& packet, int router, HostSet receivers);
  void deliver(const Event& event);
  void print_trace(const std::string& text) const;
  void digest(std::uint64_t value);

  Plan plan_;
  Random random_;
  bool verbose_;
  WorldTime now_{};
  std::vector<Event> events_;  // a heap
  std::uint64_t made_ = 0;
  struct Flying {
    Packet packet;
    int receivers = 0;
  };
  std::vector<Flying> flying_;
  std::vector<std::uint32_t> free_;
  std::deque<Host> hosts_;
  std::vector<bool> lasting_;  // faults
  std::array<HostSet, most_hosts * most_routers> reached_by_{};
  std::array<bool, most_hosts * most_routers> link_up_{};
  std::array<WorldTime, most_hosts> stalled_since_{};
  int loss_ = 0;
  int duplication_ = 0;
  Duration extra_delay_{};
  WorldTime disturbed_at_{};
  std::uint64_t disturbances_ = 0;
  WorldTime late_adverts_until_{};  // some are on their way for longer than usual
  int lasting_disturbances_ = 0;
  Numbers numbers_;
  Judge judge_;
};

}  // namespace holdfast::simulation
