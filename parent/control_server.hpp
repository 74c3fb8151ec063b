// RUNTIME_DIR/control.sock: one line of JSON asks, one JSON document answers, then the connection closes.
//
//   {"command": "status"}  ->  {"ok": true, "status": {...}}
//   {"command": "reload"}  ->  {"ok": true, "changes": [...], "warnings": [...]}
//   otherwise              ->  {"ok": false, "errors": [...]}
//
// The end of what a client sends ends its line, too. What commands there are is main.cpp's to say. Root and the admin
// group may give all of them, the group holdfast those that only read.
//
// Everybody may connect, so everything is bounded: the connections of all, of one user and in a time, the length of a
// request, the time for asking and for taking the answer, and what the making of shared answers costs. Nothing waits
// for a client, and whatever else the daemon has to do goes first.
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
    // Asks the same of everybody, so one answer does for all who wait for it. Who asks while it is made gets the next
    // one, which is begun so much later that at most a quarter of the time goes into making them.
    bool shared = false;
  };

  static constexpr std::size_t most_connections = 64;
  static constexpr std::size_t most_of_one_user = 8;  // of them; root has no such limit
  static constexpr std::size_t places_for_root = 8;   // beyond those
  static constexpr std::size_t longest_request = 4096;
  static constexpr Duration patience = std::chrono::seconds(5);
  static constexpr Duration accept_pause = std::chrono::milliseconds(100);
  static constexpr Duration longest_rest = std::chrono::milliseconds(200);  // between shared answers

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
  using Text = std::shared_ptr<const std::string>;
  // The answers of a shared command.
  struct Round {
    std::vector<std::uint64_t> waiting;  // for the next
    bool under_way = false;
    TimePoint not_before{};
    std::unique_ptr<Timer> next;
  };

  ControlServer(EventLoop& loop, std::string path, Fd socket, std::vector<Command> commands);
  void accept_some();
  bool has_place_for(uid_t uid) const;
  void on_ready(std::uint64_t id, std::uint32_t events);
  void read_request(std::uint64_t id, Connection& connection);
  void handle(std::uint64_t id, Connection& connection, const std::string& line);
  void ask_together(std::uint64_t id, const Command& command);
  void begin_round(const Command& command, Round& round);
  void answer(std::uint64_t id, Text text);
  void refuse(std::uint64_t id, const std::string& why);
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
  std::map<std::string, Round> rounds_;  // by the command's name
  IoWatch watch_;
  Timer accept_again_;
};

}  // namespace holdfast
