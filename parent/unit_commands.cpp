#include "parent/unit_commands.hpp"

#include "parent/command_exec.hpp"
#include "parent/text.hpp"

#include <fcntl.h>
#include <sys/syslog.h>
#include <sys/wait.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

constexpr const char* service_interface = "org.freedesktop.systemd1.Service";
// The bus grants a connection no more than 128 unanswered calls.
constexpr std::size_t most_asked = 32;
// A belt: systemd ends a command itself, where we can't any more.
constexpr Duration belt = std::chrono::seconds(10);

struct UnrefMessage {
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Message = std::unique_ptr<sd_bus_message, UnrefMessage>;

std::string description_of(const Command& command) {
  std::string text = "Holdfast runs";
  for (const std::string& argument : command.argv) text += " " + argument;
  return one_line(text, 120);
}

std::uint64_t microseconds(Duration time) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(time).count());
}

// Every end is a success to systemd: it is ours to judge, and a check that fails each second must not fill the journal.
int append_every_end(sd_bus_message* message) {
  std::vector<std::int32_t> statuses, signals;
  for (int status = 1; status <= 255; ++status) statuses.push_back(status);
  for (int number = 1; number < NSIG; ++number) signals.push_back(number);
  int error = sd_bus_message_open_container(message, 'r', "sv");
  if (error >= 0) error = sd_bus_message_append(message, "s", "SuccessExitStatus");
  if (error >= 0) error = sd_bus_message_open_container(message, 'v', "(aiai)");
  if (error >= 0) error = sd_bus_message_open_container(message, 'r', "aiai");
  for (const auto* numbers : {&statuses, &signals}) {
    if (error >= 0) {
      error = sd_bus_message_append_array(message, 'i', numbers->data(), numbers->size() * sizeof(std::int32_t));
    }
  }
  for (int depth = 0; depth < 3 && error >= 0; ++depth) error = sd_bus_message_close_container(message);
  return error;
}

}  // namespace

class UnitCommands::Unit final : public StartedCommand {
 public:
  // waiting: for its turn. asked: systemd has been asked to start it, and has not answered. started: systemd knows it.
  enum class State { waiting, asked, started, over };

  Unit(UnitCommands& commands, std::string unit_name, std::string unit_path, Ended when_ended)
      : owner(commands), name(std::move(unit_name)), path(std::move(unit_path)), ended(std::move(when_ended)) {
    owner.units_[path] = this;
  }
  ~Unit() override {
    owner.units_.erase(path);
    if (state == State::asked) --owner.asked_;
    if (state == State::asked || state == State::started) call("UnrefUnit", nullptr, "s", name.c_str());
  }

  void signal(int number) override {
    if (state == State::waiting) state = State::over;  // its turn will tell
    if (state == State::over) return;
    kill_call.reset();
    call("KillUnit", number == SIGKILL ? &kill_call : nullptr, "ssi", name.c_str(), "all", number);
  }

  // The last that is done with it: the handler may destroy it.
  void end(int status, const std::string& why_not) {
    if (!ended) return;
    const auto tell = std::exchange(ended, nullptr);
    tell(status, why_not);
  }

  // The unit's process has ended, with what it has told of itself.
  void process_ended(int status) {
    std::array<char, 1024> buffer;
    const ssize_t size = read(failure.get(), buffer.data(), buffer.size());
    const std::string said(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (said.empty()) {
      return end(0, "systemd cannot run Holdfast's program holdfast-command (see: journalctl -u " + name + ")");
    }
    end(status, said.substr(1));
  }

  template <class... Arguments>
  void call(const char* method, BusSlot* answered, const char* types, Arguments... arguments) {
    const auto bus = owner.bus_.connected();
    if (!bus) return;
    sd_bus_slot* slot = nullptr;
    sd_bus_call_method_async(*bus, answered ? &slot : nullptr, systemd_name, systemd_manager_path, systemd_manager,
                             method, answered ? on_killed : nullptr, this, types, arguments...);
    if (answered) answered->reset(slot);
  }

  UnitCommands& owner;
  std::string name, path;
  Ended ended;  // empty once it has been called
  State state = State::waiting;
  std::string description;
  Duration limit{};
  Fd input, output, failure_end;  // the unit's, until systemd has been asked
  Fd failure;                     // ours
  BusSlot start_call, kill_call;
};

UnitCommands::UnitCommands(EventLoop& loop, SystemBus& bus, Fd program)
    : loop_(loop), bus_(bus), program_(std::move(program)), next_(loop, [this] { start_waiting(); }) {
  // The very program that was opened at our start, also after an upgrade has put another one in its place.
  executable_ = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(program_.get());
  sd_id128_t random{};
  sd_id128_randomize(&random);
  char text[SD_ID128_STRING_MAX];
  prefix_ = "holdfast-command-" + std::string(sd_id128_to_string(random, text)).substr(0, 16) + "-";
  const auto add_matches = [this](sd_bus* connection) {
    const std::string rule = std::string("type='signal',sender='") + systemd_name +
                             "',path_namespace='/org/freedesktop/systemd1/unit',"
                             "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0='" +
                             service_interface + "'";
    return sd_bus_add_match_async(connection, nullptr, rule.c_str(), on_changed, nullptr, this);
  };
  bus_.add_user({add_matches, [this] { lost(); }});
}

UnitCommands::~UnitCommands() = default;

Result<std::unique_ptr<StartedCommand>> UnitCommands::launch(const Command& command, Fd output, Ended ended) {
  const std::string name = prefix_ + std::to_string(++last_number_) + ".service";
  char* path = nullptr;
  if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", name.c_str(), &path) < 0) return Error{"out of memory"};
  auto unit = std::make_unique<Unit>(*this, name, path, std::move(ended));
  std::free(path);
  auto input = file_with(encode_command(command));
  if (!input) return input.error();
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return Error{std::string("cannot make a pipe: ") + std::strerror(errno)};
  unit->failure = Fd(ends[0]);
  unit->failure_end = Fd(ends[1]);
  fcntl(unit->failure.get(), F_SETFL, O_NONBLOCK);
  unit->input = std::move(*input);
  unit->output = std::move(output);
  unit->description = description_of(command);
  unit->limit = command.timeout + belt;
  if (asked_ < most_asked && waiting_.empty()) {
    if (const Status started = start(*unit); !started) return started.error();
  } else {
    waiting_.push_back(unit->path);
  }
  return std::unique_ptr<StartedCommand>(std::move(unit));
}

void UnitCommands::start_waiting() {
  while (asked_ < most_asked && !waiting_.empty()) {
    const auto found = units_.find(waiting_.front());
    waiting_.pop_front();
    if (found == units_.end()) continue;
    Unit& unit = *found->second;
    const Status started = unit.state == Unit::State::waiting ? start(unit) : Error{"its turn came too late"};
    if (!started) unit.end(0, started.error().text);
  }
}

Status UnitCommands::start(Unit& unit) {
  const auto bus = bus_.connected();
  if (!bus) return Error{"the system bus cannot be reached: " + bus.error().text};
  sd_bus_message* raw = nullptr;
  int error = sd_bus_message_new_method_call(*bus, &raw, systemd_name, systemd_manager_path, systemd_manager,
                                             "StartTransientUnit");
  const Message message(raw);
  const auto add = [&](const char* property, const char* type, auto... value) {
    if (error >= 0) error = sd_bus_message_append(raw, "(sv)", property, type, value...);
  };
  if (error >= 0) error = sd_bus_message_append(raw, "ss", unit.name.c_str(), "fail");
  if (error >= 0) error = sd_bus_message_open_container(raw, 'a', "(sv)");
  add("Description", "s", unit.description.c_str());
  // At the shutdown of the host notifications must still be possible: nothing conflicts with that.
  add("DefaultDependencies", "b", 0);
  add("CollectMode", "s", "inactive-or-failed");
  add("AddRef", "b", 1);
  // What it started in the background lives on; what is to be ended is ended by KillUnit.
  add("KillMode", "s", "process");
  add("RuntimeMaxUSec", "t", microseconds(unit.limit));
  add("IgnoreSIGPIPE", "b", 0);
  // Without "Started ..." and "Deactivated ..." of each run; what a script gives to logger(1) passes.
  add("LogLevelMax", "i", LOG_NOTICE);
  add("StandardInputFileDescriptor", "h", unit.input.get());
  add("StandardOutputFileDescriptor", "h", unit.output.get());
  add("StandardErrorFileDescriptor", "h", unit.failure_end.get());
  add("ExecStart", "a(sasb)", 1, executable_.c_str(), 1, "holdfast-command", 0);
  if (error >= 0) error = append_every_end(raw);
  if (error >= 0) error = sd_bus_message_close_container(raw);
  if (error >= 0) error = sd_bus_message_append(raw, "a(sa(sv))", 0);
  sd_bus_slot* slot = nullptr;
  if (error >= 0) error = sd_bus_call_async(*bus, &slot, raw, on_started, &unit, 0);
  if (error < 0) return Error{std::string("systemd cannot be asked to run it: ") + std::strerror(-error)};
  unit.start_call.reset(slot);
  unit.state = Unit::State::asked;
  ++asked_;
  for (Fd* passed_on : {&unit.input, &unit.output, &unit.failure_end}) *passed_on = Fd();
  return {};
}

int UnitCommands::on_started(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Unit& unit = *static_cast<Unit*>(userdata);
  UnitCommands& self = unit.owner;
  --self.asked_;
  if (!self.waiting_.empty()) self.next_.arm(self.loop_.now());
  if (const sd_bus_error* refused = sd_bus_message_get_error(message)) {
    unit.state = Unit::State::over;
    unit.end(0, SystemBus::refusal(*refused));
  } else {
    unit.state = Unit::State::started;
  }
  return 0;
}

// There is nothing to kill any more, and yet we did not hear of its end.
int UnitCommands::on_killed(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Unit& unit = *static_cast<Unit*>(userdata);
  if (sd_bus_message_get_error(message) && unit.state == Unit::State::started) unit.end(0, "it is gone");
  return 0;
}

int UnitCommands::on_changed(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  auto& self = *static_cast<UnitCommands*>(userdata);
  const char* path = sd_bus_message_get_path(message);
  const auto found = self.units_.find(path ? path : "");
  if (found == self.units_.end() || sd_bus_message_skip(message, "s") < 0) return 0;
  std::int32_t code = 0, status = 0;
  std::string result;
  if (sd_bus_message_enter_container(message, 'a', "{sv}") < 0) return 0;
  while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
    const char *property = nullptr, *text = nullptr;
    if (sd_bus_message_read(message, "s", &property) < 0) return 0;
    const std::string_view name(property);
    int read = 0;
    if (name == "ExecMainCode") {
      read = sd_bus_message_read(message, "v", "i", &code);
    } else if (name == "ExecMainStatus") {
      read = sd_bus_message_read(message, "v", "i", &status);
    } else if (name == "Result") {
      read = sd_bus_message_read(message, "v", "s", &text);
      if (text) result = text;
    } else {
      read = sd_bus_message_skip(message, "v");
    }
    if (read < 0 || sd_bus_message_exit_container(message) < 0) return 0;
  }
  Unit& unit = *found->second;
  if (code != 0) {
    unit.process_ended(code == CLD_EXITED ? W_EXITCODE(status, 0) : W_EXITCODE(0, status));
  } else if (!result.empty() && result != "success") {
    unit.end(0, "systemd cannot run it: " + result + " (see: journalctl -u " + unit.name + ")");
  }
  return 0;
}

void UnitCommands::lost() {
  asked_ = 0;
  // A handler may launch the next one.
  std::vector<std::string> paths;
  for (const auto& [path, unit] : units_) {
    if (unit->state != Unit::State::asked && unit->state != Unit::State::started) continue;
    unit->state = Unit::State::over;
    paths.push_back(path);
  }
  for (const std::string& path : paths) {
    const auto found = units_.find(path);
    if (found != units_.end()) found->second->end(0, "the connection to the system bus was lost meanwhile");
  }
  next_.arm(loop_.now());
}

}  // namespace holdfast
