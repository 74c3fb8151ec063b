// Restarts units of systemd over the system bus, without ever waiting for it.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace holdfast {

class UnitRestarter {
 public:
  using Done = std::function<void(const Status&)>;

  // address: of the bus, in D-Bus's syntax; empty: the system bus.
  explicit UnitRestarter(EventLoop& loop, std::string address = {});
  ~UnitRestarter();
  UnitRestarter(const UnitRestarter&) = delete;
  UnitRestarter& operator=(const UnitRestarter&) = delete;

  // `done` is called once, from the loop: when systemd has finished the job, refused it, can't be
  // reached, or has not finished within `timeout`. The error continues "could not restart X: ".
  void restart(const std::string& unit, Duration timeout, Done done);

 private:
  struct Job;
  struct CloseBus {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
  };

  Status connect();
  void request(Job& job);
  void finish(Job& job, const Status& status);
  void disconnected();
  void job_removed(const std::string& path, const std::string& result);
  static int on_reply(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_job_removed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_disconnected(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

  EventLoop& loop_;
  std::string address_;
  std::unique_ptr<sd_bus, CloseBus> bus_;
  Timer bus_lost_;  // the bus can't be let go from inside its own callback
  std::list<std::unique_ptr<Job>> jobs_;
};

}  // namespace holdfast
