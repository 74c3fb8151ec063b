// Restarts units of systemd, and asks what state they are in, over the system bus, without ever waiting for it.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"
#include "parent/system_bus.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>

namespace holdfast {

// systemd's words, as `systemctl show` has them.
struct UnitState {
  std::string load;    // LoadState: "loaded", "not-found", "masked", ...
  std::string active;  // ActiveState: "active", "deactivating", "inactive", "failed", ...
  std::string result;  // Result of a service: "success", "signal", "exit-code", ...; empty for other units
  bool operator==(const UnitState&) const = default;
};

class SystemdUnits {
 public:
  using Done = std::function<void(const Status&)>;
  using Told = std::function<void(const Result<UnitState>&)>;

  static constexpr Duration answer_limit = std::chrono::seconds(2);

  SystemdUnits(EventLoop& loop, SystemBus& bus);
  ~SystemdUnits();
  SystemdUnits(const SystemdUnits&) = delete;
  SystemdUnits& operator=(const SystemdUnits&) = delete;

  // `done` is called once, from the loop: when systemd has finished the job, refused it, can't be
  // reached, or has not finished within `timeout`. The error continues "could not restart X: ".
  void restart(const std::string& unit, Duration timeout, Done done);
  // `told` is called once, from the loop, within answer_limit.
  void ask(const std::string& unit, Told told);

 private:
  struct Job;
  struct Question;

  void request(Job& job);
  void finish(Job& job, const Status& status);
  bool get_property(Question& question, const char* interface, const char* property,
                    int (*on_value)(sd_bus_message*, void*, sd_bus_error*));
  static bool take(sd_bus_message* message, Question& question, std::string& value);
  void answer(Question& question, const Result<UnitState>& state);
  std::function<void()> lost();
  void job_removed(const std::string& path, const std::string& result);
  void replied(sd_bus_message* message, Job& job);
  void take_load_state(sd_bus_message* message, Question& question);
  void take_active_state(sd_bus_message* message, Question& question);
  void take_result(sd_bus_message* message, Question& question);
  static int on_reply(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_load_state(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_active_state(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_result(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;
  static int on_job_removed(sd_bus_message* message, void* userdata, sd_bus_error* error) noexcept;

  EventLoop& loop_;
  SystemBus& bus_;
  std::list<std::unique_ptr<Job>> jobs_;
  std::list<std::unique_ptr<Question>> questions_;
};

}  // namespace holdfast
