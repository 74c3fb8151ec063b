// The raw socket for VRRP over one IP family: adverts leave and arrive in batches, on every interface of the host.
#pragma once

#include "common/fd.hpp"
#include "common/ip_addr.hpp"
#include "common/result.hpp"
#include "vrrp_child/core/router_table.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace holdfast {

class AdvertSocket {
 public:
  // Needs CAP_NET_RAW and CAP_NET_ADMIN.
  static Result<AdvertSocket> open(IpFamily family);

  int fd() const { return socket_.get(); }

  // Receives the group on exactly these interfaces from now on. Gives why not, for those where it failed.
  std::map<int, std::string> listen_on(const std::set<int>& interface_indexes);

  // VRIDs in use: the kernel cuts packets of all others down to what counting them needs.
  Status expect(const std::set<std::uint8_t>& vrids);

  // Gathers a copy of an advert of an instance. `interface_index`: where it leaves the host.
  void queue(InstanceId id, std::span<const std::uint8_t> packet, int interface_index, const Envelope& envelope);
  // Sends what was gathered; `refused` is called with the errno for each that the kernel did not take. Gives how
  // many there were.
  std::size_t flush(const std::function<void(InstanceId, int interface_index, int error)>& refused);

  // Up to a batch of what has arrived; `handle` sees each. Gives how many there were; fewer than
  // batch_size: nothing is left.
  static constexpr std::size_t batch_size = 64;
  std::size_t receive(const std::function<void(const Datagram&)>& handle);

  // Packets that the kernel dropped because we read too slowly, since the last call.
  std::uint64_t take_drops();

 private:
  // Addresses of either family; the kernel looks at as much as the family has.
  union SocketAddress {
    sockaddr_in v4;
    sockaddr_in6 v6;
  };

  explicit AdvertSocket(IpFamily family) : family_(family) {}
  bool set_up();
  void take_control(msghdr& header, Datagram& datagram);
  bool take_ipv4_header(std::span<const std::uint8_t> bytes, Datagram& datagram) const;

  static constexpr std::size_t packet_size = 4096;  // 255 IPv6 addresses, or 255 IPv4 ones and every IP option
  static constexpr std::size_t control_size = 128;

  struct Outgoing {
    InstanceId id;
    int interface_index = 0;
    SocketAddress to{};
    std::size_t offset = 0;  // of its bytes in outgoing_bytes_
    iovec data{};
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> control{};
    std::size_t control_size = 0;
  };
  struct Incoming {
    std::array<std::uint8_t, packet_size> data;
    alignas(cmsghdr) std::array<std::uint8_t, control_size> control;
    SocketAddress from;
    iovec vector;
  };

  IpFamily family_;
  Fd socket_;
  std::vector<Fd> memberships_;  // one socket holds at most 20 IPv4 groups (igmp_max_memberships)
  std::vector<Outgoing> outgoing_;
  std::vector<std::uint8_t> outgoing_bytes_;
  std::vector<mmsghdr> headers_;
  std::vector<Incoming> incoming_;
  std::uint32_t drops_seen_ = 0;
  std::uint64_t drops_ = 0;
};

}  // namespace holdfast
