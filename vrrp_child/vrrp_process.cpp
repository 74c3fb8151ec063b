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
constexpr Duration mute_time = std::chrono::minutes(1);  // the same failure to send is told this rarely
constexpr Duration lowering_pause = std::chrono::milliseconds(20);
constexpr Duration answer_time = std::chrono::seconds(1);  // within which a probe is answered
// Somebody may change addresses faster than they can be read: beyond so many turns the socket waits.
constexpr Duration netlink_interval = std::chrono::milliseconds(5);
constexpr unsigned netlink_turns = 2;
constexpr Duration catch_up_pause = std::chrono::seconds(1);
constexpr Duration try_again_pause = std::chrono::seconds(5);

}  // namespace

VrrpProcess::VrrpProcess(EventLoop& loop, Fd channel, Sockets sockets)
    : loop_(loop),
      sockets_(std::move(sockets)),
      devices_(*sockets_.netlink),
      links_(*sockets_.netlink, devices_, sockets_.adverts, sockets_.adverts_v6),
      addresses_(*sockets_.netlink, sockets_.frames, devices_),
      parent_(loop, std::move(channel),
              {.message = [this](ParentToVrrp&& message) { std::visit([this](const auto& m) { on(m); }, message); },
               .closed = [this](const std::string&) { leave_at_once("the parent process is gone"); }}),
      timer_(loop, [this] { timer_fired(); }),
      try_again_(loop, [this] { look_again(); }),
      lowering_(loop, [this] { lower_next_device(); }),
      catch_up_(loop, [this] { catch_up(); }),
      // What has arrived is heard before a timer is believed.
      adverts_watch_(
          loop, sockets_.adverts.fd(), EPOLLIN, [this](std::uint32_t) { adverts_arrived(sockets_.adverts); },
          LoopPriority::urgent),
      netlink_watch_(loop, sockets_.netlink->fd(), EPOLLIN,
                     [this](std::uint32_t) { host_changed(&Netlink::read_changes); }),
      reading_watch_(loop, sockets_.netlink->reading_fd(), EPOLLIN,
                     [this](std::uint32_t) { host_changed(&Netlink::read_part); }),
      arp_watch_(
          loop, sockets_.claims.arp_fd(), EPOLLIN, [this](std::uint32_t) { claims_arrived(); }, LoopPriority::idle),
      terminated_(loop, SIGTERM, [this] { leave_at_once("SIGTERM"); }) {
  set_log_sink([this](LogLevel level, std::string_view text) { parent_.send(Logged{level, std::string(text)}); });
  if (sockets_.adverts_v6) {
    adverts_v6_watch_ = IoWatch(
        loop, sockets_.adverts_v6->fd(), EPOLLIN, [this](std::uint32_t) { adverts_arrived(*sockets_.adverts_v6); },
        LoopPriority::urgent);
  }
  if (sockets_.claims.neighbour_fd() >= 0) {
    neighbour_watch_ = IoWatch(
        loop, sockets_.claims.neighbour_fd(), EPOLLIN, [this](std::uint32_t) { claims_arrived(); }, LoopPriority::idle);
  }
  netlink_watch_.limit_rate(netlink_interval, netlink_turns);
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
  // Who stays learns first who leads it from now on, so that a leader that goes takes nobody along.
  for (const auto& [id, wanted] : staged_) {
    if (std::ranges::find(gone, id) == gone.end() && table_.find(id)) table_.configure(wanted, now, actions_);
  }
  for (const InstanceId id : gone) table_.shut_down(id, now, actions_);
  perform();
  for (const InstanceId id : gone) table_.erase(id);
  for (const auto& [id, wanted] : staged_) table_.configure(wanted, now, actions_);
  staged_.clear();
  watched_.clear();
  for (const std::string& name : staged_watches_) watched_[name];
  generation_.reset();
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
  if (performing_) {  // the channel closed under a message of ours
    leave_afterwards_ = why;
    return;
  }
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

void VrrpProcess::adverts_arrived(AdvertSocket& socket) {
  read_adverts(socket);
  // Under a flood this is the only handler that runs: nobody's advert is late for it.
  table_.run_timers(loop_.now(), actions_);
  perform();
}

void VrrpProcess::read_adverts(AdvertSocket& socket) {
  for (int batch = 0; batch < batches_per_turn; ++batch) {
    const TimePoint now = loop_.now();
    const std::size_t count =
        socket.receive([&](const Datagram& datagram) { table_.receive(datagram, now, actions_); });
    if (count < AdvertSocket::batch_size) break;
  }
  table_.statistics().receive_drops += socket.take_drops();
}

void VrrpProcess::host_changed(bool (Netlink::*read)(const Netlink::Lost&)) {
  std::vector<std::pair<int, IpPrefix>> lost;
  const bool changed = ((*sockets_.netlink).*read)([&](int index, const IpPrefix& prefix) {
    if (links_.is_virtual(prefix.address)) lost.emplace_back(index, prefix);
  });
  if (sockets_.netlink->has_gaps()) catch_up_.arm(last_catch_up_ + catch_up_pause);
  if (leaving_ || !changed) return;
  for (const auto& [index, prefix] : lost) {
    const auto holder = addresses_.holder_of(index, prefix);
    const Interface* interface = sockets_.netlink->interface(index);
    if (!holder || !interface || !interface->up) continue;  // an interface that goes takes its addresses along
    if (!table_.address_lost(*holder, loop_.now(), actions_)) continue;
    log(LogLevel::warning,
        fmt::format("{}: somebody removed {} from this host; putting it back. Is keepalived running here too?",
                    table_.find(*holder)->config().name, to_string(prefix)));
  }
  update_links();
  // The device of a virtual MAC that somebody deleted is there again, but down and without its addresses.
  for (const auto& [id, router] : table_.routers()) {
    const Interface* device = sockets_.netlink->interface(devices_.index_of(id));
    if (device && !device->up && router->machine().state() == InstanceState::active) {
      table_.address_lost(id, loop_.now(), actions_);
    }
  }
  perform();
}

void VrrpProcess::catch_up() {
  last_catch_up_ = loop_.now();
  if (last_catch_up_ >= told_of_gaps_ + mute_time) {
    told_of_gaps_ = last_catch_up_;
    log(LogLevel::notice,
        "interfaces or addresses of this host change faster than they can be read; reading all of them again");
  }
  sockets_.netlink->read_again();
  if (sockets_.netlink->has_gaps()) catch_up_.arm(last_catch_up_ + catch_up_pause);
}

// What failed may work now: joining a group, making a device.
void VrrpProcess::look_again() {
  if (leaving_) return;
  update_links();
  perform();
}

// Only answers to a probe of ours count: whoever takes over by the rules announces itself, too.
void VrrpProcess::claims_arrived() {
  const TimePoint now = loop_.now();
  sockets_.claims.receive([&](const Claim& claim) {
    if (now - last_probe_ > answer_time) return;
    if (const auto id = addresses_.rival_of(claim)) {
      table_.address_taken(*id, claim.address, claim.mac, now, actions_);
    }
  });
  perform();
}

void VrrpProcess::timer_fired() {
  // After a stall, what has arrived meanwhile is heard before a timer is believed.
  if (loop_.now() - std::exchange(armed_for_, DeadlineHeap::never) > late) {
    read_adverts(sockets_.adverts);
    if (sockets_.adverts_v6) read_adverts(*sockets_.adverts_v6);
  }
  table_.run_timers(loop_.now(), actions_);
  perform();
}

// ---- doing ----

// Adverts first, so that nobody else moves; then the addresses; then their announcement, which needs them;
// the parent hears of it last.
void VrrpProcess::perform() {
  performing_ = true;
  to_announce_.clear();
  to_probe_.clear();
  for (const auto& [id, action] : actions_) {
    VirtualRouter* router = table_.find(id);
    if (!router) continue;
    if (const auto* advert = std::get_if<SendAdvert>(&action)) {
      queue_advert(*router, advert->priority);
    } else if (std::holds_alternative<HoldAddresses>(action)) {
      addresses_.hold(id, router->config());
    } else if (std::holds_alternative<RemoveAddresses>(action)) {
      addresses_.withdraw(id, router->config());
      if (devices_.index_of(id) != 0) {
        if (to_lower_.empty()) lowering_.arm(loop_.now());
        to_lower_.insert(id);
      }
    } else if (std::holds_alternative<Announce>(action)) {
      to_announce_.push_back(id);
    } else if (std::holds_alternative<ProbeAddresses>(action)) {
      to_probe_.push_back(id);
    }
  }
  raise_devices();
  send_adverts();
  addresses_.flush_addresses();
  for (const InstanceId id : to_announce_) addresses_.announce(id, table_.find(id)->config());
  for (const InstanceId id : to_probe_) addresses_.probe(id, table_.find(id)->config());
  if (!to_probe_.empty()) last_probe_ = loop_.now();
  table_.statistics().send_errors += addresses_.flush_announcements();

  for (const auto& [id, action] : actions_) {
    const VirtualRouter* router = table_.find(id);
    if (!router) continue;
    const StateMachine& machine = router->machine();
    if (const auto* transition = std::get_if<Transition>(&action)) {
      parent_.send(StateChanged{id, transition->from, transition->to, explain(*router, transition->reason),
                                machine.standing().priority, machine.since()});
    } else if (const auto* outcome = std::get_if<DrainOutcome>(&action)) {
      parent_.send(DrainEnded{id, outcome->away});
    } else if (const auto* conflict = std::get_if<Conflict>(&action)) {
      parent_.send(ConflictSeen{id, conflict->peer, sentence(*conflict, router->config(), machine.standing())});
    }
  }
  actions_.clear();
  performing_ = false;
  if (const char* why = std::exchange(leave_afterwards_, nullptr)) return leave_at_once(why);
  if (leaving_ && all_left()) {
    devices_.remove_all();
    return loop_.exit(EXIT_SUCCESS);
  }

  if (const TimePoint next = table_.next_deadline(); next != armed_for_) {
    armed_for_ = next;
    if (next == DeadlineHeap::never)
      timer_.disarm();
    else
      timer_.arm(next);
  }
}

// The leader of the router's sync group, or itself.
const VirtualRouter& VrrpProcess::decider_of(const VirtualRouter& router) const {
  const auto leader = router.leader() ? table_.routers().find(*router.leader()) : table_.routers().end();
  return leader == table_.routers().end() ? router : *leader->second;
}

// A reason, and whose adverts were dropped where we say that nobody was heard.
std::string VrrpProcess::explain(const VirtualRouter& router, const Reason& reason) const {
  std::string text = sentence(reason, router.machine().standing());
  if (const VirtualRouter& leader = decider_of(router); &leader != &router && reason.cause == Cause::followed) {
    return fmt::format("moves with {} of its sync group: {}", leader.config().name,
                       explain(leader, leader.machine().reason()));
  }
  if (reason.cause != Cause::active_silent) return text;
  for (const auto& entry : router.conflicts(loop_.now())) {
    if (entry.conflict.dropped) {
      text += "; " + sentence(entry.conflict, router.config(), router.machine().standing());
    }
  }
  return text;
}

// The device of a virtual MAC is up while its router holds the addresses: before the first advert, which leaves by
// it, and until the last.
void VrrpProcess::raise_devices() {
  for (const auto& [id, action] : actions_) {
    const int device = devices_.index_of(id);
    if (device == 0 || !std::holds_alternative<HoldAddresses>(action)) continue;
    if (const Status up = sockets_.netlink->set_up(device, true); !up) log(LogLevel::error, up.error().text);
  }
}

// Taking a device down keeps the kernel, and us, for some 20 ms: one at a time, and adverts in between.
void VrrpProcess::lower_next_device() {
  while (!to_lower_.empty()) {
    const InstanceId id = *to_lower_.begin();
    to_lower_.erase(to_lower_.begin());
    const VirtualRouter* router = table_.find(id);
    const int device = devices_.index_of(id);
    if (device == 0 || !router || router->machine().state() == InstanceState::active) continue;
    if (const Status down = sockets_.netlink->set_up(device, false); !down) log(LogLevel::error, down.error().text);
    break;
  }
  if (!to_lower_.empty()) lowering_.arm(loop_.now() + lowering_pause);
}

void VrrpProcess::queue_advert(VirtualRouter& router, Priority priority) {
  AdvertSocket* socket = links_.socket_of(router.config().family);
  if (!socket) return;
  // RFC 9568, 7.2: from the virtual MAC. Unicast goes the way the routes say, which are the interface's.
  const bool from_virtual_mac = router.config().virtual_mac && router.config().peers.empty();
  const int leaves_by = from_virtual_mac ? devices_.index_of(router.id()) : router.interface_index();
  for (const AdvertPacket& packet : router.advert_to_send(priority)) {
    socket->queue(router.id(), packet.bytes, leaves_by, packet.envelope);
    router.count_sent(priority);
  }
}

void VrrpProcess::send_adverts() {
  for (const IpFamily family : {IpFamily::ipv4, IpFamily::ipv6}) {
    AdvertSocket* socket = links_.socket_of(family);
    if (!socket) continue;
    socket->flush([this](InstanceId id, int index, int error) { advert_refused(id, index, error); });
  }
}

void VrrpProcess::advert_refused(InstanceId id, int index, int error) {
  ++table_.statistics().send_errors;
  table_.find(id)->count_refused();
  const TimePoint now = loop_.now();
  auto& [told, until] = muted_[index];
  if (told == error && now < until) return;
  told = error;
  until = now + mute_time;
  log(LogLevel::error, fmt::format("{}: cannot send adverts on {}: {}{}", table_.find(id)->config().name,
                                   table_.find(id)->config().interface, std::strerror(error),
                                   error == EPERM ? "; does a firewall drop protocol 112?" : ""));
}

// ---- the host as the routers see it ----

void VrrpProcess::update_links() {
  const TimePoint now = loop_.now();
  devices_.update(table_);
  links_.update(table_);
  if (links_.is_deaf() || devices_.in_trouble()) try_again_.arm(loop_.now() + try_again_pause);
  for (const auto& [id, router] : table_.routers()) table_.set_link(id, links_.link_of(*router), now, actions_);
  report_watched();
}

// What instances track beside their own interface; the parent makes their standing of it.
void VrrpProcess::report_watched() {
  for (auto& [name, told] : watched_) {
    std::string trouble = links_.trouble_of(name);
    if (told == trouble) continue;
    parent_.send(InterfaceChanged{name, trouble.empty(), trouble});
    told = std::move(trouble);
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
  } else if (const auto active = machine.active_router(loop_.now())) {
    report.active_router = active->source;
    report.active_priority = active->priority;
    const Cause cause = machine.reason().cause;
    if (cause == Cause::started || cause == Cause::recovered ||
        cause == Cause::brought_back) {  // what it listened for has been heard
      report.reason = fmt::format("{} is active with priority {}", to_string(active->source), active->priority.value);
    }
  }
  report.handing_over = machine.is_handing_over();
  for (const auto& entry : router.conflicts(loop_.now())) {
    report.conflicts.push_back({name_of(entry.conflict.kind), entry.conflict.peer, entry.since, entry.last, entry.count,
                                sentence(entry.conflict, router.config(), machine.standing())});
  }
  report.addresses = addresses_.report(router.id(), router.config(), machine.state());
  report.last_advert_source = router.last_advert_source();
  report.up_since = machine.up_since();
  report.active_down_interval = machine.down_interval();
  report.skew_time = machine.skew_time();
  const StateMachine& decides = decider_of(router).machine();
  report.last_event = event_name(decides.reason().cause);
  report.new_master_reason = new_master_reason(decides.became_active_because());
  report.statistics = router.statistics();
  return report;
}

}  // namespace holdfast
