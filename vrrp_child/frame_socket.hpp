// The packet socket through which announcements leave as whole Ethernet frames, in batches.
#pragma once

#include "common/fd.hpp"
#include "common/result.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace holdfast {

class FrameSocket {
 public:
  // Sends only; receives nothing. Needs CAP_NET_RAW.
  static Result<FrameSocket> open();

  // Gathers a copy of a frame.
  void queue(std::span<const std::uint8_t> frame, int interface_index);
  // Sends what was gathered; gives the number of frames that the kernel refused.
  std::size_t flush();

 private:
  FrameSocket() = default;

  static constexpr std::size_t largest_frame = 128;
  struct Outgoing {
    sockaddr_ll to{};
    iovec data{};
    std::size_t size = 0;
    std::array<std::uint8_t, largest_frame> frame{};
  };

  Fd socket_;
  std::vector<Outgoing> outgoing_;
  std::vector<mmsghdr> headers_;
};

}  // namespace holdfast
