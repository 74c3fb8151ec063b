// Commands as transient services of systemd, so that neither our sandbox nor our control group binds them: a command
// may do what its user may, and an nginx that it starts outlives us.
//
// A unit runs holdfast-command, which becomes the command (command_main.cpp). What is asked of systemd:
//
//   StartTransientUnit -> (it runs) -> PropertiesChanged with ExecMainCode: its end
//   KillUnit           -> a signal to everything in the unit
//   GetAll             -> how it is, where its end may have gone unheard: after a SIGKILL, or when systemd is back
//   UnrefUnit          -> we have seen its end; systemd forgets it when it is empty, too
//
// systemd and the bus may go away at any moment, and come back. What was under way then is in doubt: nobody can say
// what became of it. Before the next command is started, what is in doubt is killed, so that no two run side by side.
#pragma once

#include "common/event_loop.hpp"
#include "parent/command_launcher.hpp"
#include "parent/system_bus.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class UnitCommands final : public CommandLauncher {
 public:
  // program: holdfast-command, opened.
  UnitCommands(EventLoop& loop, SystemBus& bus, Fd program);
  ~UnitCommands() override;
  UnitCommands(const UnitCommands&) = delete;
  UnitCommands& operator=(const UnitCommands&) = delete;

  // Outlives what it has launched.
  Result<std::unique_ptr<StartedCommand>> launch(const Command& command, Fd output, Handlers handlers) override;
  // Before the end: SIGTERM to all that still run. `closed` is called once, from the loop: when systemd has taken that,
  // since it takes nothing from a connection that is gone, or after close_limit.
  void close(std::function<void()> closed);

  static constexpr Duration close_limit = std::chrono::milliseconds(500);

 private:
  class Unit;
  struct Seen;
  struct Doubt;

  Status start(Unit& unit);
  void start_waiting();
  void answered();  // a start, in whatever way
  void end_all(const std::vector<std::string>& paths, const std::string& why);
  void doubt(const std::string& name);
  void kill_doubts();
  static std::optional<Seen> read_properties(sd_bus_message* message);
  void start_answered(sd_bus_message* message, Unit& unit);
  void doubt_answered(sd_bus_message* message, Doubt& doubt);
  void changed(sd_bus_message* message);
  void looked(sd_bus_message* message, Unit& unit);
  void owner_changed(sd_bus_message* message);
  std::function<void()> lost();
  void end_answered(Unit& unit);
  static int on_end_answered(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_started(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_looked(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_doubt_killed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_changed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_owner_changed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

  EventLoop& loop_;
  SystemBus& bus_;
  std::string executable_;  // a name of the opened program that systemd can use
  Fd program_;
  std::string network_;  // a name of our network namespace, where it is not systemd's
  std::string prefix_;   // of every unit's name; no other daemon has it, nor had this host's last one
  std::uint64_t last_number_ = 0;
  std::map<std::string, Unit*> units_;  // by the path of their objects
  std::size_t asked_ = 0;               // how many starts systemd has not answered yet
  std::deque<std::string> waiting_;     // paths, for their turn to be asked for
  std::deque<std::unique_ptr<Doubt>> doubts_;
  Timer next_;
  std::function<void()> closed_;  // to be called
  Timer close_timer_;
};

}  // namespace holdfast
