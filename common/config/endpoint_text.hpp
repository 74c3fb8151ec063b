// Where a check connects to, as text: HOST:PORT and http URLs. Pure.
#pragma once

#include "common/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

struct Endpoint {
  std::string host;  // a name or a literal address, without brackets
  std::uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// "example.net:80", "192.0.2.1:80", "[2001:db8::1]:80". The error is the end of a sentence that names the text.
Result<Endpoint> parse_endpoint(std::string_view text);

// Where "http://HOST[:PORT][/...]" or "https://..." leads; errors as above.
Result<Endpoint> parse_http_url(std::string_view url);

// Where "smtp://HOST[:PORT]" or "smtps://..." leads; errors as above.
Result<Endpoint> parse_smtp_url(std::string_view url);

}  // namespace holdfast
