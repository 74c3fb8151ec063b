#include "parent/service_manager.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace holdfast {
namespace {

constexpr std::string_view status_line = "STATUS=";
constexpr const char* watchdog_line = "WATCHDOG=1";

std::string named_by_environment() {
  const char* name = std::getenv("NOTIFY_SOCKET");
  return name ? name : "";
}

}  // namespace

ServiceManager::ServiceManager(EventLoop& loop) : ServiceManager(loop, named_by_environment()) {}

ServiceManager::ServiceManager(EventLoop& loop, std::string socket)
    : loop_(loop),
      socket_name_(std::move(socket)),
      again_(loop, [this] { deliver(); }),
      alive_(loop, [this] { sign_of_life(); }) {
  if (!socket_name_.empty()) socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

void ServiceManager::tell(const std::string& lines) {
  if (!socket_) return;
  std::erase_if(waiting_, [&](const std::string& other) {
    return other == lines || (lines.starts_with(status_line) && other.starts_with(status_line));
  });
  waiting_.push_back(lines);
  deliver();
}

void ServiceManager::keep_alive(Duration limit) {
  if (!socket_) return;
  interval_ = limit / 2;
  sign_of_life();
}

void ServiceManager::sign_of_life() {
  tell(watchdog_line);
  alive_.arm(loop_.now() + interval_);
}

void ServiceManager::deliver() {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::size_t length = std::min(socket_name_.size(), sizeof address.sun_path - 1);
  std::copy_n(socket_name_.begin(), length, address.sun_path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  while (!waiting_.empty()) {
    const std::string& lines = waiting_.front();
    const ssize_t sent = sendto(socket_.get(), lines.data(), lines.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), size);
    if (sent < 0 && (errno == EAGAIN || errno == ENOBUFS)) return again_.arm(loop_.now() + pause);
    waiting_.pop_front();  // taken; or there is nobody any more, and nowhere to complain
  }
  again_.disarm();
}

}  // namespace holdfast
