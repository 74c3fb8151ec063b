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

IpAddr from_in_addr(const void* bytes) {
  return IpAddr::from_bytes({static_cast<const std::uint8_t*>(bytes), sizeof(in_addr)});
}

}  // namespace

Result<AdvertSocket> AdvertSocket::open() {
  AdvertSocket result;
  result.socket_ = Fd(::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, vrrp_protocol));
  const int fd = result.fd();
  if (fd < 0) return failed("cannot open a raw socket for VRRP (protocol 112)");
  // RFC 9568, 5.1.1: TTL 255, never looped back to ourselves, internetwork control precedence.
  const bool ready = set_option(fd, IPPROTO_IP, IP_MULTICAST_TTL, 255) && set_option(fd, IPPROTO_IP, IP_TTL, 255) &&
                     set_option(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) &&
                     set_option(fd, IPPROTO_IP, IP_TOS, int{IPTOS_PREC_INTERNETCONTROL}) &&
                     set_option(fd, IPPROTO_IP, IP_PKTINFO, 1) && set_option(fd, SOL_SOCKET, SO_RXQ_OVFL, 1) &&
                     set_option(fd, SOL_SOCKET, SO_PRIORITY, 6) &&
                     set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer) &&
                     set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, receive_buffer);
  if (!ready) return failed("cannot set up the raw socket for VRRP");
  result.incoming_.resize(batch_size);
  return result;
}

std::map<int, std::string> AdvertSocket::listen_on(const std::set<int>& interface_indexes) {
  // Any socket's membership serves the raw socket too (IP_MULTICAST_ALL); new ones are joined before old ones go.
  std::vector<Fd> memberships;
  std::size_t on_this_socket = groups_per_socket;
  std::map<int, std::string> failures;
  for (const int index : interface_indexes) {
    if (on_this_socket == groups_per_socket) {
      memberships.emplace_back(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      on_this_socket = 0;
    }
    ip_mreqn request{};
    request.imr_multiaddr = to_in_addr(vrrp_group_v4);
    request.imr_ifindex = index;
    if (set_option(memberships.back().get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, request)) {
      ++on_this_socket;
    } else {
      failures[index] = std::strerror(errno);
    }
  }
  memberships_ = std::move(memberships);
  return failures;
}

Status AdvertSocket::expect(const std::set<std::uint8_t>& vrids) {
  // A raw IPv4 socket's filter sees the packet from the IP header on.
  constexpr std::uint32_t whole = 0xffff;
  constexpr std::uint32_t ip_header_most = 60;
  constexpr std::uint32_t to_count = ip_header_most + advert_header_size;
  std::vector<sock_filter> program = {
      BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0),  // X = length of the IP header
      BPF_STMT(BPF_LD | BPF_B | BPF_IND, 1),   // A = VRID
  };
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
  out.to.sin_family = AF_INET;
  out.to.sin_addr = to_in_addr(envelope.destination);
  out.offset = outgoing_bytes_.size();
  out.data.iov_len = packet.size();
  outgoing_bytes_.insert(outgoing_bytes_.end(), packet.begin(), packet.end());
  in_pktinfo info{};
  info.ipi_ifindex = interface_index;
  info.ipi_spec_dst = to_in_addr(envelope.source);
  auto* header = reinterpret_cast<cmsghdr*>(out.control.data());
  header->cmsg_level = IPPROTO_IP;
  header->cmsg_type = IP_PKTINFO;
  header->cmsg_len = CMSG_LEN(sizeof info);
  std::memcpy(CMSG_DATA(header), &info, sizeof info);
}

std::size_t AdvertSocket::flush(const std::function<void(InstanceId, int, int)>& refused) {
  headers_.clear();
  for (Outgoing& out : outgoing_) {
    out.data.iov_base = &outgoing_bytes_[out.offset];
    mmsghdr header{};
    header.msg_hdr.msg_name = &out.to;
    header.msg_hdr.msg_namelen = sizeof out.to;
    header.msg_hdr.msg_iov = &out.data;
    header.msg_hdr.msg_iovlen = 1;
    header.msg_hdr.msg_control = out.control.data();
    header.msg_hdr.msg_controllen = out.control.size();
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
  std::array<mmsghdr, batch_size> headers{};
  for (std::size_t i = 0; i < batch_size; ++i) {
    incoming_[i].vector = {incoming_[i].data.data(), incoming_[i].data.size()};
    headers[i].msg_hdr.msg_iov = &incoming_[i].vector;
    headers[i].msg_hdr.msg_iovlen = 1;
    headers[i].msg_hdr.msg_control = incoming_[i].control.data();
    headers[i].msg_hdr.msg_controllen = incoming_[i].control.size();
  }
  const int count = recvmmsg(fd(), headers.data(), batch_size, MSG_DONTWAIT, nullptr);
  if (count <= 0) return 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    Datagram datagram;
    for (cmsghdr* c = CMSG_FIRSTHDR(&headers[i].msg_hdr); c; c = CMSG_NXTHDR(&headers[i].msg_hdr, c)) {
      if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        in_pktinfo info{};
        std::memcpy(&info, CMSG_DATA(c), sizeof info);
        datagram.interface_index = info.ipi_ifindex;
      } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
        std::uint32_t total = 0;
        std::memcpy(&total, CMSG_DATA(c), sizeof total);
        drops_ += total - std::exchange(drops_seen_, total);
      }
    }
    // The kernel gives the IP header as received and has checked it; reassembly is done.
    const std::span<const std::uint8_t> bytes(incoming_[i].data.data(), headers[i].msg_len);
    if (bytes.size() < sizeof(iphdr)) continue;
    const std::size_t header_size = static_cast<std::size_t>(bytes[0] & 0x0f) * 4;
    if (header_size < sizeof(iphdr) || header_size > bytes.size()) continue;
    datagram.ttl = bytes[offsetof(iphdr, ttl)];
    datagram.envelope.source = from_in_addr(&bytes[offsetof(iphdr, saddr)]);
    datagram.envelope.destination = from_in_addr(&bytes[offsetof(iphdr, daddr)]);
    datagram.payload = bytes.subspan(header_size);
    handle(datagram);
  }
  return static_cast<std::size_t>(count);
}

std::uint64_t AdvertSocket::take_drops() { return std::exchange(drops_, 0); }

}  // namespace holdfast
