#include "vrrp_child/core/router_table.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

std::uint64_t packet_key(int interface_index, IpFamily family, Vrid vrid) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(interface_index)) << 16 |
         static_cast<std::uint64_t>(family) << 8 | vrid.value;
}

bool same_virtual_router(const VirtualRouterConfig& a, const VirtualRouterConfig& b) {
  return a.interface == b.interface && a.vrid == b.vrid && a.family == b.family && a.version == b.version;
}

std::vector<std::uint8_t> address_list(const VirtualRouterConfig& config) {
  std::vector<std::uint8_t> list;
  for (const VirtualAddress& virtual_address : config.addresses) {
    const auto bytes = virtual_address.prefix.address.bytes();
    if (virtual_address.advertised) list.insert(list.end(), bytes.begin(), bytes.end());
  }
  return list;
}

// The same addresses in whatever order: peers list them as their own configuration does.
bool same_addresses(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b, std::size_t width) {
  if (a.size() != b.size()) return false;
  if (std::ranges::equal(a, b)) return true;  // the usual case
  for (std::size_t i = 0; i < a.size(); i += width) {
    bool found = false;
    for (std::size_t j = 0; j < b.size() && !found; j += width) {
      found = std::ranges::equal(a.subspan(i, width), b.subspan(j, width));
    }
    if (!found) return false;
  }
  return true;
}

Discard discard_of(DecodeError error) {
  switch (error) {
    case DecodeError::length: return Discard::length;
    case DecodeError::version: return Discard::version;
    case DecodeError::type: return Discard::type;
    case DecodeError::checksum: return Discard::checksum;
    case DecodeError::interval_zero: return Discard::interval_zero;
  }
  return Discard::length;
}

// The counter of each discard, where an instance can be named and where none can (null: no such counter).
struct Counters {
  std::uint64_t InstanceStatistics::*instance;
  std::uint64_t GlobalStatistics::*global;
};
Counters counters_of(Discard discard) {
  using I = InstanceStatistics;
  using G = GlobalStatistics;
  switch (discard) {
    case Discard::ttl: return {&I::ip_ttl_errors, &G::ip_ttl_errors};
    case Discard::version:
    case Discard::wrong_version: return {&I::version_errors, &G::version_errors};
    case Discard::type: return {&I::invalid_type_pkts_rcvd, nullptr};
    case Discard::length: return {&I::packet_length_errors, &G::packet_length_errors};
    case Discard::checksum: return {&I::checksum_errors, &G::checksum_errors};
    case Discard::count_zero: return {&I::address_count_zero, nullptr};
    case Discard::interval_zero: return {&I::interval_zero, nullptr};
    case Discard::unknown_vrid: return {nullptr, &G::vrid_errors};
    case Discard::own_source: return {&I::own_source_rcvd, nullptr};
    case Discard::stranger: return {&I::peer_errors, nullptr};
    case Discard::superseded: return {&I::superseded_rcvd, nullptr};
    case Discard::destination: return {&I::destination_errors, nullptr};
    case Discard::link_local_first: return {&I::link_local_first_errors, nullptr};
    case Discard::auth_type_unknown: return {&I::invalid_auth_type, nullptr};
    case Discard::auth_type: return {&I::auth_type_mismatch, nullptr};
    case Discard::auth_password: return {&I::auth_failures, nullptr};
    case Discard::interval: return {&I::interval_errors, nullptr};
    case Discard::address_list: return {&I::address_list_errors, nullptr};
  }
  return {nullptr, nullptr};
}

}  // namespace

// ---- one virtual router ----

VirtualRouter::VirtualRouter(InstanceId id, VirtualRouterConfig config, Standing standing,
                             std::optional<TimePoint> was_active_at)
    : id_(id),
      config_(std::move(config)),
      machine_(config_, std::move(standing), was_active_at),
      expected_addresses_(address_list(config_)) {}

const std::vector<AdvertPacket>& VirtualRouter::advert_to_send(Priority priority) {
  if (!packets_.empty() && priority == packet_priority_ && machine_.link().source == packet_source_) return packets_;
  packet_priority_ = priority;
  packet_source_ = machine_.link().source;
  std::size_t used = 0;
  const auto add = [&](VrrpVersion version, const IpAddr& destination) {
    if (used == packets_.size()) packets_.emplace_back();
    AdvertPacket& packet = packets_[used++];
    packet.envelope = {packet_source_, destination};
    encode_advert(config_, version, priority, packet.envelope, packet.bytes);
  };
  const auto add_versions = [&](const IpAddr& destination) {
    add(config_.version, destination);
    if (config_.mixed_versions) add(VrrpVersion::v2, destination);
  };
  if (config_.peers.empty()) add_versions(vrrp_group(config_.family));
  for (const IpAddr& peer : config_.peers) add_versions(peer);
  packets_.resize(used);
  return packets_;
}

bool VirtualRouter::has_peer(const IpAddr& address) const {
  return std::ranges::find(config_.peers, address) != config_.peers.end();
}

void VirtualRouter::count_sent(Priority priority) {
  ++statistics_.advertisement_sent;
  if (priority == resigning_priority) ++statistics_.priority_zero_pkts_sent;
}

// RFC 9568, 7.1 and RFC 3768, 7.1: what this instance's configuration says about a well-formed advert.
std::optional<Discard> VirtualRouter::refuse(const Advert& advert, const Envelope& envelope, TimePoint now,
                                             StateMachine::Actions& news) {
  const auto tell = [&](ConflictKind kind, bool dropped, std::uint32_t theirs = 0) {
    news.push_back(Conflict{kind, envelope.source, advert.priority, dropped, theirs});
  };
  const auto refuse_because = [&](Discard why, ConflictKind kind, std::uint32_t theirs = 0) {
    tell(kind, true, theirs);
    return why;
  };
  // Our own come back only over a loop in the network; what looks like ours is a host with our address.
  if (envelope.source == machine_.link().source) {
    return refuse_because(Discard::own_source, ConflictKind::own_address);
  }
  const bool unicast = !config_.peers.empty();
  if (unicast && !has_peer(envelope.source)) return refuse_because(Discard::stranger, ConflictKind::not_a_peer);
  const bool superseded = is_superseded(advert, envelope.source, now);
  if (advert.version != config_.version && !config_.mixed_versions) {
    if (superseded) return Discard::wrong_version;  // counted, but nothing is wrong with who sends both
    return refuse_because(Discard::wrong_version, ConflictKind::version, static_cast<std::uint32_t>(advert.version));
  }
  if (superseded) return Discard::superseded;
  if (envelope.destination != (unicast ? machine_.link().source : vrrp_group(config_.family))) {
    return refuse_because(Discard::destination, ConflictKind::destination);
  }
  // Erratum 8299. Where nothing is advertised (something else moves the address), nothing is expected.
  const bool version_3 = advert.version == VrrpVersion::v3;
  if (version_3 && advert.addresses.empty() && !expected_addresses_.empty()) {
    return refuse_because(Discard::count_zero, ConflictKind::no_addresses);
  }
  // RFC 9568, 5.2.9 and erratum 8300; deployed peers send the order of their configuration.
  const bool link_local_first = config_.family == IpFamily::ipv4 || advert.addresses.empty() ||
                                IpAddr::from_bytes(advert.addresses.first(16)).is_link_local();
  if (!link_local_first && config_.require_link_local_first) {
    return refuse_because(Discard::link_local_first, ConflictKind::link_local_first);
  }
  const bool listed = same_addresses(advert.addresses, expected_addresses_, config_.family == IpFamily::ipv4 ? 4 : 16);
  const bool same_interval = advert.interval == config_.advert_interval;
  const auto milliseconds =
      static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(advert.interval).count());

  const auto own_type = static_cast<std::uint8_t>(config_.password ? AuthType::password : AuthType::none);
  if (!version_3 && advert.auth_type != own_type) {
    const bool known = advert.auth_type <= static_cast<std::uint8_t>(AuthType::ip_ah);
    return refuse_because(known ? Discard::auth_type : Discard::auth_type_unknown, ConflictKind::auth_type,
                          advert.auth_type);
  }
  // Differences are told and counted, never a reason to drop.
  if (version_3 || config_.mixed_versions) {
    if (!link_local_first) ++statistics_.link_local_first_errors;
    if (!same_interval) {
      ++statistics_.interval_errors;
      tell(ConflictKind::interval, false, milliseconds);
    }
    if (!listed) {
      ++statistics_.address_list_errors;
      tell(ConflictKind::address_list, false);
    }
    if (advert.checksum_form == ChecksumForm::rfc5798) ++statistics_.checksum_rfc5798_rcvd;
    if (advert.checksum_form == ChecksumForm::rfc9568) ++statistics_.checksum_rfc9568_rcvd;
    return std::nullopt;
  }
  if (config_.password && advert.auth_data != password_bytes(config_.password)) {
    return refuse_because(Discard::auth_password, ConflictKind::password);
  }
  if (!same_interval) return refuse_because(Discard::interval, ConflictKind::interval, milliseconds);
  if (!listed) {
    if (advert.priority != owner_priority) return refuse_because(Discard::address_list, ConflictKind::address_list);
    ++statistics_.address_list_errors;
    tell(ConflictKind::address_list, false);
  }
  return std::nullopt;
}

// RFC 9568, 8.4.2: who speaks both versions is heard in ours.
bool VirtualRouter::is_superseded(const Advert& advert, const IpAddr& source, TimePoint now) {
  if (advert.version == config_.version) {
    own_version_from_ = source;
    own_version_at_ = now;
    return false;
  }
  return source == own_version_from_ && now - own_version_at_ <= 3 * std::max(advert.interval, config_.advert_interval);
}

// The link, as far as it decides: a sync group takes part with all its interfaces or not at all.
LinkCondition VirtualRouter::condition() const {
  LinkCondition condition = link_->condition;
  for (const VirtualRouter* follower : followers_) {
    const LinkCondition& theirs = follower->link_->condition;
    if (!condition.usable || theirs.usable) continue;
    condition.usable = false;
    condition.can_resign = true;
    condition.problem = follower->config_.name + " of the sync group: " + theirs.problem;
  }
  return condition;
}

// ---- the table ----

bool RouterTable::is_replaced_by(const ConfigureInstance& wanted) {
  const VirtualRouter* existing = find(wanted.id);
  return existing && !same_virtual_router(existing->config_, wanted.router);
}

void RouterTable::configure(const ConfigureInstance& wanted, TimePoint now, Actions& actions) {
  if (VirtualRouter* existing = find(wanted.id)) {
    if (existing->config_ != wanted.router) {
      existing->config_ = wanted.router;
      existing->expected_addresses_ = address_list(wanted.router);
      existing->packets_.clear();
      existing->machine_.on_config(wanted.router, now, scratch_);
    }
    take_actions(*existing, now, actions);
    set_leader(*existing, wanted.leader, now, actions);
    if (existing->machine_.standing() != wanted.standing) {
      existing->machine_.on_standing(wanted.standing, now, scratch_);
    }
    return settle(*existing, now, actions);
  }
  // A new leader of a group that is active goes on as it is.
  const bool leads_active = std::ranges::any_of(routers_, [&](const auto& entry) {
    return entry.second->leader_ == wanted.id && entry.second->machine_.state() == InstanceState::active;
  });
  auto router = std::make_unique<VirtualRouter>(wanted.id, wanted.router, wanted.standing,
                                                leads_active ? std::optional(now) : wanted.was_active_at);
  const auto free = std::ranges::find(by_slot_, nullptr);
  router->slot_ = static_cast<DeadlineHeap::Slot>(free - by_slot_.begin());
  if (free == by_slot_.end())
    by_slot_.push_back(router.get());
  else
    *free = router.get();
  VirtualRouter& added = *(routers_[wanted.id] = std::move(router));
  for (const auto& [id, other] : routers_) {
    if (other->leader_ == wanted.id) added.followers_.push_back(other.get());
  }
  set_leader(added, wanted.leader, now, actions);
}

void RouterTable::set_leader(VirtualRouter& router, std::optional<InstanceId> leader, TimePoint now, Actions& actions) {
  if (router.leader_ == leader) return;
  if (VirtualRouter* former = router.leader_ ? find(*router.leader_) : nullptr) {
    std::erase(former->followers_, &router);
    apply_link(*former, now, actions);
  }
  router.leader_ = leader;
  VirtualRouter* next = leader ? find(*leader) : nullptr;
  if (next) next->followers_.push_back(&router);
  router.machine_.set_following(leader.has_value(), now, scratch_);
  take_actions(router, now, actions);
  if (next) apply_link(*next, now, actions);
}

void RouterTable::leave(InstanceId id, TimePoint now, Actions& actions) {
  VirtualRouter* router = find(id);
  if (!router) return;
  if (router->leader_ && find(*router->leader_)) return leave(*router->leader_, now, actions);
  router->machine_.on_leave(now, scratch_);
  settle(*router, now, actions);
}

void RouterTable::shut_down(InstanceId id, TimePoint now, Actions& actions) {
  VirtualRouter* router = find(id);
  if (!router) return;
  router->machine_.on_shutdown(now, scratch_);
  settle(*router, now, actions);
}

void RouterTable::erase(InstanceId id) {
  VirtualRouter* router = find(id);
  if (!router) return;
  heap_.set(router->slot_, DeadlineHeap::never);
  by_slot_[router->slot_] = nullptr;
  index(*router, 0);
  if (VirtualRouter* leader = router->leader_ ? find(*router->leader_) : nullptr) {
    std::erase(leader->followers_, router);
  }
  routers_.erase(id);
}

void RouterTable::set_standing(InstanceId id, Standing standing, TimePoint now, Actions& actions) {
  VirtualRouter* router = find(id);
  if (!router || router->machine_.standing() == standing) return;
  router->machine_.on_standing(std::move(standing), now, scratch_);
  settle(*router, now, actions);
}

void RouterTable::set_link(InstanceId id, const Link& link, TimePoint now, Actions& actions) {
  VirtualRouter* router = find(id);
  if (!router) return;
  const bool started = router->machine_.state() != InstanceState::initialize;
  if (started && router->link_ == link) return;
  index(*router, link.index);
  router->link_ = link;
  VirtualRouter* leader = router->leader_ ? find(*router->leader_) : nullptr;
  if (leader) {  // which decides; this one only takes note
    router->machine_.on_link(link.condition, now, scratch_);
    take_actions(*router, now, actions);
  }
  apply_link(leader ? *leader : *router, now, actions);
}

// Tells the one that decides for a group, or for itself, once all that count are known.
void RouterTable::apply_link(VirtualRouter& router, TimePoint now, Actions& actions) {
  const bool known = router.link_ && std::ranges::all_of(router.followers_, [](const VirtualRouter* follower) {
                       return follower->link_.has_value();
                     });
  if (!known) return;
  router.machine_.on_link(router.condition(), now, scratch_);
  settle(router, now, actions);
}

bool RouterTable::address_lost(InstanceId id, TimePoint now, Actions& actions) {
  VirtualRouter* router = find(id);
  if (!router) return false;
  const bool restores = router->machine_.on_address_lost(now);
  if (restores) ++router->statistics_.addresses_restored;
  settle(*router, now, actions);
  return restores;
}

void RouterTable::address_taken(InstanceId id, const IpAddr& address, const MacAddress& mac, TimePoint now,
                                Actions& actions) {
  VirtualRouter* router = find(id);
  if (!router) return;
  // Another active answers for what it holds: that is told as what it is.
  const auto told = router->conflicts(now);
  const bool has_rival =
      std::ranges::any_of(told, [](const auto& entry) { return entry.conflict.kind == ConflictKind::two_actives; });
  if (has_rival) return;
  router->machine_.on_address_taken(address, mac, scratch_);
  settle(*router, now, actions);
}

std::optional<Discard> RouterTable::receive(const Datagram& datagram, TimePoint now, Actions& actions) {
  VirtualRouter* router = find_by_packet(datagram);
  const auto discard = [&](Discard why) {
    const Counters counters = counters_of(why);
    if (counters.global) ++(statistics_.*counters.global);
    if (router && counters.instance) ++(router->statistics_.*counters.instance);
    return why;
  };

  if (datagram.ttl != 255) {
    // keepalived sends unicast over IPv6 with 64: two actives that would never hear of each other.
    if (router && datagram.ttl >= 0 && router->has_peer(datagram.envelope.source)) {
      scratch_.push_back(Conflict{
          ConflictKind::hop_limit, datagram.envelope.source, {}, true, static_cast<std::uint32_t>(datagram.ttl)});
      settle(*router, now, actions);
    }
    return discard(Discard::ttl);
  }
  // Before the rest: the socket's filter cuts foreign routers' packets short.
  if (!router && datagram.payload.size() >= advert_header_size) return discard(Discard::unknown_vrid);
  const auto advert = decode_advert(datagram.payload, datagram.envelope);
  if (!advert) return discard(discard_of(advert.error()));
  const auto refused = router->refuse(*advert, datagram.envelope, now, scratch_);
  if (refused) {
    settle(*router, now, actions);
    return discard(*refused);
  }

  ++router->statistics_.advertisement_rcvd;
  if (advert->priority == resigning_priority) ++router->statistics_.priority_zero_pkts_rcvd;
  router->last_advert_source_ = datagram.envelope.source;
  const HeardAdvert heard{datagram.envelope.source, advert->priority, advert->interval};
  router->machine_.on_advert(heard, now, scratch_);
  settle(*router, now, actions);
  // Where the members of a group differ in priority, only the leader's can be compared.
  VirtualRouter* leader = router->leader_ ? find(*router->leader_) : nullptr;
  if (leader && leader->machine_.standing().priority == router->machine_.standing().priority) {
    leader->machine_.on_member_heard(heard, now, scratch_);
    settle(*leader, now, actions);
  }
  return std::nullopt;
}

void RouterTable::run_timers(TimePoint now, Actions& actions) {
  while (!heap_.empty()) {
    VirtualRouter& router = *by_slot_[heap_.earliest()];
    const TimePoint before = heap_.earliest_due();
    if (before > now + router.machine_.slack()) return;
    // Before a follower speaks much too late, its leader has to notice that it is late.
    VirtualRouter* leader = router.leader_ ? find(*router.leader_) : nullptr;
    if (leader && now - before >= router.config_.advert_interval) {
      leader->machine_.notice_sleep(now);
      settle(*leader, now, actions);
    }
    router.machine_.on_deadline(now, scratch_);
    settle(router, now, actions);
    // Due within the slack, but not something that may go early: wait for its time.
    if (before > now && heap_.earliest_due() == before) return;
  }
}

VirtualRouter* RouterTable::find(InstanceId id) {
  const auto found = routers_.find(id);
  return found == routers_.end() ? nullptr : found->second.get();
}

// Hands on what a machine wants, and has those that follow it do the same.
void RouterTable::settle(VirtualRouter& router, TimePoint now, Actions& actions) {
  take_actions(router, now, actions);
  for (VirtualRouter* follower : router.followers_) {
    follower->machine_.follow(router.machine_, now, scratch_);
    take_actions(*follower, now, actions);
  }
}

// Hands a machine's actions on and takes note of its next deadline.
void RouterTable::take_actions(VirtualRouter& router, TimePoint now, Actions& actions) {
  for (Action& action : scratch_) {
    if (const auto* transition = std::get_if<Transition>(&action);
        transition && transition->to == InstanceState::active) {
      ++router.statistics_.master_transitions;
    }
    if (const auto* conflict = std::get_if<Conflict>(&action)) {
      if (conflict->kind == ConflictKind::two_actives) ++router.statistics_.conflicts;
      if (conflict->kind == ConflictKind::address_taken) ++router.statistics_.address_conflicts;
      if (!router.conflicts_.note(*conflict, router.config_.advert_interval, now)) continue;
    }
    actions.push_back({router.id_, std::move(action)});
  }
  scratch_.clear();
  heap_.set(router.slot_, router.machine_.deadline());
}

void RouterTable::index(VirtualRouter& router, int interface_index) {
  const auto key = [&](int i) { return packet_key(i, router.config_.family, router.config_.vrid); };
  // Where interfaces swapped their names, another router may stand at our old place already.
  const auto old = by_packet_.find(key(router.interface_index()));
  if (old != by_packet_.end() && old->second == &router) by_packet_.erase(old);
  if (interface_index != 0) by_packet_[key(interface_index)] = &router;
}

VirtualRouter* RouterTable::find_by_packet(const Datagram& datagram) {
  if (datagram.payload.size() < 2) return nullptr;
  const auto found = by_packet_.find(
      packet_key(datagram.interface_index, datagram.envelope.source.family(), Vrid{datagram.payload[1]}));
  return found == by_packet_.end() ? nullptr : found->second;
}

}  // namespace holdfast
