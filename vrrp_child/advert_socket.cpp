#include "vrrp_child/advert_socket.hpp"

#include "common/ip_text.hpp"
#include "vrrp_child/core/internet_checksum.hpp"

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/ip.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr std::size_t groups_per_socket = 20;
constexpr int receive_buffer = 4 << 20;

Error failed(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

template <class T>
bool set_option(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

in_addr to_in_addr(const IpAddr& address) {
  in_addr result{};
  std::memcpy(&result, address.bytes().data(), sizeof result);
  return result;
}

in6_addr to_in6_addr(const IpAddr& address) {
  in6_addr result{};
  std::memcpy(&result, address.bytes().data(), sizeof result);
  return result;
}

// `bytes`: an in_addr or in6_addr.
template <class T>
IpAddr address_from(const T& bytes) {
  return IpAddr::from_bytes({reinterpret_cast<const std::uint8_t*>(&bytes), sizeof bytes});
}

int domain_of(IpFamily family) { return family == IpFamily::ipv4 ? AF_INET : AF_INET6; }
int level_of(IpFamily family) { return family == IpFamily::ipv4 ? IPPROTO_IP : IPPROTO_IPV6; }

}  // namespace

Result<AdvertSocket> AdvertSocket::open(IpFamily family) {
  AdvertSocket result(family);
  result.socket_ = Fd(::socket(domain_of(family), SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, vrrp_protocol));
  const std::string what = family == IpFamily::ipv4 ? "VRRP over IPv4" : "VRRP over IPv6";
  if (result.fd() < 0) return failed("cannot open a raw socket for " + what + " (protocol 112)");
  if (!result.set_up()) return failed("cannot set up the raw socket for " + what);
  return result;
}

// RFC 9568, 5.1: TTL and hop limit 255, never looped back to ourselves, internetwork control precedence.
bool AdvertSocket::set_up() {
  constexpr int on = 1, off = 0;
  const bool common = set_option(fd(), SOL_SOCKET, SO_RXQ_OVFL, on) && set_option(fd(), SOL_SOCKET, SO_PRIORITY, 6) &&
                      set_option(fd(), SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer) &&
                      set_option(fd(), SOL_SOCKET, SO_SNDBUFFORCE, receive_buffer);
  if (!common) return false;
  if (family_ == IpFamily::ipv4) {
    return set_option(fd(), IPPROTO_IP, IP_MULTICAST_TTL, 255) && set_option(fd(), IPPROTO_IP, IP_TTL, 255) &&
           set_option(fd(), IPPROTO_IP, IP_MULTICAST_LOOP, off) &&
           set_option(fd(), IPPROTO_IP, IP_TOS, int{IPTOS_PREC_INTERNETCONTROL}) &&
           set_option(fd(), IPPROTO_IP, IP_PKTINFO, on);
  }
  // The checksum stays ours to verify: the kernel would drop the wrong ones uncounted. The source is ours to
  // choose even where another interface has it, as a virtual MAC's does.
  return set_option(fd(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 255) &&
         set_option(fd(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, 255) &&
         set_option(fd(), IPPROTO_IPV6, IPV6_MULTICAST_LOOP, off) &&
         set_option(fd(), IPPROTO_IPV6, IPV6_TCLASS, int{IPTOS_PREC_INTERNETCONTROL}) &&
         set_option(fd(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT, on) &&
         set_option(fd(), IPPROTO_IPV6, IPV6_RECVPKTINFO, on) && set_option(fd(), IPPROTO_IPV6, IPV6_FREEBIND, on);
}

std::map<int, std::string> AdvertSocket::listen_on(const std::set<int>& interface_indexes) {
  // Any socket's membership serves the raw socket too (IP_MULTICAST_ALL); new ones are joined before old ones go.
  std::vector<Fd> memberships;
  std::size_t on_this_socket = groups_per_socket;
  std::map<int, std::string> failures;
  const IpAddr group = vrrp_group(family_);
  for (const int index : interface_indexes) {
    if (on_this_socket == groups_per_socket) {
      memberships.emplace_back(::socket(domain_of(family_), SOCK_DGRAM | SOCK_CLOEXEC, 0));
      on_this_socket = 0;
    }
    group_req request{};
    request.gr_interface = static_cast<std::uint32_t>(index);
    SocketAddress to{};
    if (family_ == IpFamily::ipv4)
      to.v4 = {.sin_family = AF_INET, .sin_port = 0, .sin_addr = to_in_addr(group), .sin_zero = {}};
    else
      to.v6.sin6_family = AF_INET6, to.v6.sin6_addr = to_in6_addr(group);
    std::memcpy(&request.gr_group, &to, sizeof to);
    if (set_option(memberships.back().get(), level_of(family_), MCAST_JOIN_GROUP, request)) {
      ++on_this_socket;
    } else {
      failures[index] = std::strerror(errno);
    }
  }
  memberships_ = std::move(memberships);
  return failures;
}

Status AdvertSocket::expect(const std::set<std::uint8_t>& vrids) {
  constexpr std::uint32_t whole = 0xffff;
  constexpr std::uint32_t ip_header_most = 60;
  // A raw IPv4 socket's filter sees the packet from the IP header on, an IPv6 one's from behind it.
  std::vector<sock_filter> program;
  std::uint32_t to_count = advert_header_size;
  if (family_ == IpFamily::ipv4) {
    to_count += ip_header_most;
    program.push_back(BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0));  // X = length of the IP header
  } else {
    program.push_back(BPF_STMT(BPF_LDX | BPF_IMM, 0));
  }
  // Too short for a VRID: loading one would drop the packet uncounted.
  program.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0));
  program.push_back(BPF_STMT(BPF_ALU | BPF_SUB | BPF_X, 0));
  program.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 2, 1, 0));
  program.push_back(BPF_STMT(BPF_RET | BPF_K, to_count));
  program.push_back(BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1));  // A = VRID
  for (const std::uint8_t vrid : vrids) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, vrid, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, whole));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, to_count));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (!set_option(fd(), SOL_SOCKET, SO_ATTACH_FILTER, filter)) return failed("cannot set the socket filter");
  return {};
}

void AdvertSocket::queue(InstanceId id, std::span<const std::uint8_t> packet, int interface_index,
                         const Envelope& envelope) {
  Outgoing& out = outgoing_.emplace_back();
  out.id = id;
  out.interface_index = interface_index;
  out.offset = outgoing_bytes_.size();
  out.data.iov_len = packet.size();
  outgoing_bytes_.insert(outgoing_bytes_.end(), packet.begin(), packet.end());
  auto* header = reinterpret_cast<cmsghdr*>(out.control.data());
  const auto set_control = [&](int type, const auto& info) {
    header->cmsg_level = level_of(family_);
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof info);
    std::memcpy(CMSG_DATA(header), &info, sizeof info);
    out.control_size = CMSG_SPACE(sizeof info);
  };
  if (family_ == IpFamily::ipv4) {
    out.to.v4.sin_family = AF_INET;
    out.to.v4.sin_addr = to_in_addr(envelope.destination);
    in_pktinfo info{};
    info.ipi_ifindex = interface_index;
    info.ipi_spec_dst = to_in_addr(envelope.source);
    set_control(IP_PKTINFO, info);
  } else {
    out.to.v6.sin6_family = AF_INET6;
    out.to.v6.sin6_addr = to_in6_addr(envelope.destination);
    out.to.v6.sin6_scope_id = static_cast<std::uint32_t>(interface_index);
    in6_pktinfo info{};
    info.ipi6_ifindex = static_cast<unsigned>(interface_index);
    info.ipi6_addr = to_in6_addr(envelope.source);
    set_control(IPV6_PKTINFO, info);
  }
}

std::size_t AdvertSocket::flush(const std::function<void(InstanceId, int, int)>& refused) {
  headers_.clear();
  for (Outgoing& out : outgoing_) {
    out.data.iov_base = &outgoing_bytes_[out.offset];
    mmsghdr header{};
    header.msg_hdr.msg_name = &out.to;
    header.msg_hdr.msg_namelen = family_ == IpFamily::ipv4 ? sizeof out.to.v4 : sizeof out.to.v6;
    header.msg_hdr.msg_iov = &out.data;
    header.msg_hdr.msg_iovlen = 1;
    header.msg_hdr.msg_control = out.control.data();
    header.msg_hdr.msg_controllen = out.control_size;
    headers_.push_back(header);
  }
  for (std::size_t done = 0; done < headers_.size();) {
    const int sent = sendmmsg(fd(), &headers_[done], static_cast<unsigned>(headers_.size() - done), 0);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
    } else if (errno != EINTR) {  // this one can't go (its interface went away, say); the others may
      refused(outgoing_[done].id, outgoing_[done].interface_index, errno);
      ++done;
    }
  }
  outgoing_.clear();
  outgoing_bytes_.clear();
  return headers_.size();
}

std::size_t AdvertSocket::receive(const std::function<void(const Datagram&)>& handle) {
  incoming_.resize(batch_size);  // a family that nobody uses costs no memory
  std::array<mmsghdr, batch_size> headers{};
  for (std::size_t i = 0; i < batch_size; ++i) {
    Incoming& incoming = incoming_[i];
    incoming.vector = {incoming.data.data(), incoming.data.size()};
    msghdr& header = headers[i].msg_hdr;
    header.msg_iov = &incoming.vector;
    header.msg_iovlen = 1;
    header.msg_control = incoming.control.data();
    header.msg_controllen = incoming.control.size();
    if (family_ == IpFamily::ipv6) {
      header.msg_name = &incoming.from;
      header.msg_namelen = sizeof incoming.from;
    }
  }
  const int count = recvmmsg(fd(), headers.data(), batch_size, MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    Datagram datagram;
    take_control(headers[i].msg_hdr, datagram);
    const std::span<const std::uint8_t> bytes(incoming_[i].data.data(), headers[i].msg_len);
    if (family_ == IpFamily::ipv4) {
      if (!take_ipv4_header(bytes, datagram)) continue;
    } else {
      datagram.envelope.source = address_from(incoming_[i].from.v6.sin6_addr);
      datagram.payload = bytes;
    }
    handle(datagram);
  }
  return static_cast<std::size_t>(count);
}

// What the kernel says beside the bytes.
void AdvertSocket::take_control(msghdr& header, Datagram& datagram) {
  const auto read = [](const cmsghdr* from, auto value) {
    std::memcpy(&value, CMSG_DATA(from), sizeof value);
    return value;
  };
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
      datagram.interface_index = read(c, in_pktinfo{}).ipi_ifindex;
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
      const auto info = read(c, in6_pktinfo{});
      datagram.interface_index = static_cast<int>(info.ipi6_ifindex);
      datagram.envelope.destination = address_from(info.ipi6_addr);
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT) {
      datagram.ttl = read(c, int{});
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
      const auto total = read(c, std::uint32_t{});
      drops_ += total - std::exchange(drops_seen_, total);
    }
  }
}

// The kernel gives an IPv4 header as received and has checked it; reassembly is done. False: cut off, nobody's.
bool AdvertSocket::take_ipv4_header(std::span<const std::uint8_t> bytes, Datagram& datagram) const {
  if (bytes.size() < sizeof(iphdr)) return false;
  const std::size_t header_size = static_cast<std::size_t>(bytes[0] & 0x0f) * 4;
  if (header_size < sizeof(iphdr) || header_size > bytes.size()) return false;
  datagram.ttl = bytes[offsetof(iphdr, ttl)];
  datagram.envelope.source = IpAddr::from_bytes(bytes.subspan(offsetof(iphdr, saddr), 4));
  datagram.envelope.destination = IpAddr::from_bytes(bytes.subspan(offsetof(iphdr, daddr), 4));
  datagram.payload = bytes.subspan(header_size);
  return true;
}

std::uint64_t AdvertSocket::take_drops() { return std::exchange(drops_, 0); }

}  // namespace holdfast
