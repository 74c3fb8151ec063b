// The kernel's view of interfaces and addresses, kept up to date by its notifications, and the
// requests that add and remove ours. Everything here is synchronous: the kernel answers within the call.
#pragma once

#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "common/router_config.hpp"
#include "vrrp_child/core/announce.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
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

  // Takes in what others changed since the last call; false: nothing that matters. `lost` is called for each
  // address that is gone.
  bool read_changes(const std::function<void(int interface_index, const IpPrefix&)>& lost);

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
  // Performs them in order; `failed` is called for each that the kernel refused.
  struct Refusal {
    bool adding = false;
    IpPrefix prefix;
    int interface_index = 0;
    std::string why;
  };
  void flush(const std::function<void(const Refusal&)>& failed);

 private:
  Netlink() = default;
  Status read_everything();
  Status read_addresses();
  Status read_link(int index);
  Status change_link(int index, const std::function<int(rtnl_link*)>& change, const std::string& what);
  static int on_message(nl_msg* message, void* self);
  void take_link(rtnl_link* link, bool gone);
  void take_address(rtnl_addr* address, std::uint8_t mark, bool gone);
  void forget_interface(int index);
  void forget_name(const Interface& interface);

  struct CloseSocket {
    void operator()(nl_sock* socket) const;
  };
  using Socket = std::unique_ptr<nl_sock, CloseSocket>;

  struct Request {
    Refusal what;  // `why` empty until refused
    std::vector<std::uint8_t> bytes;
  };
  void enqueue(nl_msg* message, Refusal what);
  void send_batch(std::size_t first, std::size_t count);

  Socket events_;
  Socket requests_;
  std::map<int, Interface> interfaces_;
  std::map<std::string, int, std::less<>> by_name_;
  std::map<Place, HostAddress> addresses_;
  std::uint64_t next_order_ = 0;
  std::set<int> keeps_secondaries_;
  std::vector<Request> queue_;
  // Until read_changes() hands them on: what is read in between, after a request of ours, is news as well.
  std::vector<Place> lost_;
  bool changed_ = false;
};

}  // namespace holdfast
