// RUNTIME_DIR/control.sock: one line of JSON asks, one JSON document answers, then the connection closes.
//
//   {"command": "status"}  ->  {"ok": true, "status": {...}}
//   {"command": "reload"}  ->  {"ok": true, "changes": [...], "warnings": [...]}
//   otherwise              ->  {"ok": false, "errors": [...]}
//
// What commands there are is main.cpp's to say. Root and the admin group may give all of them, the group holdfast those
// that only read. Everything is bounded: connections, the length of a request, the time for asking and for taking the
// answer. Nothing waits for a client.
#pragma once

#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "common/result.hpp"

#include <sys/types.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class ControlServer {
 public:
  using Answer = std::function<void(nlohmann::ordered_json)>;
  enum class Access : std::uint8_t { read, change };
  struct Command {
    std::string name;
    Access access = Access::change;
    // request: the whole of it, an object. The answer may come later, and is given once.
    std::function<void(const nlohmann::ordered_json& request, Answer answer)> run;
  };

  static constexpr std::size_t most_connections = 64;
  static constexpr std::size_t places_for_root = 8;  // beyond those
  static constexpr std::size_t longest_request = 4096;
  static constexpr Duration patience = std::chrono::seconds(5);
  static constexpr Duration accept_pause = std::chrono::milliseconds(100);

  // Replaces a socket that a dead daemon left behind. The directory must be claimed (runtime_dir.hpp).
  static Result<std::unique_ptr<ControlServer>> open(EventLoop& loop, const std::string& runtime_dir,
                                                     std::vector<Command> commands);
  // For a request that can't be fulfilled: {"ok": false, "errors": [text]}
  static nlohmann::ordered_json refusal(const std::string& text);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // Whose members may change things; empty: only root. The error says that there is no such group.
  Status set_admin_group(const std::string& name);

 private:
  struct Connection;

  ControlServer(EventLoop& loop, std::string path, Fd socket, std::vector<Command> commands);
  void accept_some();
  void on_ready(std::uint64_t id, std::uint32_t events);
  void read_request(std::uint64_t id, Connection& connection);
  void handle(std::uint64_t id, Connection& connection, const std::string& line);
  void answer(std::uint64_t id, const nlohmann::ordered_json& document);
  void write_some(std::uint64_t id, Connection& connection);
  bool may(const Connection& connection, Access access) const;

  EventLoop& loop_;
  std::string path_;
  Fd socket_;
  std::vector<Command> commands_;
  std::optional<gid_t> reader_group_;
  std::optional<gid_t> admin_group_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  IoWatch watch_;
  Timer accept_again_;
};

}  // namespace holdfast
