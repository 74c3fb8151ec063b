// The VRRP child's shell: brings packets, time, the kernel's news and the parent's messages to the router
// table, and performs the actions that come back, in batches. It decides nothing about VRRP.
#pragma once

#include "common/channel.hpp"
#include "common/event_loop.hpp"
#include "common/messages.hpp"
#include "vrrp_child/address_holder.hpp"
#include "vrrp_child/advert_socket.hpp"
#include "vrrp_child/claim_socket.hpp"
#include "vrrp_child/core/router_table.hpp"
#include "vrrp_child/frame_socket.hpp"
#include "vrrp_child/links.hpp"
#include "vrrp_child/netlink.hpp"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

class VrrpProcess {
 public:
  // What needs privileges to open, opened.
  struct Sockets {
    AdvertSocket adverts;
    Result<AdvertSocket> adverts_v6;  // or why there is none
    FrameSocket frames;
    ClaimSocket claims;
    std::unique_ptr<Netlink> netlink;
  };

  VrrpProcess(EventLoop& loop, Fd channel, Sockets sockets);
  ~VrrpProcess();

 private:
  using ParentChannel = Channel<VrrpToParent, ParentToVrrp>;

  // messages from the parent
  void on(const BeginConfig& message);
  void on(const ConfigureInstance& message);
  void on(const WatchInterface& message);
  void on(const CommitConfig& message);
  void on(const SetPriority& message);
  void on(const RequestReports& message);
  void on(const Ping& message);
  void on(const Shutdown& message);

  // news
  void adverts_arrived(AdvertSocket& socket);
  void read_adverts(AdvertSocket& socket);
  void host_changed(bool (Netlink::*read)(const Netlink::Lost&));
  void catch_up();
  void look_again();
  void claims_arrived();
  void timer_fired();

  // doing
  void perform();
  void raise_devices();
  void lower_next_device();
  void send_adverts();
  void queue_advert(VirtualRouter& router, Priority priority);
  void advert_refused(InstanceId id, int interface_index, int error);
  void update_links();
  void report_watched();
  const VirtualRouter& decider_of(const VirtualRouter& router) const;
  std::string explain(const VirtualRouter& router, const Reason& reason) const;
  InstanceReport report(const VirtualRouter& router) const;
  void leave_at_once(const char* why);
  bool all_left() const;

  EventLoop& loop_;
  Sockets sockets_;
  RouterTable table_;
  RouterTable::Actions actions_;  // what the table wants done, until perform()
  std::vector<InstanceId> to_announce_;
  std::set<InstanceId> to_lower_;  // whose device is to go down
  std::vector<InstanceId> to_probe_;
  TimePoint last_probe_{};
  TimePoint last_catch_up_{};
  TimePoint told_of_gaps_{};
  TimePoint armed_for_ = DeadlineHeap::never;

  std::optional<std::uint32_t> generation_;  // of the configuration being received
  std::map<InstanceId, ConfigureInstance> staged_;
  std::set<std::string> staged_watches_;
  std::map<std::string, std::optional<std::string>> watched_;  // interface: what we told of it; empty: all is well
  std::map<int, std::pair<int, TimePoint>> muted_;             // interface: why adverts can't leave it; told again then
  bool leaving_ = false;
  bool performing_ = false;
  const char* leave_afterwards_ = nullptr;  // why, where that was asked for in the middle of performing
  VirtualDevices devices_;
  Links links_;
  AddressHolder addresses_;

  ParentChannel parent_;
  Timer timer_;
  Timer try_again_;
  Timer lowering_;
  Timer catch_up_;
  IoWatch adverts_watch_;
  IoWatch adverts_v6_watch_;
  IoWatch netlink_watch_;
  IoWatch reading_watch_;
  IoWatch arp_watch_;
  IoWatch neighbour_watch_;
  SignalWatch terminated_;
};

}  // namespace holdfast
