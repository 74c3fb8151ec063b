// Commands as transient services of systemd, so that neither our sandbox nor our control group binds them: a command
// may do what its user may, and an nginx that it starts outlives us.
//
// A unit runs holdfast-command, which becomes the command (command_main.cpp). What is asked of systemd:
//
//   StartTransientUnit -> (it runs) -> PropertiesChanged with ExecMainCode: its end
//   KillUnit           -> a signal to everything in the unit
//   UnrefUnit          -> we have seen its end; systemd forgets it when it is empty, too
#pragma once

#include "common/event_loop.hpp"
#include "parent/command_launcher.hpp"
#include "parent/system_bus.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace holdfast {

class UnitCommands final : public CommandLauncher {
 public:
  // program: holdfast-command, opened.
  UnitCommands(EventLoop& loop, SystemBus& bus, Fd program);
  ~UnitCommands() override;
  UnitCommands(const UnitCommands&) = delete;
  UnitCommands& operator=(const UnitCommands&) = delete;

  // Outlives what it has launched.
  Result<std::unique_ptr<StartedCommand>> launch(const Command& command, Fd output, Ended ended) override;

 private:
  class Unit;

  Status start(Unit& unit);
  void start_waiting();
  void lost();
  static int on_started(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_killed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_changed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

  EventLoop& loop_;
  SystemBus& bus_;
  std::string executable_;  // a name of the opened program that systemd can use
  Fd program_;
  std::string prefix_;  // of every unit's name; no other daemon has it, nor had this host's last one
  std::uint64_t last_number_ = 0;
  std::map<std::string, Unit*> units_;  // by the path of their objects
  std::size_t asked_ = 0;               // how many starts systemd has not answered yet
  std::deque<std::string> waiting_;     // paths, for their turn to be asked for
  Timer next_;
};

}  // namespace holdfast
