// The one connection to the system bus, for whoever wants something of systemd. Made when it is first needed, and again
// after it was lost; never waited for.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"

#include <systemd/sd-bus.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace holdfast {

inline constexpr const char* systemd_name = "org.freedesktop.systemd1";
inline constexpr const char* systemd_manager_path = "/org/freedesktop/systemd1";
inline constexpr const char* systemd_manager = "org.freedesktop.systemd1.Manager";

struct UnrefBusSlot {
  void operator()(sd_bus_slot* slot) const { sd_bus_slot_unref(slot); }
};
using BusSlot = std::unique_ptr<sd_bus_slot, UnrefBusSlot>;

// Whether systemd runs this host and can be asked to run something: it booted it, and the system bus has its socket.
bool systemd_runs_here();

class SystemBus {
 public:
  struct User {
    std::function<int(sd_bus*)> add_matches;  // asks for signals of a new connection; negative: an errno
    // What was asked for is not answered any more. From the loop, in two steps, since whoever is told may ask any user
    // for the next thing: every user lays aside what it had asked for, and gives what then tells of it.
    std::function<std::function<void()>()> lost;
  };

  // address: of the bus, in D-Bus's syntax; empty: the system bus.
  explicit SystemBus(EventLoop& loop, std::string address = {});
  SystemBus(const SystemBus&) = delete;
  SystemBus& operator=(const SystemBus&) = delete;

  // The user outlives every turn of the loop from now on.
  void add_user(User user) { users_.push_back(std::move(user)); }
  // Calls may be queued on it at once: connecting and authentication go on in the loop. systemd sends its signals.
  Result<sd_bus*> connected();
  // What "systemd refused: ..." continues with.
  static std::string refusal(const sd_bus_error& error);
  // Whether systemd itself gave this answer. Otherwise the bus or the library made it up: systemd is away, or the
  // connection is, and nobody can say whether it did what it was asked for.
  static bool is_by_systemd(sd_bus_message* answer);

 private:
  struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
  };
  void disconnected();
  static int on_disconnected(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

  EventLoop& loop_;
  std::string address_;
  std::vector<User> users_;
  std::unique_ptr<sd_bus, CloseBus> bus_;
  Timer bus_lost_;  // the bus can't be let go from inside its own callback
};

}  // namespace holdfast
