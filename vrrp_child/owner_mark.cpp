#include "vrrp_child/owner_mark.hpp"

#include <fmt/format.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <string>
#include <utility>

namespace holdfast {
namespace {

// A Unix socket with an abstract name, which belongs to the network namespace; an invalid one with errno otherwise.
Fd take_name(std::uint32_t id) {
  const std::string name = fmt::format("holdfast-vrrp-{:08x}", id);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(name, address.sun_path + 1);  // abstract: begins with a zero
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return Fd();
  return socket;
}

}  // namespace

OwnerMark::OwnerMark() {
  for (int attempt = 0; attempt < 8 && !socket_; ++attempt) {
    if (getrandom(&id_, sizeof id_, 0) == sizeof id_ && id_ != 0) socket_ = take_name(id_);
  }
  if (!socket_) id_ = 0;
}

OwnerMark::OwnerMark(std::uint32_t first, std::uint32_t last) {
  for (id_ = first; id_ <= last && !socket_; ++id_) socket_ = take_name(id_);
  id_ = socket_ ? id_ - 1 : 0;
}

bool OwnerMark::lives(std::uint32_t id) { return id != 0 && !take_name(id) && errno == EADDRINUSE; }

}  // namespace holdfast
