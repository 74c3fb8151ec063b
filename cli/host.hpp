// What `holdfast validate` needs to know of this host: its interfaces and its own addresses.
#pragma once

#include "common/ip_addr.hpp"

#include <string>
#include <vector>

namespace holdfast {

struct OwnAddress {
  IpAddr address;
  std::string interface;
};

struct Host {
  std::vector<std::string> interfaces;
  std::vector<OwnAddress> addresses;  // permanent ones: never those that holdfastd has from the kernel on lease
};

// What can't be read is left out.
Host read_host();

}  // namespace holdfast
