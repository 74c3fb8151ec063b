#include "tests/simulation/world.hpp"

#include <algorithm>
#include <utility>

namespace holdfast::simulation {
namespace {

using namespace std::chrono_literals;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

bool later(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }

constexpr std::uint64_t another_sequence = 0x5eed'5eed'5eed'5eedU;

}  // namespace

void World::Numbers::add(const Numbers& other) {
  events += other.events;
  adverts += other.adverts;
  transitions += other.transitions;
  for (std::size_t i = 0; i < faults.size(); ++i) faults[i] += other.faults[i];
  time += other.time;
  digest ^= other.digest;
}

World::World(std::uint64_t seed, bool verbose)
    : plan_(seed), random_(seed ^ another_sequence), verbose_(verbose), judge_(*this) {
  events_.reserve(256);
  flying_.reserve(64);
  for (int h = 0; h < plan_.hosts; ++h) {
    hosts_.emplace_back(*this, h);
    schedule(plan_.boot[at(h)], Event::Kind::boot, h);
  }
  lasting_.resize(plan_.faults.size());
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    schedule(fault.begin, Event::Kind::fault_begins, 0, static_cast<int>(i));
    if (fault.end != world_never && fault.end > fault.begin)
      schedule(fault.end, Event::Kind::fault_ends, 0, static_cast<int>(i));
  }
  renew_network();
}

void World::run() {
  const WorldTime settled = plan_.quiet_from + judge_.settling_bound();
  const WorldTime end = settled + judge_.stable_window();
  schedule(settled, Event::Kind::settled, 0);
  while (!events_.empty() && events_.front().at <= end) {
    std::ranges::pop_heap(events_, later);
    const Event event = events_.back();
    events_.pop_back();
    now_ = event.at;
    ++numbers_.events;
    handle(event);
    judge_.look();
  }
  now_ = end;
  judge_.look();
  judge_.finish();
  numbers_.time = now_.time_since_epoch();
}

void World::schedule(WorldTime at, Event::Kind kind, int host, int index) {
  const std::uint64_t order = random_.next() << 40 | made_++;
  events_.push_back({at, order, kind, static_cast<std::int8_t>(host), static_cast<std::uint32_t>(index)});
  std::ranges::push_heap(events_, later);
}

void World::handle(const Event& event) {
  Host& host = hosts_[at(event.host)];
  switch (event.kind) {
    case Event::Kind::boot:
      trace("h{} boots", event.host);
      disturb();
      return host.power_on();
    case Event::Kind::start:
      if (host.wanted) disturb();
      return host.start_where_wanted();
    case Event::Kind::checks_known:
      trace("h{}: the checks have results", event.host);
      disturb();
      return host.checks_known();
    case Event::Kind::timer: return host.timer(now_);
    case Event::Kind::lease: return host.lease_check(static_cast<int>(event.index));
    case Event::Kind::advert: return deliver(event);
    case Event::Kind::fault_begins:
    case Event::Kind::fault_ends: {
      const Fault& fault = plan_.faults[event.index];
      const bool begins = event.kind == Event::Kind::fault_begins;
      trace("fault {}: {} (host {}, set {:#b})", begins ? "begins" : "ends", to_string(fault.kind), fault.host,
            fault.set);
      if (begins &&
          (fault.kind == FaultKind::stop || fault.kind == FaultKind::demotion || fault.kind == FaultKind::drain)) {
        judge_.handover_begins(fault.host);
      }
      if (begins) ++numbers_.faults[static_cast<std::size_t>(fault.kind)];
      disturb();
      lasting_[event.index] = begins;
      return begin(fault, begins);
    }
    case Event::Kind::settled: return judge_.settled();
  }
}

bool World::lasts(FaultKind kind, int host) const {
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    if (lasting_[i] && plan_.faults[i].kind == kind && plan_.faults[i].host == host) return true;
  }
  return false;
}

// A fault begins or ends. Faults of one kind may overlap: what counts is whether any lasts.
void World::begin(const Fault& fault, bool begins) {
  Host& host = hosts_[at(std::max(fault.host, 0))];
  host.wanted = !lasts(FaultKind::crash_warm, fault.host) && !lasts(FaultKind::crash_cold, fault.host) &&
                !lasts(FaultKind::power_off, fault.host) && !lasts(FaultKind::stop, fault.host);
  switch (fault.kind) {
    case FaultKind::partition:
    case FaultKind::one_way:
    case FaultKind::loss:
    case FaultKind::duplication: return renew_network();
    case FaultKind::delay: lasting_disturbances_ += begins ? 1 : -1; return renew_network();
    case FaultKind::reload: lasting_disturbances_ += begins ? 1 : -1; return;
    case FaultKind::reload_on_a_host:
      if (begins) host.use_revision(fault.amount);
      return;
    case FaultKind::pause:
      if (begins) return host.pause();
      if (!lasts(FaultKind::pause, fault.host)) host.resume();
      return;
    case FaultKind::stall:
      if (begins) {
        if (!host.stalled()) stalled_since_[at(fault.host)] = now_;
        return host.stall();
      }
      if (!lasts(FaultKind::stall, fault.host)) host.wake_up(now_ - stalled_since_[at(fault.host)], fault.amount != 0);
      return;
    case FaultKind::crash_warm:
      if (begins) return host.end_vrrp_process();
      return host.start_where_wanted();
    case FaultKind::crash_cold:
      if (begins) return host.end_all_processes();
      return host.start_where_wanted();
    case FaultKind::power_off:
      if (begins) return host.power_off();
      if (!lasts(FaultKind::power_off, fault.host)) host.power_on();
      return host.start_where_wanted();
    case FaultKind::stop:
      if (!begins) return host.start_where_wanted();
      return host.has_process() ? host.ask_to_stop() : host.end_all_processes();
    case FaultKind::link_loss: renew_network(); return host.tell();
    case FaultKind::demotion:
    case FaultKind::check_fault:
    case FaultKind::drain:
    case FaultKind::weight: return host.tell();
    case FaultKind::deleted_address:
      if (begins) host.delete_addresses();
      return;
    case FaultKind::new_source:
      if (begins) host.change_source();
      return;
  }
}

World::Trouble World::trouble(int host, int router) const {
  Trouble trouble;
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    if (!lasting_[i] || fault.host != host || fault.router != router) continue;
    if (fault.kind == FaultKind::drain) trouble.drained = true;
    if (fault.kind == FaultKind::demotion) trouble.demoted = true;
    if (fault.kind == FaultKind::check_fault) trouble.faulted = true;
    if (fault.kind == FaultKind::weight) trouble.weight += fault.amount;
  }
  return trouble;
}

bool World::has_link(int host, int router) const {
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    const Fault& fault = plan_.faults[i];
    const bool concerns = fault.host == host && (fault.router == router || fault.router < 0);
    if (lasting_[i] && fault.kind == FaultKind::link_loss && concerns) return false;
  }
  return true;
}

void World::disturb() {
  disturbed_at_ = now_;
  ++disturbances_;
}

void World::start_later(int host) { schedule(now_ + 1ms, Event::Kind::start, host); }

void World::resumed(int host, Duration paused) { judge_.resumed(host, paused); }

void World::lease_ran_out(int host, int router) { judge_.lease_ran_out(host, router); }

// ---- the network ----

void World::renew_network() {
  loss_ = now_ < plan_.quiet_from ? plan_.loss : 0;
  duplication_ = plan_.duplication;
  extra_delay_ = Duration::zero();
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    if (!lasting_[i]) continue;
    const Fault& fault = plan_.faults[i];
    if (fault.kind == FaultKind::loss) loss_ = std::max(loss_, fault.amount);
    if (fault.kind == FaultKind::duplication) duplication_ = std::max(duplication_, fault.amount);
    if (fault.kind == FaultKind::delay) extra_delay_ = std::max(extra_delay_, fault.extra);
  }
  for (int r = 0; r < plan_.routers; ++r) {
    for (int h = 0; h < plan_.hosts; ++h) link_up_[at(r * most_hosts + h)] = has_link(h, r);
    for (int h = 0; h < plan_.hosts; ++h) reached_by_[at(r * most_hosts + h)] = who_is_reached(h, r);
  }
}

HostSet World::who_is_reached(int host, int router) const {
  if (!link_up(host, router)) return 0;
  auto reached = static_cast<HostSet>(((1U << plan_.hosts) - 1) & ~only(host));
  for (std::size_t i = 0; i < plan_.faults.size(); ++i) {
    if (!lasting_[i]) continue;
    const Fault& fault = plan_.faults[i];
    if (fault.kind == FaultKind::partition) {
      reached = static_cast<HostSet>(reached & (fault.set & only(host) ? fault.set : ~fault.set));
    } else if (fault.kind == FaultKind::one_way && fault.host == host) {
      reached = static_cast<HostSet>(reached & ~fault.set);
    } else if (fault.kind == FaultKind::link_loss && (fault.router == router || fault.router < 0)) {
      reached = static_cast<HostSet>(reached & ~only(fault.host));
    }
  }
  return reached;
}

void World::send(int host, int router, Priority priority, const std::vector<AdvertPacket>& packets) {
  ++numbers_.adverts;
  digest(static_cast<std::uint64_t>(now_.time_since_epoch().count()) << 16 |
         static_cast<std::uint64_t>(host << 12 | router << 8 | priority.value));
  trace("h{} vr{}: sends priority {}", host, router, priority.value);
  judge_.sent(host, router, priority);
  for (const AdvertPacket& packet : packets) {
    HostSet receivers = reached_by(host, router);
    if (packet.envelope.destination != vrrp_group(packet.envelope.source.family())) {  // unicast
      for (int h = 0; h < plan_.hosts; ++h) {
        if (hosts_[at(h)].source(router) != packet.envelope.destination) {
          receivers = static_cast<HostSet>(receivers & ~only(h));
        }
      }
    }
    fly(packet, router, receivers);
  }
}

void World::fly(const AdvertPacket& packet, int router, HostSet receivers) {
  if (receivers == 0) return;
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(flying_.size());
    flying_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Flying& flying = flying_[slot];
  flying.packet.envelope = packet.envelope;
  flying.packet.router = static_cast<std::uint8_t>(router);
  flying.packet.size = static_cast<std::uint8_t>(packet.bytes.size());
  std::ranges::copy(packet.bytes, flying.packet.bytes.begin());
  flying.receivers = 0;
  const int lost = now_ < plan_.quiet_from ? loss_ : 0;
  for (int h = 0; h < plan_.hosts; ++h) {
    if (!(receivers & only(h))) continue;
    const int copies = duplication_ > 0 && random_.chance(duplication_) ? 2 : 1;
    for (int copy = 0; copy < copies; ++copy) {
      if (lost > 0 && random_.chance(lost)) {
        disturb();
        continue;
      }
      Duration delay = plan_.shortest_delay;
      if (plan_.jitter > Duration::zero()) delay += random_.between(Duration::zero(), plan_.jitter);
      if (extra_delay_ > Duration::zero()) {
        delay += random_.between(Duration::zero(), extra_delay_);
        late_adverts_until_ = std::max(late_adverts_until_, now_ + delay);
      }
      schedule(now_ + delay, Event::Kind::advert, h, static_cast<int>(slot));
      ++flying.receivers;
    }
  }
  if (flying.receivers == 0) free_.push_back(slot);
}

void World::deliver(const Event& event) {
  const Packet packet = flying_[event.index].packet;
  if (--flying_[event.index].receivers == 0) free_.push_back(event.index);
  if (link_up(event.host, packet.router)) hosts_[at(event.host)].deliver(packet);
}

// Neighbours learn where the addresses are: each host stands for those on its part of the network.
void World::announce(int host, int router) {
  const int lost = now_ < plan_.quiet_from ? loss_ : 0;
  for (int h = 0; h < plan_.hosts; ++h) {
    if (h != host && !(reached_by(host, router) & only(h))) continue;
    if (h == host || !random_.chance(lost)) judge_.neighbours_learn(h, router, host);
  }
}

void World::transition(int host, int router, const Transition& transition) {
  ++numbers_.transitions;
  digest(static_cast<std::uint64_t>(now_.time_since_epoch().count()) << 16 |
         static_cast<std::uint64_t>(host << 8 | static_cast<int>(transition.to)));
  trace("h{} vr{}: {} -> {} (cause {}, peer priority {})", host, router, holdfast::to_string(transition.from),
        holdfast::to_string(transition.to), static_cast<int>(transition.reason.cause),
        transition.reason.peer_priority.value);
  judge_.transition(host, router, transition);
}

void World::digest(std::uint64_t value) { numbers_.digest = (numbers_.digest ^ value) * 0x100000001b3U; }

void World::print_trace(const std::string& text) const {
  fmt::print("{:>12} us  {}\n", now_.time_since_epoch().count(), text);
}

}  // namespace holdfast::simulation
