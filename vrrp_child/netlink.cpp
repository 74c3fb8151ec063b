#include "vrrp_child/netlink.hpp"

#include "common/log.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_addr.h>
#include <linux/ip.h>
#include <net/if.h>
#include <netlink/errno.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/inet.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/rtnl.h>
#include <netlink/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <limits>

namespace holdfast {
namespace {

template <auto release>
struct Release {
  template <class T>
  void operator()(T* thing) const {
    release(thing);
  }
};
using NlAddr = std::unique_ptr<nl_addr, Release<nl_addr_put>>;
using RtnlAddr = std::unique_ptr<rtnl_addr, Release<rtnl_addr_put>>;
using NlMsg = std::unique_ptr<nl_msg, Release<nlmsg_free>>;
using RtnlLink = std::unique_ptr<rtnl_link, Release<rtnl_link_put>>;

constexpr int receive_buffer = 4 << 20;
constexpr std::size_t requests_per_send = 256;  // should all be refused, the answers must fit the receive buffer
constexpr std::size_t largest_notification = 64 << 10;
constexpr int notifications_per_turn = 64;

Error failed(const std::string& what, int nl_error) { return Error{what + ": " + nl_geterror(nl_error)}; }
Error failed_to_read(const Error& why) { return Error{"cannot read the interfaces and addresses: " + why.text}; }

std::optional<IpPrefix> prefix_of(rtnl_addr* address) {
  nl_addr* local = rtnl_addr_get_local(address);
  if (!local) return std::nullopt;
  const auto* bytes = static_cast<const std::uint8_t*>(nl_addr_get_binary_addr(local));
  return IpPrefix{IpAddr::from_bytes({bytes, nl_addr_get_len(local)}),
                  static_cast<std::uint8_t>(rtnl_addr_get_prefixlen(address))};
}

// Of a message about an address.
std::uint8_t mark_of(nl_msg* message) {
  nlattr* mark = nlmsg_find_attr(nlmsg_hdr(message), sizeof(ifaddrmsg), IFA_PROTO);
  return mark && nla_len(mark) >= 1 ? nla_get_u8(mark) : 0;
}

int scope_number(AddressScope scope) {
  switch (scope) {
    case AddressScope::global: return 0;
    case AddressScope::site: return 200;
    case AddressScope::link: return 253;
    case AddressScope::host: return 254;
  }
  return 0;
}

// The kernel's number for a setting.
unsigned devconf_of(Ipv4Setting setting) {
  switch (setting) {
    case Ipv4Setting::arp_ignore: return IPV4_DEVCONF_ARP_IGNORE;
    case Ipv4Setting::arp_announce: return IPV4_DEVCONF_ARP_ANNOUNCE;
    case Ipv4Setting::rp_filter: return IPV4_DEVCONF_RP_FILTER;
    case Ipv4Setting::promote_secondaries: return IPV4_DEVCONF_PROMOTE_SECONDARIES;
  }
  return 0;
}

const char* name_of(Ipv4Setting setting) {
  switch (setting) {
    case Ipv4Setting::arp_ignore: return "arp_ignore";
    case Ipv4Setting::arp_announce: return "arp_announce";
    case Ipv4Setting::rp_filter: return "rp_filter";
    case Ipv4Setting::promote_secondaries: return "promote_secondaries";
  }
  return "";
}

// Leaves out the notifications of what we asked for ourselves, which would be one for every renewed lease.
Status ignore_own_changes(nl_sock* events, nl_sock* requests, nl_sock* renewals) {
  const std::uint32_t own_port = htonl(nl_socket_get_local_port(requests));  // BPF loads in network order
  const std::uint32_t renewing_port = htonl(nl_socket_get_local_port(renewals));
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(nlmsghdr, nlmsg_pid)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own_port, 1, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, renewing_port, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  };
  const sock_fprog filter{std::size(program), program};
  if (setsockopt(nl_socket_get_fd(events), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) != 0) {
    return Error{std::string("cannot filter netlink notifications: ") + std::strerror(errno)};
  }
  return {};
}

RtnlAddr make_address(const IpPrefix& prefix, int interface_index) {
  RtnlAddr address(rtnl_addr_alloc());
  const auto bytes = prefix.address.bytes();
  const int family = prefix.address.family() == IpFamily::ipv4 ? AF_INET : AF_INET6;
  const NlAddr local(nl_addr_build(family, bytes.data(), bytes.size()));
  nl_addr_set_prefixlen(local.get(), prefix.length);
  rtnl_addr_set_ifindex(address.get(), interface_index);
  rtnl_addr_set_local(address.get(), local.get());
  return address;
}

}  // namespace

void Netlink::CloseSocket::operator()(nl_sock* socket) const { nl_socket_free(socket); }

Netlink::~Netlink() = default;

Result<std::unique_ptr<Netlink>> Netlink::open() {
  std::unique_ptr<Netlink> netlink(new Netlink);
  for (Socket* socket : {&netlink->events_, &netlink->requests_, &netlink->readings_, &netlink->renewal_requests_}) {
    socket->reset(nl_socket_alloc());
    if (const int error = nl_connect(socket->get(), NETLINK_ROUTE); error < 0) {
      return failed("cannot open a netlink socket", error);
    }
    const int fd = nl_socket_get_fd(socket->get());
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer, sizeof receive_buffer);
    nl_socket_disable_seq_check(socket->get());  // batches are matched to their answers here, not by libnl
  }
  nl_sock* events = netlink->events_.get();
  // One system call for each notification instead of two.
  nl_socket_disable_msg_peek(events);
  nl_socket_set_msg_buf_size(events, largest_notification);
  if (const Status ignoring = ignore_own_changes(events, netlink->requests_.get(), netlink->renewal_requests_.get());
      !ignoring)
    return ignoring.error();
  nl_socket_modify_cb(events, NL_CB_VALID, NL_CB_CUSTOM, &Netlink::on_message, netlink.get());
  if (const int error = nl_socket_add_memberships(events, RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, 0);
      error < 0) {
    return failed("cannot subscribe to the kernel's notifications", error);
  }
  if (const int error = nl_socket_set_nonblocking(events); error < 0) return failed("netlink", error);
  if (const Status asked = netlink->ask_for(RTM_GETLINK); !asked) return asked.error();
  while (netlink->reading_) {
    if (const Status read = netlink->take_part(); !read) return failed_to_read(read.error());
  }
  return netlink;
}

int Netlink::fd() const { return nl_socket_get_fd(events_.get()); }

int Netlink::reading_fd() const { return nl_socket_get_fd(readings_.get()); }

bool Netlink::read_changes(const Lost& lost) {
  for (int i = 0; i < notifications_per_turn; ++i) {
    const int error = nl_recvmsgs_default(events_.get());
    if (error == -NLE_AGAIN) {
      gaps_ = gaps_ || std::exchange(overrun_, false);
      break;
    }
    // The kernel had more to say than fits its queue. It is silent until we have read all of that.
    if (error < 0 && error != -NLE_INTR) overrun_ = true;
  }
  return hand_over(lost);
}

bool Netlink::hand_over(const Lost& lost) {
  for (const auto& [index, prefix] : std::exchange(lost_, {})) lost(index, prefix);
  return std::exchange(changed_, false);
}

// ---- reading everything, in parts ----

void Netlink::read_again() {
  gaps_ = reading_.has_value();  // the kernel does one at a time
  if (reading_) return;
  if (const Status asked = ask_for(RTM_GETLINK); !asked) give_up_reading(asked.error().text);
}

Status Netlink::ask_for(int type) {
  reading_.emplace().type = type;
  const int error = nl_rtgen_request(readings_.get(), type, AF_UNSPEC, NLM_F_DUMP);
  return error < 0 ? Status(failed("cannot ask for interfaces and addresses", error)) : Status();
}

void Netlink::give_up_reading(const std::string& why) {
  log(LogLevel::error, "reading interfaces and addresses: " + why);
  reading_.reset();
  gaps_ = true;
}

bool Netlink::read_part(const Lost& lost) {
  if (const Status taken = take_part(); !taken) give_up_reading(taken.error().text);
  return hand_over(lost);
}

// One packet of it.
Status Netlink::take_part() {
  if (part_.empty()) part_.resize(largest_notification);
  const ssize_t size = ::recv(reading_fd(), part_.data(), part_.size(), MSG_TRUNC);
  if (size < 0 && errno == EINTR) return {};
  if (size < 0) return Error{std::strerror(errno)};
  if (static_cast<std::size_t>(size) > part_.size()) return Error{"the kernel says too much at once"};
  if (!reading_) return {};
  int left = static_cast<int>(size);
  for (auto* header = reinterpret_cast<nlmsghdr*>(part_.data()); NLMSG_OK(header, static_cast<unsigned>(left));
       header = NLMSG_NEXT(header, left)) {
    if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) reading_->interrupted = true;
    if (header->nlmsg_type == NLMSG_DONE) return end_reading();
    if (header->nlmsg_type == NLMSG_ERROR) return Error{"the kernel refuses it"};
    const NlMsg message(nlmsg_convert(header));
    nlmsg_set_proto(message.get(), NETLINK_ROUTE);
    in_reading_ = true;
    on_message(message.get(), this);
    in_reading_ = false;
  }
  return {};
}

// What nobody has spoken of is gone.
Status Netlink::end_reading() {
  const Reading done = std::move(*reading_);
  reading_.reset();
  gaps_ = gaps_ || done.interrupted;
  if (done.type == RTM_GETLINK) {
    std::vector<int> gone;
    for (const auto& [index, interface] : interfaces_) {
      if (!done.interfaces.contains(index)) gone.push_back(index);
    }
    for (const int index : gone) forget_interface(index);
    changed_ = changed_ || !gone.empty();
    return ask_for(RTM_GETADDR);
  }
  const auto before = addresses_.size();
  std::erase_if(addresses_, [&](const auto& entry) {
    const bool gone = !done.addresses.contains(entry.first);
    if (gone) lost_.push_back(entry.first);
    return gone;
  });
  changed_ = changed_ || addresses_.size() != before;
  return {};
}

bool Netlink::note(int interface_index) { return reading_ && !reading_->interfaces.insert(interface_index).second; }

bool Netlink::note(const Place& address) { return reading_ && !reading_->addresses.insert(address).second; }

int Netlink::on_message(nl_msg* message, void* self) {
  auto& netlink = *static_cast<Netlink*>(self);
  const int type = nlmsg_hdr(message)->nlmsg_type;
  struct Context {
    Netlink& netlink;
    int type;
    nl_msg* message;
  } context{netlink, type, message};
  const auto take = [](nl_object* object, void* argument) {
    const auto& [owner, kind, raw] = *static_cast<Context*>(argument);
    if (kind == RTM_NEWLINK || kind == RTM_DELLINK) {
      auto* link = reinterpret_cast<rtnl_link*>(object);
      const auto known = owner.interfaces_.find(rtnl_link_get_ifindex(link));
      // Of a device that we change ourselves, the notification may be older than what we know: ask again.
      const bool may_be_stale = kind == RTM_NEWLINK && known != owner.interfaces_.end() && known->second.is_macvlan;
      if (!may_be_stale || !owner.read_link(known->first)) owner.take_link(link, kind == RTM_DELLINK);
    } else if (kind == RTM_NEWADDR || kind == RTM_DELADDR) {
      owner.take_address(reinterpret_cast<rtnl_addr*>(object), mark_of(raw), kind == RTM_DELADDR);
    }
  };
  nl_msg_parse(message, take, &context);
  return NL_OK;
}

void Netlink::take_link(rtnl_link* link, bool gone) {
  const int index = rtnl_link_get_ifindex(link);
  // A port that leaves a bridge is announced as a "deleted" link of the bridge's family, yet it is still there.
  if (rtnl_link_get_family(link) != AF_UNSPEC || (note(index) && in_reading_)) return;
  if (gone) {
    changed_ = true;
    return forget_interface(index);
  }
  Interface now;
  now.index = index;
  const char* name = rtnl_link_get_name(link);
  now.name = name ? name : "";
  const unsigned flags = rtnl_link_get_flags(link);
  now.up = flags & IFF_UP;
  now.carrier = flags & IFF_RUNNING;
  if (nl_addr* mac = rtnl_link_get_addr(link); mac && nl_addr_get_len(mac) == now.mac.size()) {
    std::memcpy(now.mac.data(), nl_addr_get_binary_addr(mac), now.mac.size());
  }
  now.parent_index = rtnl_link_get_link(link);
  const char* type = rtnl_link_get_type(link);
  now.is_macvlan = type && std::strcmp(type, "macvlan") == 0;
  const char* alias = rtnl_link_get_ifalias(link);
  now.alias = alias ? alias : "";
  Interface& known = interfaces_[index];
  changed_ = changed_ || known != now;
  if (known.name != now.name) {
    forget_name(known);
    by_name_[now.name] = index;
  }
  known = std::move(now);
}

void Netlink::forget_interface(int index) {
  const auto found = interfaces_.find(index);
  if (found == interfaces_.end()) return;
  forget_name(found->second);
  interfaces_.erase(found);
  keeps_secondaries_.erase(index);
}

// Where interfaces swap their names, the name may be another one's already.
void Netlink::forget_name(const Interface& interface) {
  const auto named = by_name_.find(interface.name);
  if (named != by_name_.end() && named->second == interface.index) by_name_.erase(named);
}

void Netlink::take_address(rtnl_addr* address, std::uint8_t mark, bool gone) {
  const auto prefix = prefix_of(address);
  if (!prefix) return;
  const Place key(rtnl_addr_get_ifindex(address), *prefix);
  if (note(key) && in_reading_) return;
  if (gone) {
    if (addresses_.erase(key) == 0) return;
    changed_ = true;
    lost_.push_back(key);
    return;
  }
  const auto [entry, is_new] = addresses_.try_emplace(key);
  HostAddress& known = entry->second;
  const unsigned flags = rtnl_addr_get_flags(address);
  const HostAddress now{.ours = known.ours,
                        .permanent = static_cast<bool>(flags & IFA_F_PERMANENT),
                        // The same bit means a privacy address in IPv6, which is no good to speak from either.
                        .secondary = static_cast<bool>(flags & IFA_F_SECONDARY),
                        .tentative = (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) && !(flags & IFA_F_OPTIMISTIC),
                        .lifetime = rtnl_addr_get_valid_lifetime(address),
                        .mark = mark,
                        .order = is_new ? next_order_++ : known.order};
  changed_ = changed_ || is_new || known != now;
  known = now;
}

const Interface* Netlink::interface(const std::string& name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : interface(found->second);
}

const Interface* Netlink::interface(int index) const {
  const auto found = interfaces_.find(index);
  return found == interfaces_.end() ? nullptr : &found->second;
}

const HostAddress* Netlink::address(int interface_index, const IpPrefix& prefix) const {
  const auto found = addresses_.find({interface_index, prefix});
  return found == addresses_.end() ? nullptr : &found->second;
}

std::optional<IpAddr> Netlink::own_address(int interface_index, const std::function<bool(const IpAddr&)>& suits,
                                           const std::function<bool(const IpAddr&)>& is_virtual) const {
  const std::pair<const std::pair<int, IpPrefix>, HostAddress>* best = nullptr;
  bool best_is_virtual = false;
  for (auto entry = addresses_.lower_bound({interface_index, IpPrefix{}});
       entry != addresses_.end() && entry->first.first == interface_index; ++entry) {
    const auto& [prefix, address] = std::pair(entry->first.second, entry->second);
    if (address.secondary || address.tentative || !suits(prefix.address)) continue;
    const bool claimed = is_virtual(prefix.address);
    if (!address.permanent && (claimed || address.ours)) continue;
    if (!best || std::pair(claimed, address.order) < std::pair(best_is_virtual, best->second.order)) {
      best = &*entry;
      best_is_virtual = claimed;
    }
  }
  if (!best) return std::nullopt;
  return best->first.second.address;
}

Status Netlink::keep_secondaries(int interface_index) {
  if (keeps_secondaries_.contains(interface_index)) return {};
  const Status set = set_ipv4_settings(interface_index, {{Ipv4Setting::promote_secondaries, 1}});
  if (set) keeps_secondaries_.insert(interface_index);
  return set;
}

// ---- devices: one request each, answered within the call ----

Status Netlink::read_link(int index) {
  rtnl_link* link = nullptr;
  if (const int error = rtnl_link_get_kernel(requests_.get(), index, nullptr, &link); error < 0) {
    return failed("cannot read the interface", error);
  }
  const RtnlLink owned(link);
  take_link(link, false);
  return {};
}

// `change` fills in what is to be different.
Status Netlink::change_link(int index, const std::function<int(rtnl_link*)>& change, const std::string& what) {
  rtnl_link* link = nullptr;
  if (const int error = rtnl_link_get_kernel(requests_.get(), index, nullptr, &link); error < 0) {
    return failed("cannot read the interface", error);
  }
  const RtnlLink before(link);
  const RtnlLink after(rtnl_link_alloc());
  rtnl_link_set_ifindex(after.get(), index);
  int error = change(after.get());
  if (error >= 0) error = rtnl_link_change(requests_.get(), before.get(), after.get(), 0);
  if (error < 0) return failed("cannot set " + what, error);
  return read_link(index);
}

Result<int> Netlink::make_macvlan(const std::string& name, int parent_index, const MacAddress& mac) {
  const RtnlLink device(rtnl_link_macvlan_alloc());
  const NlAddr address(nl_addr_build(AF_LLC, mac.data(), mac.size()));
  rtnl_link_set_name(device.get(), name.c_str());
  rtnl_link_set_link(device.get(), parent_index);
  rtnl_link_set_addr(device.get(), address.get());
  int error =
      rtnl_link_macvlan_set_mode(device.get(), static_cast<std::uint32_t>(rtnl_link_macvlan_str2mode("bridge")));
  if (error >= 0) error = rtnl_link_add(requests_.get(), device.get(), NLM_F_CREATE | NLM_F_EXCL);
  if (error < 0) return failed("the kernel refuses it", error);
  rtnl_link* made = nullptr;
  error = rtnl_link_get_kernel(requests_.get(), 0, name.c_str(), &made);
  if (error < 0) return failed("it is gone again", error);
  const RtnlLink owned(made);
  const int index = rtnl_link_get_ifindex(made);
  // No address may be derived from a MAC that all routers of the group share (RFC 9568, 7.4). Without IPv6 on
  // the host there is none anyway.
  constexpr std::uint8_t none = 1;  // IN6_ADDR_GEN_MODE_NONE
  const Status quiet = change_link(
      index, [](rtnl_link* link) { return rtnl_link_inet6_set_addr_gen_mode(link, none); }, "addrgenmode");
  if (!quiet) log(LogLevel::debug, name + ": " + quiet.error().text);
  if (const Status read = read_link(index); !read) return read.error();
  return index;
}

// The kernel waits tens of milliseconds after each removal, but only once for a group of devices.
Status Netlink::remove_devices(const std::vector<int>& indexes) {
  constexpr std::uint32_t condemned = 0x686f6c64;  // a group that nobody else uses
  for (const int index : indexes) {
    const Status marked = change_link(
        index,
        [](rtnl_link* link) {
          rtnl_link_set_group(link, condemned);
          return 0;
        },
        "the group of a device");
    if (!marked && interfaces_.contains(index)) return marked;
  }
  const NlMsg message(nlmsg_alloc_simple(RTM_DELLINK, NLM_F_ACK));
  const ifinfomsg whole_group{};
  int error = nlmsg_append(message.get(), const_cast<ifinfomsg*>(&whole_group), sizeof whole_group, NLMSG_ALIGNTO);
  if (error >= 0) error = nla_put_u32(message.get(), IFLA_GROUP, condemned);
  if (error >= 0) error = nl_send_auto_complete(requests_.get(), message.get());
  if (error >= 0) error = nl_wait_for_ack(requests_.get());
  if (error < 0 && error != -NLE_NODEV && error != -NLE_OBJ_NOTFOUND) return failed("cannot remove devices", error);
  for (const int index : indexes) {
    note(index);
    forget_interface(index);
    std::erase_if(addresses_, [&](const auto& entry) {
      if (entry.first.first != index) return false;
      note(entry.first);
      return true;
    });
  }
  return {};
}

Status Netlink::set_alias(int index, const std::string& alias) {
  return change_link(
      index,
      [&](rtnl_link* link) {
        rtnl_link_set_ifalias(link, alias.c_str());
        return 0;
      },
      "the alias");
}

Result<std::uint32_t> Netlink::ipv4_setting(int index, Ipv4Setting setting) {
  rtnl_link* link = nullptr;
  if (const int error = rtnl_link_get_kernel(requests_.get(), index, nullptr, &link); error < 0) {
    return failed("cannot read the interface", error);
  }
  const RtnlLink owned(link);
  std::uint32_t value = 0;
  const int error = rtnl_link_inet_get_conf(link, devconf_of(setting), &value);
  if (error < 0) return failed(std::string("cannot read ") + name_of(setting), error);
  return value;
}

Status Netlink::set_ipv4_settings(int index, const std::vector<std::pair<Ipv4Setting, std::uint32_t>>& settings) {
  std::string names;
  for (const auto& [setting, value] : settings) names += (names.empty() ? "" : ", ") + std::string(name_of(setting));
  return change_link(
      index,
      [&](rtnl_link* link) {
        int error = 0;
        for (const auto& [setting, value] : settings) {
          if (error >= 0) error = rtnl_link_inet_set_conf(link, devconf_of(setting), value);
        }
        return error;
      },
      names);
}

Status Netlink::set_up(int index, bool up) {
  const auto known = interfaces_.find(index);
  if (known != interfaces_.end() && known->second.up == up) return {};
  return change_link(
      index,
      [up](rtnl_link* link) {
        (up ? rtnl_link_set_flags : rtnl_link_unset_flags)(link, IFF_UP);
        return 0;
      },
      up ? "it up" : "it down");
}

// ---- addresses: gathered, sent in batches ----

void Netlink::add(const VirtualAddress& address, int interface_index, Duration lease, std::uint8_t mark, bool renew) {
  const RtnlAddr request = make_address(address.prefix, interface_index);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(lease).count();
  rtnl_addr_set_valid_lifetime(request.get(), static_cast<std::uint32_t>(seconds));
  if (address.prefix.address.family() == IpFamily::ipv6) {
    // No duplicate address detection, which would keep it silent for a second; never chosen as a source.
    rtnl_addr_set_flags(request.get(), IFA_F_NODAD);
    rtnl_addr_set_preferred_lifetime(request.get(), 0);
  } else {
    rtnl_addr_set_preferred_lifetime(request.get(), static_cast<std::uint32_t>(seconds));
    rtnl_addr_set_scope(request.get(), scope_number(address.scope));
  }
  if (!address.label.empty()) rtnl_addr_set_label(request.get(), address.label.c_str());
  nl_msg* message = nullptr;
  if (rtnl_addr_build_add_request(request.get(), renew ? NLM_F_REPLACE : NLM_F_EXCL, &message) >= 0) {
    if (mark != 0) nla_put_u8(message, IFA_PROTO, mark);  // an older kernel doesn't look at it
    enqueue(NlMsg(message).get(), {true, address.prefix, interface_index, ""}, renew);
  }
}

void Netlink::remove(const IpPrefix& prefix, int interface_index) {
  const RtnlAddr request = make_address(prefix, interface_index);
  nl_msg* message = nullptr;
  if (rtnl_addr_build_delete_request(request.get(), 0, &message) >= 0) {
    enqueue(NlMsg(message).get(), {false, prefix, interface_index, ""}, false);
  }
}

void Netlink::enqueue(nl_msg* message, Refusal what, bool renews) {
  nl_complete_msg(requests_.get(), message);
  nlmsghdr* header = nlmsg_hdr(message);
  header->nlmsg_flags &= static_cast<std::uint16_t>(~NLM_F_ACK);  // only the last of a batch asks for one
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(header);
  queue_.push_back({std::move(what), renews, {bytes, bytes + header->nlmsg_len}});
}

void Netlink::flush(const std::function<void(const Refusal&)>& failed) {
  collect_renewed(failed);
  if (queue_.empty() && to_renew_.empty()) return;
  const bool may_wait = std::ranges::all_of(queue_, [](const Request& request) { return request.renews; });
  if (may_wait) {
    std::ranges::move(std::exchange(queue_, {}), std::back_inserter(to_renew_));
    if (!renewals_.idle()) return;
    renewing_ = std::exchange(to_renew_, {});
    if (renewals_.begin([this] { send_all(renewal_requests_.get(), renewing_); })) return;
    queue_ = std::exchange(renewing_, {});
  }
  // What is renewed must not come after what removes it.
  renewals_.finish();
  collect_renewed(failed);
  queue_.insert(queue_.begin(), std::make_move_iterator(to_renew_.begin()), std::make_move_iterator(to_renew_.end()));
  to_renew_.clear();
  std::vector<Request> done = std::exchange(queue_, {});
  send_all(requests_.get(), done);
  take_answers(done, failed);
}

void Netlink::collect_renewed(const std::function<void(const Refusal&)>& failed) {
  if (renewals_.idle()) take_answers(std::exchange(renewing_, {}), failed);
}

void Netlink::send_all(nl_sock* socket, std::vector<Request>& requests) {
  const std::span all(requests);
  for (std::size_t first = 0; first < all.size(); first += requests_per_send) {
    send_batch(socket, all.subspan(first, std::min(requests_per_send, all.size() - first)));
  }
}

void Netlink::take_answers(const std::vector<Request>& done, const std::function<void(const Refusal&)>& failed) {
  bool must_read = false;
  for (const Request& request : done) {
    const Refusal& what = request.what;
    if (!what.why.empty()) {
      failed(what);
      continue;
    }
    if (request.unknown) {
      must_read = true;
      continue;
    }
    note({what.interface_index, what.prefix});
    if (what.adding) {
      const auto [entry, is_new] = addresses_.try_emplace({what.interface_index, what.prefix});
      if (is_new) entry->second.order = next_order_++;
      entry->second.ours = true;
    } else {
      addresses_.erase({what.interface_index, what.prefix});
      // The kernel may have made a secondary address of the prefix its new primary.
      must_read = must_read || what.prefix.length < what.prefix.address.bits();
    }
  }
  if (must_read) read_again();
}

// One send; then the answers wait already: one for each refusal, and the acknowledgement of the last.
void Netlink::send_batch(nl_sock* socket, std::span<Request> batch) {
  std::vector<std::uint8_t> bytes;
  std::map<std::uint32_t, Request*> sent;
  std::uint32_t last = 0;
  for (Request& request : batch) {
    nlmsghdr header{};
    std::memcpy(&header, request.bytes.data(), sizeof header);
    last = header.nlmsg_seq;
    sent[last] = &request;
    if (&request == &batch.back()) header.nlmsg_flags |= NLM_F_ACK;
    std::memcpy(request.bytes.data(), &header, sizeof header);
    bytes.insert(bytes.end(), request.bytes.begin(), request.bytes.end());
    bytes.resize(NLMSG_ALIGN(bytes.size()));
  }
  const auto refuse_all = [&](const std::string& why) {
    for (const auto& [sequence, request] : sent) request->what.why = why;
  };
  if (nl_sendto(socket, bytes.data(), bytes.size()) < 0) return refuse_all(std::strerror(errno));

  alignas(nlmsghdr) std::array<std::uint8_t, 32768> answers{};
  for (bool finished = false; !finished;) {
    const ssize_t size = ::recv(nl_socket_get_fd(socket), answers.data(), answers.size(), MSG_DONTWAIT);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return refuse_all(size < 0 ? std::strerror(errno) : "no answer");
    int left = static_cast<int>(size);
    for (auto* header = reinterpret_cast<nlmsghdr*>(answers.data()); NLMSG_OK(header, static_cast<unsigned>(left));
         header = NLMSG_NEXT(header, left)) {
      if (header->nlmsg_type != NLMSG_ERROR || header->nlmsg_len < NLMSG_LENGTH(sizeof(nlmsgerr))) continue;
      nlmsgerr error{};
      std::memcpy(&error, NLMSG_DATA(header), sizeof error);
      const auto request = sent.find(header->nlmsg_seq);
      if (request == sent.end()) continue;
      Refusal& what = request->second->what;
      const bool already_gone = !what.adding && (error.error == -EADDRNOTAVAIL || error.error == -ENODEV);
      request->second->unknown = what.adding && error.error == -EEXIST;
      if (error.error != 0 && !already_gone && !request->second->unknown) what.why = std::strerror(-error.error);
      finished = finished || header->nlmsg_seq == last;
    }
  }
}

}  // namespace holdfast
