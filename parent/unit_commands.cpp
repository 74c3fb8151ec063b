#include "parent/unit_commands.hpp"

#include "parent/command_exec.hpp"
#include "parent/text.hpp"

#include <fcntl.h>
#include <sys/stat.h>
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
#include <iterator>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast {
namespace {

constexpr const char* service_interface = "org.freedesktop.systemd1.Service";
// The bus grants a connection no more than 128 unanswered calls.
constexpr std::size_t most_asked = 32;
constexpr std::size_t most_doubts = 256;
// A belt: systemd ends a command itself, where we can't any more.
constexpr Duration belt = std::chrono::seconds(10);
// How soon systemd is asked again, when it was not there to answer.
constexpr Duration ask_again_pause = std::chrono::milliseconds(200);

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

std::string unreachable(const std::string& why) { return "the system bus cannot be reached: " + why; }

// A name of our network namespace for systemd; empty where it is systemd's own. Where that can't be seen, it is named.
std::string other_network_than_systemd() {
  struct stat ours {
  }, systemds{};
  const std::string path = "/proc/" + std::to_string(getpid()) + "/ns/net";
  if (stat(path.c_str(), &ours) != 0) return {};
  const bool same =
      stat("/proc/1/ns/net", &systemds) == 0 && ours.st_dev == systemds.st_dev && ours.st_ino == systemds.st_ino;
  return same ? "" : path;
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

// What systemd says of a unit: all of it, or what has changed.
struct UnitCommands::Seen {
  std::int32_t code = 0, status = 0;  // of its main process, once that has ended
  std::uint32_t job = 0;              // one is still to be done
  std::string result{}, active{}, load{};
};

// A unit that may run on unheard: it is killed before anything else is started.
struct UnitCommands::Doubt {
  UnitCommands& owner;
  std::string name;
  BusSlot call;
};

class UnitCommands::Unit final : public StartedCommand {
 public:
  // waiting: for its turn. asked: systemd has been asked to start it, and has not answered. started: systemd knows it.
  enum class State { waiting, asked, started, over };

  Unit(UnitCommands& commands, std::string unit_name, std::string unit_path, Handlers its_handlers)
      : owner(commands), name(std::move(unit_name)), path(std::move(unit_path)), handlers(std::move(its_handlers)) {
    owner.units_[path] = this;
  }
  ~Unit() override {
    owner.units_.erase(path);
    if (end_call) owner.end_answered(*this);
    if (state == State::asked) owner.answered();
    if (state == State::asked || state == State::started) send("UnrefUnit", "s", name.c_str());
  }

  void signal(int number) override {
    if (state == State::waiting) {
      state = State::over;
      owner.next_.arm(owner.loop_.now());  // tells
    }
    if (state == State::over) return;
    send("KillUnit", "ssi", name.c_str(), "all", number);
    if (number == SIGKILL) look();  // its end may have gone unheard
  }

  // The last that is done with it: the handler may destroy it.
  void end(const End& how) {
    if (!handlers.ended) return;
    const auto tell = std::exchange(handlers.ended, nullptr);
    tell(how);
  }

  // Asks systemd how it is, where it knows the unit.
  void look() {
    const auto bus = owner.bus_.connected();
    if (!bus || state != State::started || look_call) return;
    sd_bus_slot* slot = nullptr;
    sd_bus_call_method_async(*bus, &slot, systemd_name, path.c_str(), "org.freedesktop.DBus.Properties", "GetAll",
                             on_looked, this, "s", "");
    look_call.reset(slot);
  }

  void seen(const Seen& what) {
    const bool is_gone =
        what.load == "not-found" || ((what.active == "inactive" || what.active == "failed") && !what.job);
    if (what.code != 0) {
      process_ended(what.code == CLD_EXITED ? W_EXITCODE(what.status, 0) : W_EXITCODE(0, what.status));
    } else if (!what.result.empty() && what.result != "success") {
      end({End::Kind::not_started, 0, "systemd cannot run it: " + what.result + " (see: journalctl -u " + name + ")"});
    } else if (is_gone) {
      end({End::Kind::unknown, 0, "systemd does not know any more how it ended"});
    }
  }

  // The unit's process has ended, with what it has told of itself.
  void process_ended(int status) {
    std::array<char, 1024> buffer;
    const ssize_t size = read(failure.get(), buffer.data(), buffer.size());
    const std::string said(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
    if (said.empty()) {
      return end({End::Kind::not_started, 0,
                  "systemd cannot run Holdfast's program holdfast-command (see: journalctl -u " + name + ")"});
    }
    const std::string why = said.substr(1);
    end({why.empty() ? End::Kind::exited : End::Kind::not_started, status, why});
  }

  template <class... Arguments>
  void send(const char* method, const char* types, Arguments... arguments) {
    const auto bus = owner.bus_.connected();
    if (!bus) return;
    sd_bus_call_method_async(*bus, nullptr, systemd_name, systemd_manager_path, systemd_manager, method, nullptr,
                             nullptr, types, arguments...);
  }

  UnitCommands& owner;
  std::string name, path;
  Handlers handlers;  // `ended` is empty once it has been called
  State state = State::waiting;
  std::string description;
  Duration limit{};
  Fd input, output, failure_end;  // the unit's, until systemd has been asked
  Fd failure;                     // ours
  BusSlot start_call, look_call, end_call;
};

UnitCommands::UnitCommands(EventLoop& loop, SystemBus& bus, Fd program)
    : loop_(loop),
      bus_(bus),
      program_(std::move(program)),
      next_(loop, [this] { start_waiting(); }),
      close_timer_(loop, [this] { std::exchange(closed_, nullptr)(); }) {
  // The very program that was opened at our start, also after an upgrade has put another one in its place.
  executable_ = "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(program_.get());
  sd_id128_t random{};
  sd_id128_randomize(&random);
  char text[SD_ID128_STRING_MAX];
  prefix_ = "holdfast-command-" + std::string(sd_id128_to_string(random, text)).substr(0, 16) + "-";
  network_ = other_network_than_systemd();
  const auto add_matches = [this](sd_bus* connection) {
    const int error =
        sd_bus_match_signal_async(connection, nullptr, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                  "org.freedesktop.DBus", "NameOwnerChanged", on_owner_changed, nullptr, this);
    if (error < 0) return error;
    const std::string rule = std::string("type='signal',sender='") + systemd_name +
                             "',path_namespace='/org/freedesktop/systemd1/unit',"
                             "interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',arg0='" +
                             service_interface + "'";
    return sd_bus_add_match_async(connection, nullptr, rule.c_str(), on_changed, nullptr, this);
  };
  bus_.add_user({add_matches, [this] { return lost(); }});
}

UnitCommands::~UnitCommands() = default;

Result<std::unique_ptr<StartedCommand>> UnitCommands::launch(const Command& command, Fd output, Handlers handlers) {
  // Nobody has needed that; it would have to be in a file that systemd may read for it.
  if (!command.input.empty()) return Error{"a command that is given some input cannot be a unit of systemd"};
  const std::string name = prefix_ + std::to_string(++last_number_) + ".service";
  char* path = nullptr;
  if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", name.c_str(), &path) < 0) return Error{"out of memory"};
  auto unit = std::make_unique<Unit>(*this, name, path, std::move(handlers));
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
  waiting_.push_back(unit->path);
  next_.arm(loop_.now());
  return std::unique_ptr<StartedCommand>(std::move(unit));
}

void UnitCommands::close(std::function<void()> closed) {
  closed_ = std::move(closed);
  close_timer_.arm(loop_.now());
  const auto bus = bus_.connected();
  if (!bus) return;
  for (const auto& [path, unit] : units_) {
    if (!unit->handlers.ended || (unit->state != Unit::State::asked && unit->state != Unit::State::started)) continue;
    sd_bus_slot* slot = nullptr;
    sd_bus_call_method_async(*bus, &slot, systemd_name, systemd_manager_path, systemd_manager, "KillUnit",
                             on_end_answered, unit, "ssi", unit->name.c_str(), "all", SIGTERM);
    unit->end_call.reset(slot);
    close_timer_.arm(loop_.now() + close_limit);
  }
}

void UnitCommands::end_answered(Unit& unit) {
  unit.end_call.reset();
  const bool all = std::none_of(units_.begin(), units_.end(), [](const auto& each) { return !!each.second->end_call; });
  if (all && closed_) close_timer_.arm(loop_.now());
}

void UnitCommands::answered() {
  --asked_;
  if (!waiting_.empty()) next_.arm(loop_.now());
}

// A handler may launch the next one, or destroy any.
void UnitCommands::start_waiting() {
  std::vector<std::string> called_off;
  for (const auto& [path, unit] : units_) {
    if (unit->state == Unit::State::over) called_off.push_back(path);
  }
  end_all(called_off, "it was called off before its turn");
  std::erase_if(waiting_, [this](const std::string& path) {
    const auto found = units_.find(path);
    return found == units_.end() || found->second->state != Unit::State::waiting;
  });
  if (!doubts_.empty() && !waiting_.empty()) return kill_doubts();
  while (asked_ < most_asked && !waiting_.empty()) {
    const auto found = units_.find(waiting_.front());
    waiting_.pop_front();
    if (found == units_.end() || found->second->state != Unit::State::waiting) continue;
    Unit& unit = *found->second;
    if (const Status started = start(unit); !started) unit.end({End::Kind::unknown, 0, started.error().text});
  }
}

void UnitCommands::end_all(const std::vector<std::string>& paths, const std::string& why) {
  for (const std::string& path : paths) {
    const auto found = units_.find(path);
    if (found != units_.end()) found->second->end({End::Kind::unknown, 0, why});
  }
}

void UnitCommands::doubt(const std::string& name) {
  doubts_.push_back(std::make_unique<Doubt>(Doubt{*this, name, nullptr}));
  if (doubts_.size() > most_doubts) doubts_.pop_front();
}

// Until systemd itself has answered for each of them; whoever waits meanwhile has a limit of his own.
void UnitCommands::kill_doubts() {
  const auto bus = bus_.connected();
  if (!bus) {
    return end_all({std::make_move_iterator(waiting_.begin()), std::make_move_iterator(waiting_.end())},
                   unreachable(bus.error().text));
  }
  std::size_t under_way = 0;
  for (const auto& doubt : doubts_) {
    if (++under_way > most_asked) break;
    if (doubt->call) continue;
    // A start that systemd has not come to, and what runs.
    sd_bus_slot* slot = nullptr;
    sd_bus_call_method_async(*bus, nullptr, systemd_name, systemd_manager_path, systemd_manager, "StopUnit", nullptr,
                             nullptr, "ss", doubt->name.c_str(), "replace");
    sd_bus_call_method_async(*bus, &slot, systemd_name, systemd_manager_path, systemd_manager, "KillUnit",
                             on_doubt_killed, doubt.get(), "ssi", doubt->name.c_str(), "all", SIGKILL);
    doubt->call.reset(slot);
  }
}

Status UnitCommands::start(Unit& unit) {
  const auto bus = bus_.connected();
  if (!bus) return Error{unreachable(bus.error().text)};
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
  if (!network_.empty()) add("NetworkNamespacePath", "s", network_.c_str());
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

void UnitCommands::start_answered(sd_bus_message* message, Unit& unit) {
  answered();
  const sd_bus_error* error = sd_bus_message_get_error(message);
  if (!error) {
    unit.state = Unit::State::started;
    unit.handlers.started();
  } else if (SystemBus::is_by_systemd(message)) {
    unit.state = Unit::State::over;
    unit.end({End::Kind::not_started, 0, SystemBus::refusal(*error)});
  } else {
    unit.state = Unit::State::over;
    doubt(unit.name);
    unit.end(
        {End::Kind::unknown, 0, "systemd did not answer: " + one_line(error->message ? error->message : error->name)});
  }
}

void UnitCommands::doubt_answered(sd_bus_message* message, Doubt& doubt) {
  const bool is_settled = !sd_bus_message_get_error(message) || SystemBus::is_by_systemd(message);
  doubt.call.reset();
  if (is_settled) std::erase_if(doubts_, [&](const auto& each) { return each.get() == &doubt; });
  next_.arm(loop_.now() + (is_settled ? Duration{} : ask_again_pause));
}

// A dictionary of properties.
std::optional<UnitCommands::Seen> UnitCommands::read_properties(sd_bus_message* message) {
  Seen seen;
  if (sd_bus_message_enter_container(message, 'a', "{sv}") < 0) return {};
  while (sd_bus_message_enter_container(message, 'e', "sv") > 0) {
    const char *property = nullptr, *text = nullptr;
    if (sd_bus_message_read(message, "s", &property) < 0) return {};
    const std::string_view name(property);
    std::string* wanted = name == "Result"        ? &seen.result
                          : name == "ActiveState" ? &seen.active
                          : name == "LoadState"   ? &seen.load
                                                  : nullptr;
    int read = 0;
    if (name == "ExecMainCode") {
      read = sd_bus_message_read(message, "v", "i", &seen.code);
    } else if (name == "ExecMainStatus") {
      read = sd_bus_message_read(message, "v", "i", &seen.status);
    } else if (name == "Job") {
      read = sd_bus_message_read(message, "v", "(uo)", &seen.job, &text);
    } else if (wanted) {
      read = sd_bus_message_read(message, "v", "s", &text);
      if (text) *wanted = text;
    } else {
      read = sd_bus_message_skip(message, "v");
    }
    if (read < 0 || sd_bus_message_exit_container(message) < 0) return {};
  }
  return seen;
}

void UnitCommands::changed(sd_bus_message* message) {
  const char* path = sd_bus_message_get_path(message);
  const auto found = units_.find(path ? path : "");
  if (found == units_.end() || sd_bus_message_skip(message, "s") < 0) return;
  if (const auto seen = read_properties(message)) found->second->seen(*seen);
}

void UnitCommands::looked(sd_bus_message* message, Unit& unit) {
  unit.look_call.reset();
  if (sd_bus_message_get_error(message)) {
    if (SystemBus::is_by_systemd(message)) unit.seen({.load = "not-found"});
  } else if (const auto seen = read_properties(message)) {
    unit.seen(*seen);
  }
}

// systemd has executed itself anew: what ended meanwhile went unheard.
void UnitCommands::owner_changed(sd_bus_message* message) {
  const char *name = nullptr, *before = nullptr, *now = nullptr;
  if (sd_bus_message_read(message, "sss", &name, &before, &now) < 0) return;
  if (std::string_view(name) != systemd_name || *now == '\0') return;
  for (const auto& [path, unit] : units_) unit->look();
}

std::function<void()> UnitCommands::lost() {
  std::vector<std::string> paths;
  for (const auto& [path, unit] : units_) {
    if (unit->state != Unit::State::asked && unit->state != Unit::State::started) continue;
    if (unit->handlers.ended) doubt(unit->name);
    unit->state = Unit::State::over;
    paths.push_back(path);
  }
  for (const auto& doubt : doubts_) doubt->call.reset();
  asked_ = 0;
  next_.arm(loop_.now());
  return [this, paths] { end_all(paths, "the connection to the system bus was lost meanwhile"); };
}

// ---- what sd-bus calls ----

int UnitCommands::on_started(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Unit& unit = *static_cast<Unit*>(userdata);
  UnitCommands& self = unit.owner;
  self.loop_.guard([&] { self.start_answered(message, unit); });
  return 0;
}

int UnitCommands::on_end_answered(sd_bus_message*, void* userdata, sd_bus_error*) noexcept {
  Unit& unit = *static_cast<Unit*>(userdata);
  UnitCommands& self = unit.owner;
  self.loop_.guard([&] { self.end_answered(unit); });
  return 0;
}

int UnitCommands::on_looked(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Unit& unit = *static_cast<Unit*>(userdata);
  UnitCommands& self = unit.owner;
  self.loop_.guard([&] { self.looked(message, unit); });
  return 0;
}

int UnitCommands::on_doubt_killed(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Doubt& doubt = *static_cast<Doubt*>(userdata);
  UnitCommands& self = doubt.owner;
  self.loop_.guard([&] { self.doubt_answered(message, doubt); });
  return 0;
}

int UnitCommands::on_changed(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  auto& self = *static_cast<UnitCommands*>(userdata);
  self.loop_.guard([&] { self.changed(message); });
  return 0;
}

int UnitCommands::on_owner_changed(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  auto& self = *static_cast<UnitCommands*>(userdata);
  self.loop_.guard([&] { self.owner_changed(message); });
  return 0;
}

}  // namespace holdfast
