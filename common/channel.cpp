#include "common/channel.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr std::size_t largest_packet = 256u << 10;  // above what a datagram of the default buffer can hold
constexpr int packets_per_turn = 256;               // a busy peer must not starve the loop

}  // namespace

PacketChannel::PacketChannel(EventLoop& loop, Fd socket, Handlers handlers)
    : handlers_(std::move(handlers)), socket_(std::move(socket)), buffer_(largest_packet) {
  fcntl(socket_.get(), F_SETFL, fcntl(socket_.get(), F_GETFL) | O_NONBLOCK);
  watch_ = IoWatch(loop, socket_.get(), EPOLLIN, [this](std::uint32_t events) { ready(events); });
}

void PacketChannel::send(std::span<const std::uint8_t> packet) {
  if (!is_open()) return;
  if (queue_.empty()) {
    const ssize_t sent = ::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return;
    // A closed peer is reported by the read side, once everything it said has been read.
    if (errno == EPIPE || errno == ECONNRESET) return;
    if (errno != EAGAIN && errno != EINTR && errno != ENOBUFS) {
      return close(std::string("cannot send to it: ") + std::strerror(errno));
    }
  }
  queue_.emplace_back(packet.begin(), packet.end());
  queued_bytes_ += packet.size();
  if (queued_bytes_ > queue_limit) return close("it does not read its messages");
  watch_.set_events(EPOLLIN | EPOLLOUT);
}

void PacketChannel::ready(std::uint32_t events) {
  if (events & EPOLLOUT) write_queued();
  for (int i = 0; i < packets_per_turn && is_open(); ++i) {
    if (!read_some()) break;
  }
}

bool PacketChannel::read_some() {
  const ssize_t size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC);
  if (size < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    // It went without reading all of ours; what it said before, and then its end, are still to be read.
    if (errno == ECONNRESET) return true;
    close(std::string("cannot receive from it: ") + std::strerror(errno));
    return false;
  }
  if (size == 0) {
    close("");
    return false;
  }
  if (static_cast<std::size_t>(size) > buffer_.size()) {
    close("it sent a message that is too large");
    return false;
  }
  handlers_.packet(std::span(buffer_).first(static_cast<std::size_t>(size)));
  return true;
}

void PacketChannel::write_queued() {
  while (!queue_.empty()) {
    const auto& packet = queue_.front();
    if (::send(socket_.get(), packet.data(), packet.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
      if (errno == EAGAIN || errno == EINTR || errno == ENOBUFS) return;
      queue_.clear();  // the read side reports why
      queued_bytes_ = 0;
      break;
    }
    queued_bytes_ -= packet.size();
    queue_.pop_front();
  }
  if (is_open()) watch_.set_events(EPOLLIN);
}

void PacketChannel::close(const std::string& reason) {
  if (!is_open()) return;
  watch_ = IoWatch();
  socket_ = Fd();
  handlers_.closed(reason);
}

}  // namespace holdfast
