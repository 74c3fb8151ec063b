// Any sequence of events on a table of virtual routers, two of them a sync group: adverts right and wrong, links, the
// parent's word, configurations, time that passes evenly or in leaps. After each of them: addresses are held exactly by
// actives, only actives speak, with their priority or to resign, the states follow each other without a gap, and timers
// neither stay due nor are forgotten: who waits has a deadline, and who speaks or hands over has renewed its lease.
#include "vrrp_child/core/router_table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <span>
#include <variant>
#include <vector>

using namespace holdfast;

namespace {

constexpr std::uint8_t routers = 3;
constexpr int interface_index = 2;
constexpr Duration longest_wait = std::chrono::minutes(10);  // of a backup for an active with the longest interval
constexpr std::size_t most_actions = 1000;                   // of one event
const IpAddr own_address = IpAddr::v4(192, 0, 2, 3);

// The fuzzer's bytes; zeros when they have run out.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t byte() {
    if (empty()) return 0;
    const std::uint8_t first = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return first;
  }
  std::span<const std::uint8_t> some() {
    const auto taken = bytes_.first(std::min<std::size_t>(byte(), bytes_.size()));
    bytes_ = bytes_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

class Subject {
 public:
  explicit Subject(Input input) : input_(input) {}

  void run() {
    while (!input_.empty()) {
      const std::uint8_t what = input_.byte();
      for (auto& [id, seen] : seen_) seen.spoke = false;
      timers_ran_ = false;
      happen(what % 14, InstanceId{what / 14u % routers + 1u});
      take_actions();
      for (const auto& [id, router] : table_.routers()) {
        check(*router);
        seen_[id].priority = router->machine().standing().priority;
      }
    }
  }

 private:
  // What the shell would know.
  struct Seen {
    InstanceState state = InstanceState::initialize;
    bool holds = false;
    bool linked = false;
    Priority priority{};  // before the event
    TimePoint held_at{};  // when the lease was last renewed
    bool spoke = false;   // in this event
  };

  VirtualRouterConfig config_of(InstanceId id) {
    const std::uint8_t choice = input_.byte();
    VirtualRouterConfig config;
    config.name = "fuzzed";
    config.interface = "eth0";
    config.vrid = Vrid{static_cast<std::uint8_t>(id.value)};
    config.version = id.value == routers ? VrrpVersion::v2 : VrrpVersion::v3;
    const Duration unit = config.version == VrrpVersion::v2 ? std::chrono::seconds(1) : std::chrono::milliseconds(10);
    config.advert_interval = (1 + choice % 16) * unit;
    config.preempt = choice & 16;
    config.preempt_delay = std::chrono::seconds(choice & 32 ? 3 : 0);
    config.timers = choice & 64 ? TimerMode::rfc : TimerMode::fast;
    if (choice & 128) config.announce.repeat_after = config.announce.refresh = Duration::zero();
    config.addresses = {{{IpAddr::v4(192, 0, 2, 100), 32}, "eth0", "", AddressScope::global, true}};
    return config;
  }
  Standing standing() {
    const std::uint8_t priority = std::max<std::uint8_t>(input_.byte(), 1);
    const auto fitness = static_cast<Fitness>(input_.byte() % 5);
    return {fitness == Fitness::demoted ? demoted_priority : Priority{priority}, fitness, "fuzzed"};
  }
  void configure(InstanceId id, std::optional<TimePoint> was_active_at) {
    const std::optional<InstanceId> leader = id.value == 2 ? std::optional(InstanceId{1}) : std::nullopt;
    table_.configure({id, config_of(id), standing(), was_active_at, leader}, now_, actions_);
  }
  void link(InstanceId id) {
    const std::uint8_t choice = input_.byte();
    Link link{choice & 1 ? interface_index : 0, {}};
    if (choice & 1) link.condition = {static_cast<bool>(choice & 2), own_address, choice & 2 ? "" : "no carrier"};
    table_.set_link(id, link, now_, actions_);
    seen_[id].linked = seen_[id].linked || table_.find(id);
  }
  void advert(InstanceId id) {
    const VirtualRouter* router = table_.find(id);
    const IpAddr source = IpAddr::v4(192, 0, 2, input_.byte() % 8);
    const Envelope envelope{source, vrrp_group(IpFamily::ipv4)};
    const Priority priority{input_.byte()};
    VirtualRouterConfig config = router ? router->config() : config_of(id);
    if (config.version == VrrpVersion::v3 && input_.byte() & 1) {
      config.advert_interval = std::chrono::milliseconds(10) * (1 + 16 * input_.byte());
    }
    std::vector<std::uint8_t> bytes;
    encode_advert(config, config.version, priority, envelope, bytes);
    table_.receive({interface_index, envelope, 255, bytes}, now_, actions_);
  }
  void pass(Duration time) {
    now_ += time;
    table_.run_timers(now_, actions_);
    timers_ran_ = true;
    if (table_.next_deadline() <= now_) std::abort();
  }

  void happen(int what, InstanceId id) {
    switch (what) {
      case 0: return pass(std::chrono::milliseconds(input_.byte()));
      case 1: return pass(std::chrono::milliseconds(100) * input_.byte());
      case 2:
      case 3:  // to the next deadline, or a little before
        if (table_.next_deadline() == DeadlineHeap::never) return;
        return pass(
            std::max(table_.next_deadline() - now_ - Duration(what == 2 ? 0 : input_.byte()), Duration::zero()));
      case 4: now_ += std::chrono::milliseconds(10) * input_.byte(); return;  // and the timers are late
      case 5: return table_.set_standing(id, standing(), now_, actions_);
      case 6: return link(id);
      case 7: return advert(id);
      case 8: {
        const Envelope envelope{IpAddr::v4(192, 0, 2, 4), vrrp_group(IpFamily::ipv4)};
        table_.receive({interface_index, envelope, 255, input_.some()}, now_, actions_);
        return;
      }
      case 9: table_.address_lost(id, now_, actions_); return;
      case 10: return table_.address_taken(id, IpAddr::v4(192, 0, 2, 100), {}, now_, actions_);
      case 11: return configure(id, input_.byte() & 1 ? std::optional(now_) : std::nullopt);
      case 12: return table_.leave(id, now_, actions_);
      case 13:
        table_.shut_down(id, now_, actions_);
        take_actions();
        table_.erase(id);
        seen_.erase(id);
        return;
    }
  }

  void take_actions() {
    if (actions_.size() > most_actions) std::abort();
    for (const auto& [id, action] : actions_) {
      Seen& seen = seen_[id];
      VirtualRouter* router = table_.find(id);
      if (!router) std::abort();
      if (const auto* transition = std::get_if<Transition>(&action)) {
        if (transition->from != seen.state) std::abort();
        seen.state = transition->to;
      } else if (const auto* advert = std::get_if<SendAdvert>(&action)) {
        if (seen.state != InstanceState::active) std::abort();
        const Priority own = router->machine().standing().priority;
        const bool its_own = advert->priority == own || advert->priority == seen.priority;
        if (advert->priority != resigning_priority && !its_own) std::abort();
        if (router->advert_to_send(advert->priority).empty()) std::abort();
        seen.spoke = true;
      } else if (std::holds_alternative<HoldAddresses>(action)) {
        seen.holds = true;
        seen.held_at = now_;
      } else if (std::holds_alternative<RemoveAddresses>(action)) {
        seen.holds = false;
      }
    }
    actions_.clear();
  }

  void check(const VirtualRouter& router) {
    const Seen& seen = seen_[router.id()];
    const StateMachine& machine = router.machine();
    if (seen.state != machine.state() || seen.holds != (seen.state == InstanceState::active)) std::abort();
    // Who slept and listens is neither: somebody else may have the addresses by now.
    const bool holds_on = seen.holds && (seen.spoke || machine.is_handing_over());
    if (timers_ran_ && holds_on && now_ - seen.held_at >= router.config().lease) std::abort();
    const VirtualRouter* leader = router.leader() ? table_.find(*router.leader()) : nullptr;
    if (leader) {
      const bool both_started = seen.linked && seen_[leader->id()].linked;
      if (both_started && machine.state() != leader->machine().state()) std::abort();
    } else if (!router.leader() && (seen.state == InstanceState::backup || seen.state == InstanceState::active)) {
      if (machine.deadline() == StateMachine::never || machine.deadline() > now_ + longest_wait) std::abort();
    }
  }

  Input input_;
  TimePoint now_{std::chrono::seconds(1000)};
  RouterTable table_;
  RouterTable::Actions actions_;
  bool timers_ran_ = false;  // in this event: else they may be late
  std::map<InstanceId, Seen> seen_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Subject(Input({data, size})).run();
  return 0;
}
