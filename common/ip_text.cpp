#include "common/ip_text.hpp"

#include <arpa/inet.h>

#include <array>
#include <charconv>

namespace holdfast {

std::optional<IpAddr> parse_ip(std::string_view text) {
  const std::string terminated(text);
  if (terminated.size() != std::char_traits<char>::length(terminated.c_str())) return std::nullopt;
  std::array<std::uint8_t, 16> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return IpAddr::from_bytes(std::span(bytes).first(4));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) == 1) return IpAddr::from_bytes(bytes);
  return std::nullopt;
}

std::optional<IpPrefix> parse_prefix(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) {
    return IpPrefix{*address, static_cast<std::uint8_t>(address->bits())};
  }
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (failure != std::errc{} || end != digits.data() + digits.size() || length > address->bits()) {
    return std::nullopt;
  }
  return IpPrefix{*address, static_cast<std::uint8_t>(length)};
}

std::string to_string(const IpAddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = address.family() == IpFamily::ipv4 ? AF_INET : AF_INET6;
  inet_ntop(family, address.bytes().data(), text.data(), text.size());
  return text.data();
}

std::string to_string(const IpPrefix& prefix) {
  return to_string(prefix.address) + "/" + std::to_string(prefix.length);
}

}  // namespace holdfast
