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
  std::string url;
  std::string host;                                                         // Host header and SNI; empty: from the URL
  std::vector<std::pair<std::uint16_t, std::uint16_t>> status{{200, 399}};  // closed ranges
  std::string body;                                                         // ECMAScript regular expression
  bool tls_verify = true;
  bool operator==(const HttpProbe&) const = default;
};

// Up while the user's command exits 0. The command itself stays with the parent, which alone runs
// commands; the checker asks for a run by the check's id.
struct ScriptProbe {
  bool operator==(const ScriptProbe&) const = default;
};

using Probe = std::variant<ProcessProbe, TcpProbe, HttpProbe, ScriptProbe>;

constexpr const char* type_name(const Probe& probe) {
  constexpr const char* names[] = {"process", "tcp", "http", "script"};
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
