#include "parent/system_bus.hpp"

#include "parent/text.hpp"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr const char* socket_path = "/run/dbus/system_bus_socket";
constexpr const char* other_address = "DBUS_SYSTEM_BUS_ADDRESS";

}  // namespace

bool systemd_runs_here() {
  return sd_booted() > 0 && (std::getenv(other_address) != nullptr || access(socket_path, F_OK) == 0);
}

SystemBus::SystemBus(EventLoop& loop, std::string address)
    : loop_(loop), address_(std::move(address)), bus_lost_(loop, [this] { disconnected(); }) {
  if (!address_.empty()) return;
  const char* given = std::getenv(other_address);
  address_ = given ? given : std::string("unix:path=") + socket_path;
}

Result<sd_bus*> SystemBus::connected() {
  if (bus_ && sd_bus_is_open(bus_.get()) > 0) return bus_.get();
  if (bus_) {
    bus_lost_.arm(loop_.now());  // first everybody learns of that
    return Error{"the connection was lost just now"};
  }
  sd_bus* raw = nullptr;
  int error = sd_bus_new(&raw);
  if (error < 0) return Error{std::strerror(-error)};
  std::unique_ptr<sd_bus, CloseBus> bus(raw);
  if ((error = sd_bus_set_address(raw, address_.c_str())) < 0 || (error = sd_bus_set_bus_client(raw, 1)) < 0 ||
      (error = sd_bus_negotiate_fds(raw, 1)) < 0 || (error = sd_bus_start(raw)) < 0 ||
      (error = sd_bus_attach_event(raw, loop_.raw(), 0)) < 0 ||
      (error =
           sd_bus_match_signal_async(raw, nullptr, nullptr, "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                     "Disconnected", on_disconnected, nullptr, this)) < 0) {
    return Error{std::strerror(-error)};
  }
  // What was sent is on its way; the end of the loop must not wait for a bus that takes nothing.
  sd_bus_set_close_on_exit(raw, 0);
  for (const User& user : users_) {
    if ((error = user.add_matches(raw)) < 0) return Error{std::strerror(-error)};
  }
  // systemd sends its signals only while somebody has subscribed.
  error = sd_bus_call_method_async(raw, nullptr, systemd_name, systemd_manager_path, systemd_manager, "Subscribe",
                                   nullptr, nullptr, "");
  if (error < 0) return Error{std::strerror(-error)};
  bus_ = std::move(bus);
  return bus_.get();
}

std::string SystemBus::refusal(const sd_bus_error& error) {
  return "systemd refused: " + one_line(error.message ? error.message : error.name);
}

bool SystemBus::is_by_systemd(sd_bus_message* answer) {
  const char* sender = sd_bus_message_get_sender(answer);
  return sender != nullptr && sender[0] == ':';
}

// Whoever hears of it may ask for the next thing, which opens the bus anew.
void SystemBus::disconnected() {
  bus_.reset();
  std::vector<std::function<void()>> tell;
  for (const User& user : users_) tell.push_back(user.lost());
  for (const auto& each : tell) each();
}

int SystemBus::on_disconnected(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
  auto* self = static_cast<SystemBus*>(userdata);
  self->bus_lost_.arm(self->loop_.now());
  return 0;
}

}  // namespace holdfast
