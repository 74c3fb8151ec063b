// What the checker child is told of a check: validated values. Pure.
#pragma once

#include "common/ip_addr.hpp"
#include "common/types.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace holdfast {

// Up while a process lives: the one named in `pid_file`, or any process whose name (/proc/PID/comm)
// is `name`. Exactly one of the two is set.
struct ProcessProbe {
  std::string pid_file;
  std::string name;
  bool operator==(const ProcessProbe&) const = default;
};

// Up while a connection succeeds and, where `expect` is set, the answer to `send` matches it.
struct TcpProbe {
  std::string host;  // a name or a literal address
  std::uint16_t port = 0;
  std::string send;
  std::string expect;  // ECMAScript regular expression; empty: connecting is enough
  bool operator==(const TcpProbe&) const = default;
};

// Up while a GET answers with a wanted status and, where `body` is set, a body that matches it.
struct HttpProbe {
  std::string url{};
  std::string host{};                                                         // Host header and SNI; empty: from the URL
  std::vector<std::pair<std::uint16_t, std::uint16_t>> status{{200, 399}};  // closed ranges
  std::string body{};                                                         // ECMAScript regular expression
  bool tls_verify = true;
  std::string tls_ca{};                                          // file of the authorities to trust; empty: the system's
  Duration tls_expiry_warning = std::chrono::hours(14 * 24);  // 0: never
  bool http2 = false;                                          // HTTP/2 and nothing else
  std::string unix_socket{};                                     // connected to instead of the URL's host; empty: not so
  bool proxy_protocol = false;                                 // begin with a PROXY line, as a load balancer would
  bool operator==(const HttpProbe&) const = default;
};

// Up while nginx's master lives, has workers, and answers as wanted.
struct NginxProbe {
  std::string pid_file = "/run/nginx.pid";
  HttpProbe page{.url = "http://127.0.0.1/"};
  std::string stub_status;  // the URL of that page, asked like the other one; empty: not asked
  bool operator==(const NginxProbe&) const = default;
};

// Up while something is at `path`; with `invert` while nothing is there.
struct FileProbe {
  std::string path;
  bool invert = false;
  bool operator==(const FileProbe&) const = default;
};

// Up while the user's command exits 0. The command itself stays with the parent, which alone runs
// commands; the checker asks for a run by the check's id.
struct ScriptProbe {
  bool operator==(const ScriptProbe&) const = default;
};

using Probe = std::variant<ProcessProbe, TcpProbe, HttpProbe, ScriptProbe, NginxProbe, FileProbe>;

constexpr const char* type_name(const Probe& probe) {
  constexpr const char* names[] = {"process", "tcp", "http", "script", "nginx", "file"};
  return names[probe.index()];
}

struct CheckSpec {
  std::string name;
  Probe probe;
  Duration interval = std::chrono::seconds(1);
  Duration timeout = std::chrono::seconds(1);
  std::uint32_t rise = 1;  // good results in a row until the check is up
  std::uint32_t fall = 1;  // bad results in a row until it is down
  bool operator==(const CheckSpec&) const = default;
};

}  // namespace holdfast
