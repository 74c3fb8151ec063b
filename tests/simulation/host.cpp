#include "tests/simulation/host.hpp"

#include "tests/simulation/world.hpp"

#include <algorithm>
#include <span>
#include <utility>

namespace holdfast::simulation {
namespace {

constexpr int interface_of(int router) { return 2 + router; }

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

Host::Host(World& world, int number) : world_(world), number_(number), clock_(world.plan().clock[at(number)]) {}

TimePoint Host::now() const { return clock_.at(world_.now()); }

// ---- the host and its processes ----

void Host::power_on() {
  if (powered_) return;
  powered_ = true;
  start_where_wanted();
}

void Host::power_off() {
  end_all_processes();
  powered_ = false;
  leases_ = {};
}

void Host::end_all_processes() {
  end_vrrp_process();
  told_state_ = {};
  was_active_at_ = {};
  checks_known_ = false;
  stop_asked_ = false;
}

// parent/supervisor.cpp, vrrp_ended(): a state of the dead is remembered with the time until which it lived.
void Host::end_vrrp_process() {
  if (!table_) return;
  cancel_drains();
  for (int r = 0; r < world_.plan().routers; ++r) {
    if (told_state_[at(r)] == InstanceState::active) was_active_at_[at(r)] = now();
    told_state_[at(r)] = InstanceState::initialize;
    for (Lease& lease : leases_[at(r)]) lease.orphaned = true;
  }
  table_.reset();
  machines_ = {};
  actions_.clear();
  queue_.clear();
  held_ = {};
  lost_ = {};
  paused_ = leaving_ = false;
  armed_for_ = world_never;
}

void Host::start_where_wanted() {
  if (!wanted || !powered_ || stalled_ || table_) return;
  if (!checks_known_) {
    const Duration wait = world_.plan().first_check[at(number_)];
    if (wait == Duration::zero())
      checks_known_ = true;
    else
      world_.schedule(world_.now() + wait, Event::Kind::checks_known, number_);
  }
  start();
}

ConfigureInstance Host::message_for(int router) const {
  const auto& revision = world_.plan().router[at(router)].revisions[at(revision_)];
  std::optional<InstanceId> leader;
  if (revision.leader >= 0) leader = id_of(revision.leader);
  return {id_of(router), revision.config[at(number_)], standing_[at(router)], was_active_at_[at(router)], leader};
}

// vrrp_process.cpp, on(CommitConfig).
void Host::start() {
  table_.emplace();
  for (int r = 0; r < world_.plan().routers; ++r) standing_[at(r)] = standing_now(r);
  table_revision_ = revision_;
  for (int r = 0; r < world_.plan().routers; ++r) {
    table_->configure(message_for(r), now(), actions_);
    machines_[at(r)] = &table_->find(id_of(r))->machine();
  }
  tell_interface();
  perform();
}

void Host::pause() {
  if (!table_ || paused_) return;
  paused_ = true;
  paused_at_ = now();
}

void Host::resume() {
  if (!std::exchange(paused_, false) || stalled_) return;
  world_.resumed(number_, now() - paused_at_);
  after_the_pause();
}

void Host::stall() { stalled_ = true; }

void Host::wake_up(Duration slept, bool clock_ran_on) {
  if (!std::exchange(stalled_, false)) return;
  awake_since_ = world_.now();
  if (!clock_ran_on) {
    clock_.stand_still(slept);
    deleted_at_ += slept;  // its process counts from there, on the host's clock
    for (auto& leases : leases_) {
      for (Lease& lease : leases) {
        if (lease.ends != WorldTime{}) lease.ends += slept;
      }
    }
  }
  for (int r = 0; r < world_.plan().routers; ++r) lease_check(r);
  if (!powered_) return;
  if (!table_) return start_where_wanted();
  if (paused_) return;
  if (clock_ran_on) world_.resumed(number_, slept);
  after_the_pause();
}

// The event loop finds everything ready at once: adverts are first, the order of the rest is chance.
void Host::after_the_pause() {
  awake_since_ = world_.now();
  if (!queue_.empty()) {
    read_queue();
    table_->run_timers(now(), actions_);
    perform();
    if (!table_) return;
  }
  armed_for_ = world_never;
  const int order = world_.random().below(3);
  if (order == 1) tell();
  if (!table_) return;
  table_->run_timers(now(), actions_);
  perform();
  if (order != 1) tell();
}

void Host::read_queue() {
  for (const Packet& packet : queue_) receive(packet);
  queue_.clear();
}

void Host::receive(const Packet& packet) {
  const std::span bytes(packet.bytes.data(), packet.size);
  table_->receive({interface_of(packet.router), packet.envelope, 255, bytes}, now(), actions_);
}

// ---- the parent's word and the kernel's ----

void Host::ask_to_stop() {
  stop_asked_ = true;
  cancel_drains();
  tell();
}

void Host::checks_known() {
  checks_known_ = true;
  tell();
}

void Host::use_revision(int revision) {
  revision_ = std::max(revision_, revision);
  tell();
}

void Host::change_source() {
  moved_ = !moved_;
  tell();
}

void Host::delete_addresses() {
  deleted_at_ = world_.now();
  for (int r = 0; r < world_.plan().routers; ++r) {
    for (Lease& lease : leases_[at(r)]) {
      if (lease.ends <= world_.now()) continue;
      lease = {};
      lost_[at(r)] = true;
    }
  }
  tell();
}

bool Host::same_group(int a, int b) const {
  const auto leader_of = [this](int router) {
    const int leader = world_.plan().router[at(router)].revisions[at(revision_)].leader;
    return leader < 0 ? router : leader;
  };
  return leader_of(a) == leader_of(b);
}

// Weights are added up and kept within 1..254, a demotion says 1 (parent/tracking.cpp); an owner is never demoted.
// What one member of a sync group depends on counts for all.
Standing Host::standing_now(int router) const {
  Standing standing = standing_by_checks(router);
  standing.fitness = drain_fitness(router).value_or(standing.fitness);
  return standing;
}

Standing Host::standing_by_checks(int router) const {
  const Priority configured = config(router).priority;
  World::Trouble trouble = world_.trouble(number_, router);
  for (int other = 0; other < world_.plan().routers; ++other) {
    if (other == router || !same_group(other, router)) continue;
    const World::Trouble its = world_.trouble(number_, other);
    trouble.demoted = trouble.demoted || its.demoted;
    trouble.faulted = trouble.faulted || its.faulted;
    trouble.weight += its.weight;
  }
  Standing standing{configured, Fitness::fit, ""};
  if (trouble.faulted) standing.fitness = Fitness::faulted;
  if (configured == owner_priority) return standing;
  standing.priority.value = static_cast<std::uint8_t>(std::clamp(configured.value + trouble.weight, 2, 254));
  if (!trouble.faulted && (trouble.demoted || !checks_known_)) standing = {demoted_priority, Fitness::demoted, ""};
  return standing;
}

// ---- parent/drains.cpp ----

std::optional<Fitness> Host::drain_fitness(int router) const {
  std::optional<Fitness> fitness;
  for (int r = 0; r < world_.plan().routers; ++r) {
    if (!same_group(r, router)) continue;
    if (drain_[at(r)] == Drain::draining) fitness = std::max(fitness, std::optional(Fitness::draining));
    if (drain_[at(r)] == Drain::drained) fitness = Fitness::drained;
  }
  return fitness;
}

// Drains what an operator wants away, with its sync group, and resumes what nobody does any more.
void Host::look_at_drains() {
  for (int r = 0; r < world_.plan().routers; ++r) {
    bool is_wanted = false;
    for (int other = 0; other < world_.plan().routers; ++other) {
      is_wanted = is_wanted || (same_group(other, r) && world_.trouble(number_, other).drained);
    }
    Drain& drain = drain_[at(r)];
    if (!is_wanted)
      drain = Drain::none;
    else if (drain == Drain::none)
      drain = table_ && !leaving_ ? Drain::draining : Drain::kept;
  }
}

void Host::drain_ended(int router, bool away) {
  for (int r = 0; r < world_.plan().routers; ++r) {
    if (!same_group(r, router) || drain_[at(r)] != Drain::draining) continue;
    drain_[at(r)] = away ? Drain::drained : Drain::kept;
    drains_changed_ = true;
  }
}

// The VRRP process is gone, or about to go.
void Host::cancel_drains() {
  for (Drain& drain : drain_) {
    if (drain == Drain::draining) drain = Drain::kept;
  }
}

// Everything that the process should know, as it is now. All of it is absolute, so that saying it again is harmless.
void Host::tell() {
  look_at_drains();
  for (int r = 0; r < world_.plan().routers; ++r) standing_[at(r)] = standing_now(r);
  if (!running()) return;
  const bool parent_first = world_.random().chance(50);
  if (parent_first) tell_parents_word();
  if (!table_) return;
  tell_interface();
  if (!table_) return;
  if (!parent_first) tell_parents_word();
}

// vrrp_process.cpp, host_changed().
void Host::tell_interface() {
  if (leaving_) return;
  for (int r = 0; r < world_.plan().routers; ++r) {
    const bool up = world_.link_up(number_, r);
    if (std::exchange(lost_[at(r)], false) && held_[at(r)]) table_->address_lost(id_of(r), now(), actions_);
    const IpAddr own = up ? source(r) : IpAddr{};
    table_->set_link(id_of(r), {interface_of(r), {up, own, up ? "" : "no carrier"}}, now(), actions_);
  }
  perform();
}

// vrrp_process.cpp, on(CommitConfig), on(SetPriority), on(Shutdown).
void Host::tell_parents_word() {
  if (leaving_) return;
  for (int r = 0; r < world_.plan().routers; ++r) {
    if (table_revision_ != revision_)
      table_->configure(message_for(r), now(), actions_);
    else
      table_->set_standing(id_of(r), standing_[at(r)], now(), actions_);
  }
  table_revision_ = revision_;
  perform();
  if (!table_ || !stop_asked_) return;
  leaving_ = true;
  for (int r = 0; r < world_.plan().routers; ++r) table_->leave(id_of(r), now(), actions_);
  perform();
}

// ---- news ----

void Host::deliver(const Packet& packet) {
  if (!table_ || !powered_ || stalled_) return;
  if (paused_) {
    if (queue_.size() < at(world_.plan().queue[at(number_)])) queue_.push_back(packet);
    return;
  }
  receive(packet);
  table_->run_timers(now(), actions_);
  perform();
}

void Host::timer(WorldTime armed_for) {
  if (armed_for != armed_for_ || !running()) return;
  armed_for_ = world_never;
  table_->run_timers(now(), actions_);
  perform();
}

// The kernel removes what was not refreshed, and says so.
void Host::lease_check(int router) {
  lease_checked_[at(router)] = false;
  if (stalled_) return;  // and its kernel's clock
  WorldTime next = world_never;
  bool expired = false;
  for (Lease& lease : leases_[at(router)]) {
    if (lease.ends > world_.now()) {
      next = std::min(next, lease.ends);
    } else if (const Lease was = std::exchange(lease, {}); was.ends != WorldTime{}) {
      expired = true;
      // Who just woke up may first have to listen whether it is still the active one.
      if (running() && !was.orphaned && was.renewed > awake_since_) world_.lease_ran_out(number_, router);
      world_.trace("h{} vr{}: the lease of an address ended", number_, router);
    }
  }
  if (next != world_never) {
    lease_checked_[at(router)] = true;
    world_.schedule(next, Event::Kind::lease, number_, router);
  }
  if (!expired || !table_) return;
  lost_[at(router)] = true;
  // On waking up it is found among the rest.
  if (running() && world_.now() > awake_since_) tell_interface();
}

// ---- doing ----

// vrrp_process.cpp, perform().
void Host::perform() {
  for (const auto& [id, action] : actions_) {
    const int router = router_of(id);
    if (const auto* advert = std::get_if<SendAdvert>(&action)) {
      VirtualRouter& virtual_router = *table_->find(id);
      world_.send(number_, router, advert->priority, virtual_router.advert_to_send(advert->priority));
    } else if (std::holds_alternative<HoldAddresses>(action)) {
      hold(router);
    } else if (std::holds_alternative<RemoveAddresses>(action)) {
      remove(router);
    } else if (std::holds_alternative<Announce>(action)) {
      if (addresses_present(router)) world_.announce(number_, router);
    } else if (const auto* transition = std::get_if<Transition>(&action)) {
      told_state_[at(router)] = transition->to;
      was_active_at_[at(router)].reset();
      world_.transition(number_, router, *transition);
    } else if (const auto* outcome = std::get_if<DrainOutcome>(&action)) {
      world_.trace("h{} vr{}: drained: {}", number_, router, outcome->away);
      drain_ended(router, outcome->away);
    }
  }
  actions_.clear();
  const auto left = [](const auto& entry) { return entry.second->machine().state() == InstanceState::initialize; };
  if (leaving_ && std::ranges::all_of(table_->routers(), left)) {
    world_.trace("h{}: the daemon has stopped", number_);
    end_all_processes();
    return world_.start_later(number_);
  }
  if (std::exchange(drains_changed_, false)) return tell();
  arm();
}

void Host::hold(int router) {
  const AddressSet configured = world_.plan().router[at(router)].revisions[at(table_revision_)].addresses;
  withdraw(router, static_cast<AddressSet>(held_[at(router)] & ~configured));
  held_[at(router)] = configured;
  for (int a = 0; a < most_addresses; ++a) {
    if (configured & (1U << a))
      leases_[at(router)][at(a)] = {world_.now() + table_->find(id_of(router))->config().lease, world_.now()};
  }
  if (!std::exchange(lease_checked_[at(router)], true)) {
    world_.schedule(leases_[at(router)][0].ends, Event::Kind::lease, number_, router);
  }
}

void Host::remove(int router) {
  const AddressSet configured = world_.plan().router[at(router)].revisions[at(table_revision_)].addresses;
  withdraw(router, static_cast<AddressSet>(std::exchange(held_[at(router)], AddressSet{}) | configured));
}

void Host::withdraw(int router, AddressSet addresses) {
  for (int a = 0; a < most_addresses; ++a) {
    if (addresses & (1U << a)) leases_[at(router)][at(a)] = {};
  }
}

void Host::arm() {
  const TimePoint next = table_->next_deadline();
  if (next == DeadlineHeap::never) return;
  WorldTime when = clock_.when(std::max(next, now()));
  if (armed_for_ <= when) return;  // it will look again then
  if (world_.plan().timer_lateness > Duration::zero()) {
    when += world_.random().between(Duration::zero(), world_.plan().timer_lateness);
  }
  armed_for_ = when;
  world_.schedule(when, Event::Kind::timer, number_);
}

// ---- for the judge ----

int Host::leader(int router) const { return world_.plan().router[at(router)].revisions[at(table_revision_)].leader; }

const VirtualRouterConfig& Host::config(int router) const {
  return world_.plan().router[at(router)].revisions[at(revision_)].config[at(number_)];
}

const VirtualRouterConfig& Host::config_in_use(int router) const {
  return world_.plan().router[at(router)].revisions[at(table_revision_)].config[at(number_)];
}

AddressSet Host::addresses_wanted(int router) const {
  return world_.plan().router[at(router)].revisions[at(table_revision_)].addresses;
}

AddressSet Host::addresses_present(int router) const {
  AddressSet present = 0;
  for (int a = 0; a < most_addresses; ++a) {
    if (leases_[at(router)][at(a)].ends > world_.now()) present = static_cast<AddressSet>(present | 1U << a);
  }
  return present;
}

AddressSet Host::addresses_orphaned(int router) const {
  AddressSet orphaned = 0;
  for (int a = 0; a < most_addresses; ++a) {
    if (leases_[at(router)][at(a)].orphaned) orphaned = static_cast<AddressSet>(orphaned | 1U << a);
  }
  return orphaned;
}

IpAddr Host::source(int router) const {
  const VirtualRouterConfig& configured = config(router);
  if (configured.source) return *configured.source;
  return source_address(configured.family, world_.plan().address[at(number_)], moved_);
}

bool Host::may_take_part(int router) const {
  for (int r = 0; r < world_.plan().routers; ++r) {
    if (!same_group(r, router)) continue;
    if (!world_.link_up(number_, r) || standing_[at(r)].fitness == Fitness::faulted) return false;
  }
  return true;
}

}  // namespace holdfast::simulation
