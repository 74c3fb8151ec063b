// The kernel's view of interfaces and addresses, kept up to date by its notifications, and the
// requests that add and remove ours, which the kernel answers within the call.
//
// Whoever changes interfaces or addresses faster than we can read makes the kernel drop notifications. What we know may
// be wrong then, so all of it is read again: in parts, since 10,000 addresses take longer than an advert may wait.
#pragma once

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "common/router_config.hpp"
#include "vrrp_child/background_work.hpp"
#include "vrrp_child/core/announce.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

struct nl_msg;
struct nl_object;
struct nl_sock;
struct rtnl_addr;
struct rtnl_link;

namespace holdfast {

struct Interface {
  int index = 0;
  std::string name;
  bool up = false;       // administratively
  bool carrier = false;  // and somebody at the other end
  MacAddress mac{};
  int parent_index = 0;  // of the interface that this one stands on, 0 for none
  bool is_macvlan = false;
  std::string alias;
  bool operator==(const Interface&) const = default;
};

// An address on the host, whoever put it there.
struct HostAddress {
  bool ours = false;           // added by this process
  bool permanent = false;      // no lifetime
  bool secondary = false;      // goes away with its primary
  bool tentative = false;      // IPv6: not usable yet, or never, until duplicate address detection says so
  std::uint32_t lifetime = 0;  // seconds it had left when the kernel told
  std::uint8_t mark = 0;       // see address_mark.hpp
  std::uint64_t order = 0;     // as the kernel lists them
  bool operator==(const HostAddress&) const = default;
};

// The settings of an interface that /proc/sys/net/ipv4/conf shows.
enum class Ipv4Setting { arp_ignore, arp_announce, rp_filter, promote_secondaries };

class Netlink {
 public:
  static Result<std::unique_ptr<Netlink>> open();
  ~Netlink();

  // Readable when something changed.
  int fd() const;
  // Readable while everything is read again.
  int reading_fd() const;

  using Lost = std::function<void(int interface_index, const IpPrefix&)>;
  // Takes in some of what others changed; fd() stays readable where there is more. False: nothing that matters. `lost`
  // is called for each address that is gone.
  bool read_changes(const Lost& lost);
  // The same for the next part of everything.
  bool read_part(const Lost& lost);

  // Whether notifications were lost since the last read_again().
  bool has_gaps() const { return gaps_; }
  // Begins to read everything again. While that is under way, the gaps stay instead.
  void read_again();

  const Interface* interface(const std::string& name) const;
  const Interface* interface(int index) const;
  const std::map<int, Interface>& interfaces() const { return interfaces_; }
  const HostAddress* address(int interface_index, const IpPrefix& prefix) const;
  using Place = std::pair<int, IpPrefix>;  // interface index and address
  const std::map<Place, HostAddress>& addresses() const { return addresses_; }
  // What adverts can come from: the interface's first usable primary address that suits, that we did not add, and that
  // `is_virtual` does not claim. One that it claims serves only where the host has it for ever, as an address owner
  // does.
  std::optional<IpAddr> own_address(int interface_index, const std::function<bool(const IpAddr&)>& suits,
                                    const std::function<bool(const IpAddr&)>& is_virtual) const;

  // Makes the kernel keep the other addresses of a prefix when its first one is removed or expires, which
  // it does not do by default (promote_secondaries). Once per interface.
  Status keep_secondaries(int interface_index);

  // At once: a macvlan device, down, without an address of its own; gives its index.
  Result<int> make_macvlan(const std::string& name, int parent_index, const MacAddress& mac);
  Status remove_devices(const std::vector<int>& indexes);  // all or none
  Status set_alias(int index, const std::string& alias);
  Result<std::uint32_t> ipv4_setting(int index, Ipv4Setting setting);
  Status set_ipv4_settings(int index, const std::vector<std::pair<Ipv4Setting, std::uint32_t>>& settings);
  Status set_up(int index, bool up);

  // Gathers requests. `renew`: it is there and ours; otherwise one that is there already is refused. `mark`: see
  // address_mark.hpp.
  void add(const VirtualAddress& address, int interface_index, Duration lease, std::uint8_t mark, bool renew);
  void remove(const IpPrefix& prefix, int interface_index);
  // Performs them in order; `failed` is called for each that the kernel refused. Where they only renew, it does not
  // wait for the kernel: `failed` hears of them in a later call. One that is there already, which we did not know, is
  // no refusal: everything is read again, and who holds it sees whose it is.
  struct Refusal {
    bool adding = false;
    IpPrefix prefix;
    int interface_index = 0;
    std::string why{};
    int error = 0;  // errno, where the kernel gave one
  };
  void flush(const std::function<void(const Refusal&)>& failed);

 private:
  Netlink() = default;
  bool hand_over(const Lost& lost);
  Status ask_for(int type);
  Status take_part();
  Status end_reading();
  void give_up_reading(const std::string& why);
  Status read_link(int index);
  Status change_link(int index, const std::function<int(rtnl_link*)>& change, const std::string& what);
  static int on_message(nl_msg* message, void* self);
  void take_link(rtnl_link* link, bool gone);
  void take_address(rtnl_addr* address, std::uint8_t mark, bool gone);
  void forget_interface(int index);
  void forget_name(const Interface& interface);

  // Everything is read: first the interfaces, then the addresses, each a reading of its own. What notifications, or
  // requests of ours, say of one meanwhile is newer than what may still come of it here.
  struct Reading {
    int type = 0;              // RTM_GETLINK or RTM_GETADDR
    std::set<int> interfaces;  // of which something was said
    std::set<Place> addresses;
    bool interrupted = false;  // the kernel's own list changed while it was told
  };
  // Something was said of it; true where that is not the first time in this reading.
  bool note(int interface_index);
  bool note(const Place& address);

  struct CloseSocket {
    void operator()(nl_sock* socket) const;
  };
  using Socket = std::unique_ptr<nl_sock, CloseSocket>;

  struct Request {
    Refusal what;  // `why` empty until refused
    bool renews = false;
    std::vector<std::uint8_t> bytes;
  };
  void enqueue(nl_msg* message, Refusal what, bool renews);
  static void send_all(nl_sock* socket, std::vector<Request>& requests);
  static void send_batch(nl_sock* socket, std::span<Request> batch);
  void take_answers(const std::vector<Request>& done, const std::function<void(const Refusal&)>& failed);
  void wait_for_renewal(std::vector<Request>&& requests);
  void collect_renewed(const std::function<void(const Refusal&)>& failed);

  Socket events_;
  Socket requests_;
  Socket readings_;
  std::optional<Reading> reading_;
  std::vector<std::uint8_t> part_;
  bool in_reading_ = false;  // what is taken comes from it
  bool gaps_ = false;
  bool overrun_ = false;  // gaps, but there are still notifications to read from before them
  std::map<int, Interface> interfaces_;
  std::map<std::string, int, std::less<>> by_name_;
  std::map<Place, HostAddress> addresses_;
  std::uint64_t next_order_ = 0;
  std::set<int> keeps_secondaries_;
  std::vector<Request> queue_;
  Socket renewal_requests_;
  std::vector<Request> renewing_;  // the thread's while it works
  std::vector<Request> to_renew_;  // meanwhile
  // Until read_changes() hands them on: what is read in between, after a request of ours, is news as well.
  std::vector<Place> lost_;
  bool changed_ = false;
  BackgroundWork renewals_;  // ends before what it uses
};

}  // namespace holdfast
