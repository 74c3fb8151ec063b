// All virtual routers of the process: who a packet is for, whether it may be believed, whose timer is due.
// Pure: packets and the time come in, actions go out.
#pragma once

#include "common/messages.hpp"
#include "common/router_config.hpp"
#include "common/statistics.hpp"
#include "vrrp_child/core/advert.hpp"
#include "vrrp_child/core/deadline_heap.hpp"
#include "vrrp_child/core/state_machine.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace holdfast {

// An IP packet of protocol 112 as the socket gave it; `payload` starts at the VRRP version byte.
struct Datagram {
  int interface_index = 0;
  Envelope envelope;
  int ttl = -1;  // -1: the kernel did not say, which is not 255
  std::span<const std::uint8_t> payload;
};

// Why a packet did not reach the state machine.
enum class Discard : std::uint8_t {
  ttl,
  version,
  type,
  length,
  checksum,
  count_zero,
  interval_zero,  // anybody's
  unknown_vrid,
  own_source,
  stranger,  // unicast: none of the peers
  wrong_version,
  superseded,  // another version from a router that speaks ours as well
  destination,
  link_local_first,
  auth_type_unknown,
  auth_type,  // of one instance
  auth_password,
  interval,
  address_list,
};

// An interface as the routers on it see it; index 0 while there is none of that name.
struct Link {
  int index = 0;
  LinkCondition condition;
  bool operator==(const Link&) const = default;
};

// One packet of an advert; a unicast advert is one for each peer.
struct AdvertPacket {
  Envelope envelope;
  std::vector<std::uint8_t> bytes;
};

class VirtualRouter {
 public:
  VirtualRouter(InstanceId id, VirtualRouterConfig config, Standing standing, std::optional<TimePoint> was_active_at);

  InstanceId id() const { return id_; }
  const VirtualRouterConfig& config() const { return config_; }
  const StateMachine& machine() const { return machine_; }
  const InstanceStatistics& statistics() const { return statistics_; }
  int interface_index() const { return link_ ? link_->index : 0; }
  // The one that decides for this one's sync group; nothing where it decides by itself.
  std::optional<InstanceId> leader() const { return leader_; }
  const std::optional<IpAddr>& last_advert_source() const { return last_advert_source_; }

  // The advert to send with this priority; encoded again only when the priority or the source changed.
  const std::vector<AdvertPacket>& advert_to_send(Priority priority);
  void count_sent(Priority priority);                         // one packet
  void count_refused() { --statistics_.advertisement_sent; }  // the kernel did not take it after all

  // What is wrong between us and other routers at the moment.
  std::vector<ConflictLog::Entry> conflicts(TimePoint now) const {
    return conflicts_.current(config_.advert_interval, now);
  }

 private:
  friend class RouterTable;
  std::optional<Discard> refuse(const Advert& advert, const Envelope& envelope, TimePoint now,
                                StateMachine::Actions& news);
  bool is_superseded(const Advert& advert, const IpAddr& source, TimePoint now);
  LinkCondition condition() const;
  bool has_peer(const IpAddr& address) const;  // of the configured ones

  InstanceId id_;
  VirtualRouterConfig config_;
  StateMachine machine_;
  InstanceStatistics statistics_;
  ConflictLog conflicts_;
  std::optional<Link> link_;                      // nothing until it was told
  std::vector<std::uint8_t> expected_addresses_;  // the list of a like-minded peer
  std::optional<IpAddr> last_advert_source_;
  IpAddr own_version_from_;  // who spoke our version last, and when
  TimePoint own_version_at_{};

  std::vector<AdvertPacket> packets_;
  Priority packet_priority_{};
  IpAddr packet_source_;

  std::optional<InstanceId> leader_;
  std::vector<VirtualRouter*> followers_;
  DeadlineHeap::Slot slot_ = 0;
};

class RouterTable {
 public:
  struct RouterAction {
    InstanceId id;
    Action action;
    bool operator==(const RouterAction&) const = default;
  };
  using Actions = std::vector<RouterAction>;  // appended to, never cleared here

  // Whether the router with this id exists and `wanted` would make it another virtual router (interface,
  // VRID, family, version): then it has to be shut down and erased first.
  bool is_replaced_by(const ConfigureInstance& wanted);
  // Adds a virtual router, or changes the settings of the one with this id; unchanged, nothing happens.
  // A new one starts with its first set_link; a sync group with that of its last member.
  void configure(const ConfigureInstance& wanted, TimePoint now, Actions& actions);
  // Makes a router leave once a successor answered or nobody did; its state is initialize then.
  void leave(InstanceId id, TimePoint now, Actions& actions);
  // Makes a router leave at once; erase() it once the actions are performed, which still need it.
  void shut_down(InstanceId id, TimePoint now, Actions& actions);
  void erase(InstanceId id);
  void set_standing(InstanceId id, Standing standing, TimePoint now, Actions& actions);
  // Tells the router what its interface is like now.
  void set_link(InstanceId id, const Link& link, TimePoint now, Actions& actions);
  // True: while the router holds it, so that it is put back.
  bool address_lost(InstanceId id, TimePoint now, Actions& actions);
  void address_taken(InstanceId id, const IpAddr& address, const MacAddress& mac, TimePoint now, Actions& actions);
  // Nothing when the advert reached a state machine.
  std::optional<Discard> receive(const Datagram& datagram, TimePoint now, Actions& actions);
  // Everything that is due, and what may go early with it.
  void run_timers(TimePoint now, Actions& actions);

  TimePoint next_deadline() const { return heap_.earliest_due(); }
  VirtualRouter* find(InstanceId id);
  const std::map<InstanceId, std::unique_ptr<VirtualRouter>>& routers() const { return routers_; }
  GlobalStatistics& statistics() { return statistics_; }

 private:
  void settle(VirtualRouter& router, TimePoint now, Actions& actions);
  void take_actions(VirtualRouter& router, TimePoint now, Actions& actions);
  void set_leader(VirtualRouter& router, std::optional<InstanceId> leader, TimePoint now, Actions& actions);
  void apply_link(VirtualRouter& router, TimePoint now, Actions& actions);
  void index(VirtualRouter& router, int interface_index);
  VirtualRouter* find_by_packet(const Datagram& datagram);

  std::map<InstanceId, std::unique_ptr<VirtualRouter>> routers_;
  std::unordered_map<std::uint64_t, VirtualRouter*> by_packet_;  // interface, family, VRID
  DeadlineHeap heap_;
  std::vector<VirtualRouter*> by_slot_;  // null where free
  GlobalStatistics statistics_;
  StateMachine::Actions scratch_;
};

}  // namespace holdfast
