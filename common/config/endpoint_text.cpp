#include "common/config/endpoint_text.hpp"

#include "common/ip_text.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace holdfast {

namespace {

bool is_host_name(std::string_view host) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  };
  return !host.empty() && host.size() <= 253 && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), allowed);
}

// Digits and dots alone can only be meant as an IPv4 address.
bool looks_like_ipv4(std::string_view host) { return host.find_first_not_of("0123456789.") == std::string_view::npos; }

std::optional<std::uint16_t> parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (failure != std::errc{} || end != digits.data() + digits.size() || port == 0) return std::nullopt;
  return port;
}

// Splits "[V6]:PORT" or "HOST:PORT"; without a port `default_port` holds, 0 meaning that it must be there.
Result<Endpoint> parse_authority(std::string_view text, std::uint16_t default_port) {
  std::string_view host;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return Error{"lacks the closing `]` after the IPv6 address"};
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
    const auto address = parse_ip(host.substr(0, host.find('%')));
    if (!address || address->family() != IpFamily::ipv6) return Error{"has no IPv6 address between the brackets"};
  } else {
    if (std::count(text.begin(), text.end(), ':') > 1) {
      return Error{"needs brackets around an IPv6 address, as in `[2001:db8::1]:80`"};
    }
    const auto colon = text.find(':');
    host = text.substr(0, colon);
    if (colon != std::string_view::npos) rest = text.substr(colon);
    if (!is_host_name(host)) return Error{"has no valid host name or address"};
    if (looks_like_ipv4(host) && !parse_ip(host)) return Error{"holds no valid IPv4 address"};
  }
  if (rest.empty() && default_port != 0) return Endpoint{std::string(host), default_port};
  if (rest.empty()) return Error{"lacks the port; write it behind a colon, as in `127.0.0.1:80`"};
  const auto port = rest.starts_with(':') ? parse_port(rest.substr(1)) : std::nullopt;
  if (!port) return Error{"has no valid port; write a number from 1 to 65535 behind the colon"};
  return Endpoint{std::string(host), *port};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) { return parse_authority(text, 0); }

Result<Endpoint> parse_http_url(std::string_view url) {
  const bool has_blank = std::any_of(url.begin(), url.end(), [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) == 0x7f;
  });
  if (has_blank) return Error{"has a blank in it; write %20 for one"};
  const bool secure = url.starts_with("https://");
  if (!secure && !url.starts_with("http://")) return Error{"must begin with `http://` or `https://`"};
  const std::string_view after_scheme = url.substr(secure ? 8 : 7);
  const std::string_view authority = after_scheme.substr(0, after_scheme.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) return Error{"must not hold a user name or password"};
  return parse_authority(authority, secure ? 443 : 80);
}

Result<Endpoint> parse_smtp_url(std::string_view url) {
  const bool secure = url.starts_with("smtps://");
  if (!secure && !url.starts_with("smtp://")) return Error{"must begin with `smtp://` or `smtps://`"};
  const std::string_view authority = url.substr(secure ? 8 : 7);
  if (authority.find('@') != std::string_view::npos) {
    return Error{"must not hold a user name or password; write them as `login` and `password_file`"};
  }
  if (authority.find_first_of("/?#") != std::string_view::npos) {
    return Error{"must end behind the host or port, as in `smtp://mail.example.net:25`"};
  }
  return parse_authority(authority, secure ? 465 : 25);
}

}  // namespace holdfast
