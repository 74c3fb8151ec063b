#include "vrrp_child/vrrp_process.hpp"

#include "common/ip_text.hpp"
#include "common/log.hpp"
#include "common/privileges.hpp"
#include "vrrp_child/core/announce.hpp"
#include "vrrp_child/reason_text.hpp"

#include <fmt/format.h>
#include <sys/epoll.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

namespace holdfast {
namespace {

constexpr int batches_per_turn = 64;  // of received adverts; more than the socket's queue holds without a flood
constexpr Duration late = std::chrono::milliseconds(1);
constexpr Duration join_pause = std::chrono::seconds(5);

}  // namespace

VrrpProcess::VrrpProcess(EventLoop& loop, Fd channel, Sockets sockets)
    : loop_(loop),
      sockets_(std::move(sockets)),
      parent_(loop, std::move(channel),
              {.message = [this](ParentToVrrp&& message) { std::visit([this](const auto& m) { on(m); }, message); },
               .closed = [this](const std::string&) { leave_at_once("the parent process is gone"); }}),
      timer_(loop, [this] { timer_fired(); }),
      join_again_(loop, [this] { host_changed(); }),
      // What has arrived is heard before a timer is believed.
      adverts_watch_(
          loop, sockets_.adverts.fd(), EPOLLIN, [this](std::uint32_t) { adverts_arrived(); }, LoopPriority::urgent),
      netlink_watch_(loop, sockets_.netlink->fd(), EPOLLIN, [this](std::uint32_t) { host_changed(); }),
      terminated_(loop, SIGTERM, [this] { leave_at_once("SIGTERM"); }) {
  set_log_sink([this](LogLevel level, std::string_view text) { parent_.send(Logged{level, std::string(text)}); });
  parent_.send(ChildReady{effective_capabilities()});
}

VrrpProcess::~VrrpProcess() { set_log_sink({}); }

// ---- messages from the parent ----

void VrrpProcess::on(const BeginConfig& message) {
  generation_ = message.generation;
  staged_.clear();
  staged_watches_.clear();
}

void VrrpProcess::on(const ConfigureInstance& message) { staged_[message.id] = message; }

void VrrpProcess::on(const WatchInterface& message) { staged_watches_.insert(message.name); }

void VrrpProcess::on(const CommitConfig& message) {
  if (leaving_) return;
  if (generation_ != message.generation) {
    log(LogLevel::error, "the parent committed a configuration that it did not begin");
    return loop_.exit(EXIT_FAILURE);
  }
  const TimePoint now = loop_.now();
  std::vector<InstanceId> gone;
  for (const auto& [id, router] : table_.routers()) {
    const auto wanted = staged_.find(id);
    if (wanted == staged_.end() || table_.is_replaced_by(wanted->second)) gone.push_back(id);
  }
  for (const InstanceId id : gone) table_.shut_down(id, now, actions_);
  perform();
  for (const InstanceId id : gone) table_.erase(id);
  for (const auto& [id, wanted] : staged_) table_.configure(wanted, now, actions_);
  staged_.clear();
  watched_.clear();
  for (const std::string& name : staged_watches_) watched_[name];
  generation_.reset();
  virtual_addresses_.clear();
  for (const auto& [id, router] : table_.routers()) {
    for (const VirtualAddress& address : router->config().addresses) virtual_addresses_.insert(address.prefix.address);
  }
  update_listening();
  update_links();
  perform();
  parent_.send(ConfigApplied{message.generation});
}

void VrrpProcess::on(const SetPriority& message) {
  if (leaving_) return;
  table_.set_standing(message.id, message.standing, loop_.now(), actions_);
  perform();
}

void VrrpProcess::on(const RequestReports& message) {
  for (const auto& [id, router] : table_.routers()) parent_.send(report(*router));
  parent_.send(GlobalReport{table_.statistics()});
  parent_.send(ReportsDone{message.serial});
}

void VrrpProcess::on(const Ping& message) { parent_.send(Pong{message.serial}); }

// Hands over: the process ends once each successor answered, or nobody did.
void VrrpProcess::on(const Shutdown&) {
  log(LogLevel::info, "leaving: asked to");
  leaving_ = true;
  for (const auto& [id, router] : table_.routers()) table_.leave(id, loop_.now(), actions_);
  perform();
}

// Gives everything up: priority 0, addresses off, end of the process.
void VrrpProcess::leave_at_once(const char* why) {
  log(LogLevel::info, fmt::format("leaving: {}", why));
  leaving_ = true;
  for (const auto& [id, router] : table_.routers()) table_.shut_down(id, loop_.now(), actions_);
  perform();
}

bool VrrpProcess::all_left() const {
  return std::ranges::all_of(
      table_.routers(), [](const auto& entry) { return entry.second->machine().state() == InstanceState::initialize; });
}

// ---- news ----

void VrrpProcess::adverts_arrived() {
  read_adverts();
  // Under a flood this is the only handler that runs: nobody's advert is late for it.
  table_.run_timers(loop_.now(), actions_);
  perform();
}

void VrrpProcess::read_adverts() {
  for (int batch = 0; batch < batches_per_turn; ++batch) {
    const TimePoint now = loop_.now();
    const std::size_t count =
        sockets_.adverts.receive([&](const Datagram& datagram) { table_.receive(datagram, now, actions_); });
    if (count < AdvertSocket::batch_size) break;
  }
  table_.statistics().receive_drops += sockets_.adverts.take_drops();
}

void VrrpProcess::host_changed() {
  std::vector<std::pair<int, IpPrefix>> lost;
  const bool changed =
      sockets_.netlink->read_changes([&](int index, const IpPrefix& prefix) { lost.emplace_back(index, prefix); });
  if (leaving_ || (!changed && deaf_.empty())) return;
  for (const auto& [index, prefix] : lost) {
    for (const auto& [id, addresses] : held_) {
      const bool ours = std::ranges::any_of(addresses, [&](const VirtualAddress& a) {
        return a.prefix == prefix && interface_index(a.interface) == index;
      });
      if (!ours) continue;
      log(LogLevel::warning,
          fmt::format("{}: somebody removed {} from this host; putting it back. Is keepalived running here too?",
                      table_.find(id)->config().name, to_string(prefix)));
      table_.address_lost(id, loop_.now(), actions_);
    }
  }
  update_listening();
  update_links();
  perform();
}

void VrrpProcess::timer_fired() {
  // After a stall, what has arrived meanwhile is heard before a timer is believed.
  if (loop_.now() - std::exchange(armed_for_, DeadlineHeap::never) > late) read_adverts();
  table_.run_timers(loop_.now(), actions_);
  perform();
}

// ---- doing ----

// Adverts first, so that nobody else moves; then the addresses; then their announcement, which needs them;
// the parent hears of it last.
void VrrpProcess::perform() {
  to_announce_.clear();
  for (const auto& [id, action] : actions_) {
    if (const auto* advert = std::get_if<SendAdvert>(&action)) {
      VirtualRouter* router = table_.find(id);
      if (router) {
        sockets_.adverts.queue(id, router->advert_to_send(advert->priority), router->interface_index(),
                               router->envelope());
        router->count_sent(advert->priority);
      }
    } else if (std::holds_alternative<HoldAddresses>(action)) {
      hold_addresses(id);
    } else if (std::holds_alternative<RemoveAddresses>(action)) {
      remove_addresses(id);
    } else if (std::holds_alternative<Announce>(action)) {
      to_announce_.push_back(id);
    }
  }
  any_refused_ = false;
  const std::size_t sent =
      sockets_.adverts.flush([this](InstanceId id, int index, int error) { advert_refused(id, index, error); });
  if (sent > 0 && !any_refused_) muted_.clear();
  sockets_.netlink->flush([this](const Netlink::Refusal& refusal) { report_refusal(refusal); });
  for (const InstanceId id : to_announce_) announce(id);
  table_.statistics().send_errors += sockets_.frames.flush();

  for (const auto& [id, action] : actions_) {
    const VirtualRouter* router = table_.find(id);
    if (!router) continue;
    const StateMachine& machine = router->machine();
    if (const auto* transition = std::get_if<Transition>(&action)) {
      parent_.send(StateChanged{id, transition->from, transition->to, explain(*router, transition->reason),
                                machine.standing().priority, machine.since()});
    } else if (const auto* conflict = std::get_if<Conflict>(&action)) {
      parent_.send(ConflictSeen{id, conflict->peer, sentence(*conflict, router->config(), machine.standing())});
    }
  }
  actions_.clear();
  if (leaving_ && all_left()) return loop_.exit(EXIT_SUCCESS);

  if (const TimePoint next = table_.next_deadline(); next != armed_for_) {
    armed_for_ = next;
    if (next == DeadlineHeap::never)
      timer_.disarm();
    else
      timer_.arm(next);
  }
}

// A reason, and whose adverts were dropped where we say that nobody was heard.
std::string VrrpProcess::explain(const VirtualRouter& router, const Reason& reason) const {
  std::string text = sentence(reason, router.machine().standing());
  if (reason.cause != Cause::active_silent) return text;
  for (const auto& entry : router.conflicts(loop_.now())) {
    if (entry.conflict.dropped) {
      text += "; " + sentence(entry.conflict, router.config(), router.machine().standing());
    }
  }
  return text;
}

void VrrpProcess::advert_refused(InstanceId id, int index, int error) {
  ++table_.statistics().send_errors;
  table_.find(id)->count_refused();
  any_refused_ = true;
  auto& told = muted_[index];
  if (told == error) return;
  told = error;
  log(LogLevel::error, fmt::format("{}: cannot send adverts on {}: {}{}", table_.find(id)->config().name,
                                   table_.find(id)->config().interface, std::strerror(error),
                                   error == EPERM ? "; does a firewall drop protocol 112?" : ""));
}

// Added by this process, or left by one before it: nothing else has a lifetime as short as the lease.
bool VrrpProcess::is_ours(const HostAddress& present, const VirtualRouterConfig& config) const {
  if (present.permanent) return false;
  return present.ours || std::chrono::seconds(present.lifetime) <= config.lease;
}

void VrrpProcess::hold_addresses(InstanceId id) {
  const VirtualRouterConfig& config = table_.find(id)->config();
  auto& held = held_[id];
  for (const VirtualAddress& old : held) {
    if (std::ranges::find(config.addresses, old) == config.addresses.end()) withdraw(old, config);
  }
  held = config.addresses;
  for (const VirtualAddress& address : held) {
    const int index = interface_index(address.interface);
    const HostAddress* present = sockets_.netlink->address(index, address.prefix);
    if (present && !is_ours(*present, config)) {
      if (config.priority != owner_priority) {
        report_refusal({true, address.prefix, index,
                        "this host has it already, from somebody else; remove it from the network configuration"});
      }
      continue;
    }
    if (address.prefix.length < address.prefix.address.bits()) {
      if (const Status kept = sockets_.netlink->keep_secondaries(index); !kept) {
        report_refusal({true, address.prefix, index,
                        "the host's other addresses inside it may go when it goes: " + kept.error().text});
      }
    }
    sockets_.netlink->add(address, index, config.lease, present != nullptr);
  }
}

// Also what a process before us left. Other people's addresses stay.
void VrrpProcess::remove_addresses(InstanceId id) {
  const auto held = held_.extract(id);
  const VirtualRouterConfig& config = table_.find(id)->config();
  for (const VirtualAddress& address : config.addresses) withdraw(address, config);
  if (held.empty()) return;
  for (const VirtualAddress& address : held.mapped()) {
    if (std::ranges::find(config.addresses, address) == config.addresses.end()) withdraw(address, config);
  }
}

void VrrpProcess::withdraw(const VirtualAddress& address, const VirtualRouterConfig& config) {
  const int index = interface_index(address.interface);
  const HostAddress* present = sockets_.netlink->address(index, address.prefix);
  if (present && is_ours(*present, config)) sockets_.netlink->remove(address.prefix, index);
}

void VrrpProcess::announce(InstanceId id) {
  const auto held = held_.find(id);
  if (held == held_.end()) return;
  const std::uint32_t count = table_.find(id)->config().announce.count;
  for (const VirtualAddress& address : held->second) {
    const Interface* interface = sockets_.netlink->interface(address.interface);
    if (!interface || !sockets_.netlink->address(interface->index, address.prefix)) continue;
    const ArpFrame frame = gratuitous_arp(address.prefix.address, interface->mac);
    for (std::uint32_t i = 0; i < count; ++i) sockets_.frames.queue(frame, interface->index);
    refused_.erase({interface->index, address.prefix});
  }
}

void VrrpProcess::report_refusal(const Netlink::Refusal& refusal) {
  auto& told = refused_[{refusal.interface_index, refusal.prefix}];
  if (told == refusal.why) return;
  told = refusal.why;
  log(LogLevel::error,
      fmt::format("cannot {} {}: {}", refusal.adding ? "add" : "remove", to_string(refusal.prefix), refusal.why));
}

// ---- the host as the routers see it ----

void VrrpProcess::update_links() {
  const TimePoint now = loop_.now();
  std::map<std::string, Link> links;  // many routers share an interface
  for (const auto& [id, router] : table_.routers()) {
    const std::string& interface = router->config().interface;
    const auto known = links.find(interface);
    const Link& link = known != links.end() ? known->second : links[interface] = link_of(interface);
    table_.set_link(id, link, now, actions_);
  }
  report_watched();
}

// What instances track beside their own interface; the parent makes their standing of it.
void VrrpProcess::report_watched() {
  for (auto& [name, told] : watched_) {
    std::string trouble = trouble_of(name);
    if (told == trouble) continue;
    parent_.send(InterfaceChanged{name, trouble.empty(), trouble});
    told = std::move(trouble);
  }
}

// Why an interface can't carry anything, or "".
std::string VrrpProcess::trouble_of(const std::string& name) const {
  const Interface* interface = sockets_.netlink->interface(name);
  if (!interface) return fmt::format("there is no interface {} on this host", name);
  if (!interface->up) return fmt::format("interface {} is down", name);
  if (!interface->carrier) return fmt::format("interface {} has no carrier: is the cable in?", name);
  return "";
}

Link VrrpProcess::link_of(const std::string& name) const {
  const Interface* interface = sockets_.netlink->interface(name);
  if (!interface) return {0, {false, {}, trouble_of(name)}};
  const auto unusable = [&](std::string why) { return Link{interface->index, {false, {}, std::move(why)}}; };
  if (std::string trouble = trouble_of(name); !trouble.empty()) return unusable(std::move(trouble));
  if (const auto deaf = deaf_.find(interface->index); deaf != deaf_.end()) {
    return unusable(fmt::format("interface {} cannot join the VRRP group {}: {}; does igmp_max_memberships allow it?",
                                name, to_string(vrrp_group_v4), deaf->second));
  }
  const auto source = sockets_.netlink->primary_address(
      interface->index, [this](const IpPrefix& prefix) { return virtual_addresses_.contains(prefix.address); });
  if (!source) return unusable(fmt::format("interface {} has no IPv4 address of its own to speak VRRP from", name));
  return {interface->index, {true, *source, ""}};
}

int VrrpProcess::interface_index(const std::string& name) const {
  const Interface* interface = sockets_.netlink->interface(name);
  return interface ? interface->index : 0;
}

void VrrpProcess::update_listening() {
  std::set<int> interfaces;
  std::set<std::uint8_t> vrids;
  for (const auto& [id, router] : table_.routers()) {
    vrids.insert(router->config().vrid.value);
    if (const int index = interface_index(router->config().interface)) interfaces.insert(index);
  }
  if (interfaces != listening_on_ || !deaf_.empty()) {
    deaf_ = sockets_.adverts.listen_on(interfaces);
    listening_on_ = std::move(interfaces);
    if (!deaf_.empty()) join_again_.arm(loop_.now() + join_pause);
  }
  if (vrids != expected_vrids_) {
    if (const Status set = sockets_.adverts.expect(vrids); !set) log(LogLevel::error, set.error().text);
    expected_vrids_ = std::move(vrids);
  }
}

InstanceReport VrrpProcess::report(const VirtualRouter& router) const {
  const StateMachine& machine = router.machine();
  InstanceReport report;
  report.id = router.id();
  report.state = machine.state();
  report.since = machine.since();
  report.reason = explain(router, machine.reason());
  report.priority = machine.standing().priority;
  if (machine.state() == InstanceState::active) {
    report.active_router = machine.link().source;
    report.active_priority = machine.standing().priority;
  } else if (const auto& active = machine.active_router()) {
    report.active_router = active->source;
    report.active_priority = active->priority;
    const Cause cause = machine.reason().cause;
    if (cause == Cause::started || cause == Cause::recovered) {  // what it listened for has been heard
      report.reason = fmt::format("{} is active with priority {}", to_string(active->source), active->priority.value);
    }
  }
  report.handing_over = machine.is_handing_over();
  for (const auto& entry : router.conflicts(loop_.now())) {
    report.conflicts.push_back({name_of(entry.conflict.kind), entry.conflict.peer, entry.since, entry.last, entry.count,
                                sentence(entry.conflict, router.config(), machine.standing())});
  }
  for (const VirtualAddress& address : router.config().addresses) {
    report.addresses.push_back(
        {address, sockets_.netlink->address(interface_index(address.interface), address.prefix) != nullptr, ""});
  }
  report.statistics = router.statistics();
  return report;
}

}  // namespace holdfast
