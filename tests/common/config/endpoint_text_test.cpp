#include "common/config/endpoint_text.hpp"

#include <catch2/catch.hpp>

using namespace holdfast;

TEST_CASE("an endpoint is a host and a port") {
  const auto parsed = [](std::string_view text) { return *parse_endpoint(text); };
  CHECK(parsed("127.0.0.1:80") == Endpoint{"127.0.0.1", 80});
  CHECK(parsed("web-1.example.net:65535") == Endpoint{"web-1.example.net", 65535});
  CHECK(parsed("[2001:db8::1]:443") == Endpoint{"2001:db8::1", 443});
  CHECK(parsed("[fe80::1%eth0]:443") == Endpoint{"fe80::1%eth0", 443});
}

TEST_CASE("a bad endpoint says what it lacks") {
  const auto error = [](std::string_view text) {
    const auto parsed = parse_endpoint(text);
    return parsed ? "none" : parsed.error().text;
  };
  CHECK(error("127.0.0.1") == "lacks the port; write it behind a colon, as in `127.0.0.1:80`");
  CHECK(error("127.0.0.1:0") == "has no valid port; write a number from 1 to 65535 behind the colon");
  CHECK(error("127.0.0.1:65536") == "has no valid port; write a number from 1 to 65535 behind the colon");
  CHECK(error("host:http") == "has no valid port; write a number from 1 to 65535 behind the colon");
  CHECK(error("host:") == "has no valid port; write a number from 1 to 65535 behind the colon");
  CHECK(error("::1:80") == "needs brackets around an IPv6 address, as in `[2001:db8::1]:80`");
  CHECK(error("[::1:80") == "lacks the closing `]` after the IPv6 address");
  CHECK(error("[localhost]:80") == "has no IPv6 address between the brackets");
  CHECK(error("[::1]80") == "has no valid port; write a number from 1 to 65535 behind the colon");
  CHECK(error(":80") == "has no valid host name or address");
  CHECK(error("a b:80") == "has no valid host name or address");
  CHECK(error("127.0.0.256:80") == "holds no valid IPv4 address");
}

TEST_CASE("a URL leads to a host and a port") {
  const auto parsed = [](std::string_view text) { return *parse_http_url(text); };
  CHECK(parsed("http://127.0.0.1/") == Endpoint{"127.0.0.1", 80});
  CHECK(parsed("https://example.net") == Endpoint{"example.net", 443});
  CHECK(parsed("http://example.net:8080/a?b=c:d@e#f") == Endpoint{"example.net", 8080});
  CHECK(parsed("http://[::1]:8080/") == Endpoint{"::1", 8080});
}

TEST_CASE("a bad URL says why") {
  const auto error = [](std::string_view text) {
    const auto parsed = parse_http_url(text);
    return parsed ? "none" : parsed.error().text;
  };
  CHECK(error("ftp://x/") == "must begin with `http://` or `https://`");
  CHECK(error("127.0.0.1") == "must begin with `http://` or `https://`");
  CHECK(error("http://") == "has no valid host name or address");
  CHECK(error("http://user:secret@host/") == "must not hold a user name or password");
  CHECK(error("http://host/a b") == "has a blank in it; write %20 for one");
}
