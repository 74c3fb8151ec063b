#include "vrrp_child/owner_mark.hpp"

#include <linux/netlink.h>
#include <sys/random.h>
#include <sys/socket.h>

namespace holdfast {
namespace {

// A netlink socket with this number, which one process of a network namespace can have; invalid with errno otherwise.
// Nothing is ever sent to it or by it.
Fd take_number(std::uint32_t id) {
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_pid = id;
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK));
  if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return Fd();
  return socket;
}

}  // namespace

OwnerMark::OwnerMark() {
  for (int attempt = 0; attempt < 8 && !socket_; ++attempt) {
    if (getrandom(&id_, sizeof id_, 0) == sizeof id_ && id_ != 0) socket_ = take_number(id_);
  }
  if (!socket_) id_ = 0;
}

OwnerMark::OwnerMark(std::uint32_t first, std::uint32_t last) {
  const std::uint32_t count = last - first + 1;
  std::uint32_t start = 0;
  if (getrandom(&start, sizeof start, 0) != sizeof start) start = 0;
  for (std::uint32_t i = 0; i < count && !socket_; ++i) {
    id_ = first + (start + i) % count;
    socket_ = take_number(id_);
  }
  if (!socket_) id_ = 0;
}

// Whoever can't find out must take it for alive: what a living one has is not touched.
bool OwnerMark::lives(std::uint32_t id) { return id != 0 && !take_number(id); }

}  // namespace holdfast
