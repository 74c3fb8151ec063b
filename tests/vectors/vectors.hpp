// The packets of vrrp-vectors.yaml and what a receiver must make of them.
#pragma once

#include "common/ip_addr.hpp"
#include "common/router_config.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace holdfast::vectors {

using Bytes = std::vector<std::uint8_t>;

struct Receiver {
  VirtualRouterConfig config;
  IpAddr local_primary;
};

struct Vector {
  std::string name;
  std::string receiver;
  IpAddr source;
  IpAddr destination;
  int ttl = 0;
  Bytes payload;
  bool accept = false;
  std::string failed_check;
  std::string counter;  // an RFC 8347 name, "none", or empty for accepted ones
  std::string checksum_form;
};

struct Frame {
  std::string name;
  Bytes bytes;
};

struct File {
  std::map<std::string, Receiver> receivers;
  std::vector<Vector> vectors;
  std::vector<Frame> announce_frames;
};

const File& load();  // once; throws on a file that does not fit

}  // namespace holdfast::vectors
