// One end of the SOCK_SEQPACKET socketpair between the parent and a child: whole messages in order.
#pragma once

#include "common/codec.hpp"
#include "common/event_loop.hpp"
#include "common/fd.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace holdfast {

// The descriptor at which an exec'ed child finds its end.
inline constexpr int child_channel_fd = 3;

// The bytes' side; Channel below adds the types. A handler may close the channel but not destroy it.
class PacketChannel {
 public:
  struct Handlers {
    std::function<void(std::span<const std::uint8_t>)> packet;
    // The other end is gone (empty reason) or the conversation failed; called once, nothing comes after it.
    std::function<void(const std::string& reason)> closed;
  };

  // Takes the descriptor over and makes it non-blocking.
  PacketChannel(EventLoop& loop, Fd socket, Handlers handlers);
  PacketChannel(const PacketChannel&) = delete;
  PacketChannel& operator=(const PacketChannel&) = delete;

  // Never blocks: what the socket does not take now waits in order. When more than `queue_limit` bytes
  // wait, the other end does not read: the channel closes with that reason.
  void send(std::span<const std::uint8_t> packet);
  bool is_open() const { return static_cast<bool>(socket_); }
  // Ends the conversation and reports `reason` to the closed handler.
  void close(const std::string& reason);

  static constexpr std::size_t queue_limit = 16u << 20;

 private:
  void ready(std::uint32_t events);
  bool read_some();
  void write_queued();

  Handlers handlers_;
  Fd socket_;
  IoWatch watch_;
  std::vector<std::uint8_t> buffer_;
  std::deque<std::vector<std::uint8_t>> queue_;
  std::size_t queued_bytes_ = 0;
};

// Sends Out, receives In. A packet that is not a valid In ends the channel: the other end is broken or hostile.
template <class Out, class In>
class Channel {
 public:
  struct Handlers {
    std::function<void(In&&)> message;
    std::function<void(const std::string& reason)> closed;
  };

  Channel(EventLoop& loop, Fd socket, Handlers handlers)
      : handlers_(std::move(handlers)),
        packets_(loop, std::move(socket),
                 {.packet = [this](std::span<const std::uint8_t> bytes) { receive(bytes); },
                  .closed = [this](const std::string& reason) { handlers_.closed(reason); }}) {}

  void send(const Out& message) {
    bytes_.clear();
    encode(message, bytes_);
    packets_.send(bytes_);
  }
  bool is_open() const { return packets_.is_open(); }

 private:
  void receive(std::span<const std::uint8_t> bytes) {
    auto message = decode<In>(bytes);
    if (message)
      handlers_.message(std::move(*message));
    else
      packets_.close("it sent a malformed message");
  }

  Handlers handlers_;
  std::vector<std::uint8_t> bytes_;
  PacketChannel packets_;
};

}  // namespace holdfast
