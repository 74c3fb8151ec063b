#include "vrrp_child/frame_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

namespace holdfast {

Result<FrameSocket> FrameSocket::open() {
  FrameSocket result;
  result.socket_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));  // protocol 0: receive nothing
  if (!result.socket_) return Error{std::string("cannot open a packet socket for ARP: ") + std::strerror(errno)};
  return result;
}

void FrameSocket::queue(std::span<const std::uint8_t> frame, int interface_index) {
  Outgoing& out = outgoing_.emplace_back();
  out.size = std::min(frame.size(), out.frame.size());
  std::copy_n(frame.begin(), out.size, out.frame.begin());
  out.to.sll_family = AF_PACKET;
  out.to.sll_ifindex = interface_index;
}

std::size_t FrameSocket::flush() {
  headers_.clear();
  for (Outgoing& out : outgoing_) {
    out.data = {out.frame.data(), out.size};
    mmsghdr header{};
    header.msg_hdr.msg_name = &out.to;
    header.msg_hdr.msg_namelen = sizeof out.to;
    header.msg_hdr.msg_iov = &out.data;
    header.msg_hdr.msg_iovlen = 1;
    headers_.push_back(header);
  }
  std::size_t refused = 0;
  for (std::size_t done = 0; done < headers_.size();) {
    const int sent = sendmmsg(socket_.get(), &headers_[done], static_cast<unsigned>(headers_.size() - done), 0);
    if (sent > 0)
      done += static_cast<std::size_t>(sent);
    else if (errno != EINTR)
      ++refused, ++done;
  }
  outgoing_.clear();
  return refused;
}

}  // namespace holdfast
