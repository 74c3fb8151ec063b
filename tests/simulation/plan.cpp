#include "tests/simulation/plan.hpp"

#include "tests/simulation/random.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast::simulation {
namespace {

using namespace std::chrono_literals;

IpAddr ipv6_address(std::uint8_t first, std::uint8_t second, std::uint8_t before_last, std::uint8_t last) {
  const std::array<std::uint8_t, 16> bytes{first, second, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, before_last, last};
  return IpAddr::from_bytes(bytes);
}

std::string interface_name(int router) { return "eth" + std::to_string(router); }

VirtualAddress virtual_address(IpFamily family, int router, int number) {
  VirtualAddress address;
  address.interface = interface_name(router);
  const auto r = static_cast<std::uint8_t>(100 + router);
  const auto n = static_cast<std::uint8_t>(number);
  if (family == IpFamily::ipv4)
    address.prefix = {IpAddr::v4(10, 0, r, n), 32};
  else if (number == 0)
    address.prefix = {ipv6_address(0xfe, 0x80, r, n), 128};
  else
    address.prefix = {ipv6_address(0x20, 0x01, r, n), 128};
  return address;
}

}  // namespace

const char* to_string(FaultKind kind) {
  switch (kind) {
    case FaultKind::partition: return "partition";
    case FaultKind::one_way: return "one-way cut";
    case FaultKind::loss: return "loss";
    case FaultKind::delay: return "delay";
    case FaultKind::duplication: return "duplication";
    case FaultKind::pause: return "pause of the process";
    case FaultKind::stall: return "stall of the host";
    case FaultKind::crash_warm: return "crash, warm restart";
    case FaultKind::crash_cold: return "crash of all processes";
    case FaultKind::power_off: return "power off";
    case FaultKind::stop: return "stop";
    case FaultKind::demotion: return "demotion";
    case FaultKind::check_fault: return "check fault";
    case FaultKind::drain: return "drain";
    case FaultKind::weight: return "weight";
    case FaultKind::link_loss: return "link loss";
    case FaultKind::deleted_address: return "deleted address";
    case FaultKind::new_source: return "new source address";
    case FaultKind::reload: return "reload";
    case FaultKind::reload_on_a_host: return "reload on a host";
  }
  return "?";
}

IpAddr source_address(IpFamily family, std::uint8_t last, bool moved) {
  const std::uint8_t before_last = moved ? 1 : 0;
  // The other way round after a move, so that ties end otherwise too.
  const auto byte = static_cast<std::uint8_t>(moved ? 255 - last : last);
  return family == IpFamily::ipv4 ? IpAddr::v4(10, 0, before_last, byte) : ipv6_address(0xfe, 0x80, before_last, byte);
}

class Plan::Maker {
 public:
  Maker(Plan& plan, std::uint64_t seed) : plan_(plan), random_(seed) {}

  void make() {
    static constexpr int group_sizes[] = {2, 2, 2, 3, 3, 3, 4, 4, 5, 6, 7};
    plan_.hosts = random_.of(group_sizes);
    plan_.routers = random_.of({1, 1, 1, 1, 1, 1, 1, 2, 2, 3});
    base_ = random_.of<Duration>({10ms, 10ms, 20ms, 50ms, 100ms, 300ms, 1s, 1s, 1s});
    make_hosts();
    for (int r = 0; r < plan_.routers; ++r) make_router(r);
    make_boots();
    if (plan_.routers > 1 && random_.chance(60)) choose_leader(0);
    make_network();
    make_faults();
  }

 private:
  void make_router(int r) {
    VirtualRouterConfig common;
    common.name = "vr" + std::to_string(r);
    common.interface = interface_name(r);
    common.vrid = Vrid{static_cast<std::uint8_t>(10 + r)};
    const bool v2 = base_ == 1s && random_.chance(60);
    common.version = v2 ? VrrpVersion::v2 : VrrpVersion::v3;
    common.family = !v2 && random_.chance(50) ? IpFamily::ipv6 : IpFamily::ipv4;
    common.checksum = random_.of({ChecksumForm::rfc5798, ChecksumForm::rfc9568});
    common.lease = random_.of<Duration>({1s, 2s, 3s});
    common.return_after = random_.of({0, 2, 5}) * base_;
    common.announce.repeat_after = random_.of({0, 1, 5}) * base_;
    common.announce.refresh = random_.of({4, 8}) * base_;
    common.preempt_delay = random_.of({0, 0, 0, 0, 1, 6}) * base_;

    const int timers = random_.of({0, 0, 0, 1, 2});   // fast, rfc, mixed
    const int preempt = random_.of({0, 0, 0, 1, 2});  // on, off, mixed
    const bool mixed = !v2 && base_ == 1s && common.family == IpFamily::ipv4 && random_.chance(30);
    const bool unicast = random_.chance(15);
    const bool own_intervals = !v2 && !mixed && random_.chance(15);
    common.advert_interval = base_ * random_.of({1, 1, 1, 2});
    RouterPlan::Revision first;
    first.addresses = addresses();
    for (int h = 0; h < plan_.hosts; ++h) {
      VirtualRouterConfig& config = first.config[static_cast<std::size_t>(h)] = common;
      config.timers = timers == 0 || (timers == 2 && random_.chance(50)) ? TimerMode::fast : TimerMode::rfc;
      config.preempt = preempt == 0 || (preempt == 2 && random_.chance(50));
      config.mixed_versions = mixed;
      if (mixed && random_.chance(40)) {  // has not been upgraded yet
        config.version = VrrpVersion::v2;
        config.mixed_versions = false;
      }
      if (unicast) {
        config.source = own_address(h, config.family);
        for (int peer = 0; peer < plan_.hosts; ++peer) {
          if (peer != h) config.peers.push_back(own_address(peer, config.family));
        }
      }
      if (own_intervals) config.advert_interval = base_ * random_.of({1, 2, 4});
      plan_.unit = std::max(plan_.unit, config.advert_interval);
    }
    priorities(first);
    put_addresses(r, first);
    plan_.router[static_cast<std::size_t>(r)].revisions.push_back(std::move(first));
  }

  IpAddr own_address(int host, IpFamily family) {
    return source_address(family, plan_.address[static_cast<std::size_t>(host)], false);
  }

  // All virtual routers become one sync group, or none.
  void choose_leader(std::size_t revision) {
    const int leader = random_.chance(80) ? random_.below(plan_.routers) : -1;
    for (int r = 0; r < plan_.routers; ++r) {
      plan_.router[static_cast<std::size_t>(r)].revisions[revision].leader = r == leader ? -1 : leader;
    }
    plan_.has_groups = plan_.has_groups || leader >= 0;
  }

  AddressSet addresses() { return static_cast<AddressSet>(1 | random_.below(1 << most_addresses)); }

  void put_addresses(int r, RouterPlan::Revision& revision) {
    for (int h = 0; h < plan_.hosts; ++h) {
      VirtualRouterConfig& config = revision.config[static_cast<std::size_t>(h)];
      config.addresses.clear();
      for (int a = 0; a < most_addresses; ++a) {
        if (revision.addresses & (1U << a)) config.addresses.push_back(virtual_address(config.family, r, a));
      }
    }
  }

  // Priority 1 means demoted, so nobody has it who is fit.
  void priorities(RouterPlan::Revision& revision) {
    const int way = random_.below(10);
    const int owner = way == 9 ? random_.below(plan_.hosts) : -1;
    for (int h = 0; h < plan_.hosts; ++h) {
      int priority = 0;
      if (h == owner)
        priority = 255;
      else if (way < 2)
        priority = 100;  // all equal
      else if (way < 5)
        priority = 100 + random_.below(3);
      else
        priority = static_cast<int>(random_.between(2, 254));
      revision.config[static_cast<std::size_t>(h)].priority = Priority{static_cast<std::uint8_t>(priority)};
    }
  }

  void make_hosts() {
    std::array<std::uint8_t, most_hosts> numbers{10, 20, 30, 40, 50, 60, 70};
    for (int h = most_hosts - 1; h > 0; --h) {
      std::swap(numbers[static_cast<std::size_t>(h)], numbers[static_cast<std::size_t>(random_.below(h + 1))]);
    }
    plan_.address = numbers;
  }

  void make_boots() {
    const bool drift = random_.chance(70);
    const bool together = random_.chance(40);
    const bool checks = random_.chance(50);
    for (std::size_t h = 0; h < static_cast<std::size_t>(plan_.hosts); ++h) {
      plan_.clock[h] = HostClock(TimePoint(random_.between(Duration(100s), Duration(100'000s))),
                                 drift ? random_.between(-10'000, 10'000) : 0);
      plan_.boot[h] = WorldTime(random_.between(0us, together ? base_ / 10 : 6 * plan_.unit));
      plan_.first_check[h] = checks ? random_.between(1us, 2 * plan_.unit) : 0us;
      plan_.queue[h] = random_.of({4, 32, 256});
    }
  }

  void make_network() {
    plan_.shortest_delay = random_.between(20us, base_ / 50);
    plan_.jitter = random_.of<Duration>({0us, base_ / 200, base_ / 20, base_ / 10});
    plan_.timer_lateness = random_.of<Duration>({0us, 50us, 300us});
    plan_.duplication = random_.of({0, 0, 2, 20});
    plan_.loss = random_.of({0, 0, 0, 0, 1, 10, 25});
  }

  void make_faults() {
    int count = 3;
    while (count < 12 && random_.chance(55)) ++count;
    plan_.fault_count = count;
    WorldTime at(random_.between(0us, 14 * plan_.unit));
    Duration longest_delay = plan_.shortest_delay + plan_.jitter;
    WorldTime last = *std::max_element(plan_.boot.begin(), plan_.boot.end());
    for (int i = 0; i < count; ++i) {
      Fault fault = make_fault(at);
      const WorldTime ends = fault.end == world_never ? fault.begin : fault.end;
      last = std::max(last, ends);
      if (fault.kind == FaultKind::delay) last = std::max(last, fault.end + fault.extra);
      // Whoever stops hands over first, and may be started only after that.
      if (fault.kind == FaultKind::stop)
        last = std::max(last, fault.begin + std::max(plan_.unit, Duration(1s)) + 200ms);
      if (fault.kind == FaultKind::reload) make_reload(fault);
      plan_.faults.push_back(fault);
      at += gap();
    }
    for (const Duration check : plan_.first_check) longest_delay = std::max(longest_delay, check);
    plan_.quiet_from = last + longest_delay + Duration(1ms);
    std::stable_sort(plan_.faults.begin(), plan_.faults.end(),
                     [](const Fault& a, const Fault& b) { return a.begin < b.begin; });
  }

  Duration gap() {
    switch (random_.below(6)) {
      case 0: return 0us;
      case 1: return random_.between(0us, plan_.unit / 2);
      case 2: return random_.between(0us, 4 * plan_.unit);
      case 3: return 20 * plan_.unit + Duration(1s);  // long enough to settle
      default: return random_.between(0us, 12 * plan_.unit);
    }
  }

  Duration length() {
    switch (random_.below(3)) {
      case 0: return random_.between(10us, plan_.unit / 2);
      case 1: return random_.between(0us, 4 * plan_.unit);
      default: return random_.between(2 * plan_.unit, 10 * plan_.unit);
    }
  }

  HostSet some_hosts() { return static_cast<HostSet>(random_.below(1 << plan_.hosts)); }

  Fault make_fault(WorldTime begin) {
    Fault fault;
    fault.kind = static_cast<FaultKind>(random_.below(fault_kinds - 1));  // all but reload_on_a_host
    fault.begin = begin;
    fault.end = begin + length();
    fault.host = random_.below(plan_.hosts);
    fault.router = random_.below(plan_.routers);
    fault.set = some_hosts();
    switch (fault.kind) {
      case FaultKind::loss: fault.amount = random_.of({10, 30, 50, 80, 100}); break;
      case FaultKind::delay: fault.extra = random_.between(1us, 3 * plan_.unit); break;
      case FaultKind::duplication: fault.amount = random_.of({30, 100}); break;
      case FaultKind::stall: fault.amount = random_.of({0, 1}); break;
      case FaultKind::weight: fault.amount = static_cast<int>(random_.between(-120, 120)); break;
      case FaultKind::deleted_address:
      case FaultKind::new_source: fault.end = begin; break;
      case FaultKind::link_loss:
        if (random_.chance(50)) fault.router = -1;
        if (random_.chance(25)) fault.end = world_never;
        break;
      case FaultKind::partition:
      case FaultKind::crash_cold:
      case FaultKind::power_off:
      case FaultKind::stop:
      case FaultKind::demotion:
      case FaultKind::check_fault:
      case FaultKind::drain:
        if (random_.chance(25)) fault.end = world_never;
        break;
      default: break;
    }
    return fault;
  }

  void make_reload(const Fault& reload) {
    for (int r = 0; r < plan_.routers; ++r) {
      auto& revisions = plan_.router[static_cast<std::size_t>(r)].revisions;
      RouterPlan::Revision next = revisions.back();
      if (random_.chance(50)) priorities(next);
      if (random_.chance(40)) next.addresses = addresses();
      const bool interval = random_.chance(40);
      const bool preempt = random_.chance(30);
      const bool preempts = random_.chance(50);
      const Duration wanted = base_ * random_.of({1, 2, 3, 6});
      for (int h = 0; h < plan_.hosts; ++h) {
        VirtualRouterConfig& config = next.config[static_cast<std::size_t>(h)];
        if (interval) config.advert_interval = wanted;
        if (preempt) config.preempt = preempts;
        plan_.unit = std::max(plan_.unit, config.advert_interval);
      }
      put_addresses(r, next);
      revisions.push_back(std::move(next));
    }
    const auto revision = static_cast<int>(plan_.router[0].revisions.size()) - 1;
    if (plan_.routers > 1 && random_.chance(25)) choose_leader(static_cast<std::size_t>(revision));
    for (int h = 0; h < plan_.hosts; ++h) {
      Fault turn;
      turn.kind = FaultKind::reload_on_a_host;
      turn.host = h;
      turn.amount = revision;
      turn.begin = turn.end = reload.begin + random_.between(0us, reload.end - reload.begin);
      plan_.faults.push_back(turn);
    }
  }

  Plan& plan_;
  Random random_;
  Duration base_{};
};

Plan::Plan(std::uint64_t seed) { Maker(*this, seed).make(); }

std::string Plan::to_text() const {
  std::string text = fmt::format(
      "{} hosts, {} virtual routers; delay {} to {} us, timers up to {} us late, {} % lost until the faults end, {} % "
      "twice\n",
      hosts, routers, shortest_delay.count(), (shortest_delay + jitter).count(), timer_lateness.count(), loss,
      duplication);
  for (int r = 0; r < routers; ++r) {
    const auto& revisions = router[static_cast<std::size_t>(r)].revisions;
    for (std::size_t i = 0; i < revisions.size(); ++i) {
      const VirtualRouterConfig& any = revisions[i].config[0];
      text += fmt::format("vr{} revision {}: IPv{}, {}, lease {} ms, preempt_delay {} ms, return_after {} ms", r, i,
                          static_cast<int>(any.family), any.peers.empty() ? "multicast" : "unicast", any.lease / 1ms,
                          any.preempt_delay / 1ms, any.return_after / 1ms);
      text += revisions[i].leader < 0 ? "\n" : fmt::format(", follows vr{}\n", revisions[i].leader);
      for (std::size_t h = 0; h < static_cast<std::size_t>(hosts); ++h) {
        const VirtualRouterConfig& config = revisions[i].config[h];
        text +=
            fmt::format("  h{} .{}: v{}{}, priority {}, interval {} ms, {}, {} timers, {} addresses\n", h, address[h],
                        static_cast<int>(config.version), config.mixed_versions ? " and v2" : "", config.priority.value,
                        config.advert_interval / 1ms, config.preempt ? "preempts" : "does not preempt",
                        config.timers == TimerMode::fast ? "fast" : "rfc", config.addresses.size());
      }
    }
  }
  for (const Fault& fault : faults) {
    text +=
        fmt::format("fault {} at {} us until {}: host {}, vr {}, set {:#b}, amount {}, extra {} us\n",
                    to_string(fault.kind), fault.begin.time_since_epoch().count(),
                    fault.end == world_never ? "the end" : fmt::format("{} us", fault.end.time_since_epoch().count()),
                    fault.host, fault.router, fault.set, fault.amount, fault.extra.count());
  }
  return text + fmt::format("quiet from {} us\n", quiet_from.time_since_epoch().count());
}

}  // namespace holdfast::simulation
