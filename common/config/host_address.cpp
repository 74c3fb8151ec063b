#include "common/config/host_address.hpp"

#include "common/config/values.hpp"
#include "common/ip_text.hpp"

#include <algorithm>
#include <array>

namespace holdfast {

namespace {

bool is_v4_mapped(const IpAddr& address) {
  constexpr std::array<std::uint8_t, 12> start{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.family() == IpFamily::ipv6 && std::equal(start.begin(), start.end(), address.bytes().begin());
}

bool is_v6_loopback(const IpAddr& address) {
  const auto bytes = address.bytes();
  return bytes.back() == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

std::string why_not_a_host(const IpAddr& address) {
  const std::uint8_t first = address.bytes()[0];
  const bool loopback = address.family() == IpFamily::ipv4 ? first == 127 : is_v6_loopback(address);
  if (loopback) return "it is a loopback address, which other hosts can't reach";
  if (address.family() == IpFamily::ipv6) {
    if (address.is_unspecified()) return "it stands for no address at all";
    if (first == 0xff) return "it is a multicast address";
    if (is_v4_mapped(address)) return "it is an IPv4 address in the form of IPv6";
    return {};
  }
  if (first == 0) return "no host can have an address that begins with 0";
  if (first >= 224 && first < 240) return "it is a multicast address";
  if (first >= 240) return "it is reserved";
  return {};
}

std::string_view name_of(IpFamily family) { return family == IpFamily::ipv4 ? "IPv4" : "IPv6"; }

std::optional<IpAddr> read_host_address(Problems& problems, const YamlNode& node, const std::string& what,
                                        std::string_view example) {
  const auto text = read_text(problems, node, what);
  if (!text) return std::nullopt;
  const auto refuse = [&](const std::string& why) {
    problems.error(node.place, quoted(*text) + " can't be " + what + ": " + why);
    return std::nullopt;
  };
  const auto address = parse_ip(*text);
  if (!address) {
    const std::string bare = text->substr(0, text->find_first_of("/%"));
    if (parse_ip(bare)) return refuse("write the address alone, " + quoted(bare));
    return refuse("write an address, such as " + quoted(example));
  }
  if (const std::string why = why_not_a_host(*address); !why.empty()) {
    return refuse(why + "; write that of an interface");
  }
  return address;
}

}  // namespace holdfast
