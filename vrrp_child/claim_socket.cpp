#include "vrrp_child/claim_socket.hpp"

#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

namespace holdfast {
namespace {

constexpr int batch = 64;
constexpr std::size_t largest = 256;  // of what tells us something

// Of all ARP packets, which every host of the network hears, only the replies.
bool take_only_replies(int fd) {
  constexpr std::uint32_t operation_at = 20, reply = 2;
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, operation_at),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, reply, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, largest),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog filter{std::size(program), program};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

Fd open_neighbours() {
  Fd fd(::socket(AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMPV6));
  if (!fd) return fd;
  icmp6_filter only_advertisements;
  ICMP6_FILTER_SETBLOCKALL(&only_advertisements);
  ICMP6_FILTER_SETPASS(ND_NEIGHBOR_ADVERT, &only_advertisements);
  constexpr int on = 1;
  const bool ready =
      setsockopt(fd.get(), IPPROTO_ICMPV6, ICMP6_FILTER, &only_advertisements, sizeof only_advertisements) == 0 &&
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0 &&
      setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof on) == 0;
  return ready ? std::move(fd) : Fd();
}

}  // namespace

Result<ClaimSocket> ClaimSocket::open() {
  ClaimSocket result;
  // Protocol 0 receives nothing until the filter is in place.
  result.arp_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_ll everywhere{};
  everywhere.sll_family = AF_PACKET;
  everywhere.sll_protocol = htons(ETH_P_ARP);
  const bool ready = result.arp_ && take_only_replies(result.arp_fd()) &&
                     bind(result.arp_fd(), reinterpret_cast<sockaddr*>(&everywhere), sizeof everywhere) == 0;
  if (!ready) return Error{std::string("cannot open a packet socket for ARP replies: ") + std::strerror(errno)};
  result.neighbours_ = open_neighbours();
  return result;
}

void ClaimSocket::receive(const std::function<void(const Claim&)>& handle) {
  receive_arp(handle);
  if (neighbours_) receive_neighbours(handle);
}

void ClaimSocket::receive_arp(const std::function<void(const Claim&)>& handle) {
  for (int i = 0; i < batch; ++i) {
    std::array<std::uint8_t, largest> bytes;
    sockaddr_ll from{};
    socklen_t from_size = sizeof from;
    const ssize_t size =
        recvfrom(arp_fd(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&from), &from_size);
    if (size < 0) return;
    if (const auto claim = claim_in_arp_reply({bytes.data(), static_cast<std::size_t>(size)}, from.sll_ifindex)) {
      handle(*claim);
    }
  }
}

void ClaimSocket::receive_neighbours(const std::function<void(const Claim&)>& handle) {
  for (int i = 0; i < batch; ++i) {
    std::array<std::uint8_t, largest> bytes;
    alignas(cmsghdr) std::array<std::uint8_t, 128> control;
    iovec data{bytes.data(), bytes.size()};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t size = recvmsg(neighbour_fd(), &header, 0);
    if (size < 0) return;
    int interface_index = 0, hop_limit = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level != IPPROTO_IPV6) continue;
      if (c->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(c), sizeof info);
        interface_index = static_cast<int>(info.ipi6_ifindex);
      } else if (c->cmsg_type == IPV6_HOPLIMIT) {
        std::memcpy(&hop_limit, CMSG_DATA(c), sizeof hop_limit);
      }
    }
    if (hop_limit != 255) continue;  // RFC 4861, 7.1.2: from this link
    const std::span<const std::uint8_t> message(bytes.data(), static_cast<std::size_t>(size));
    if (const auto claim = claim_in_neighbour_advertisement(message, interface_index)) handle(*claim);
  }
}

}  // namespace holdfast
