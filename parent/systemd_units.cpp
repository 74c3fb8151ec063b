#include "parent/systemd_units.hpp"

#include "parent/text.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";
// The unit has a job that contradicts ours, such as somebody's `systemctl stop`.
constexpr const char* contradicted = "org.freedesktop.systemd1.TransactionIsDestructive";
constexpr Duration pause_when_contradicted = std::chrono::milliseconds(100);

Error unreachable(const std::string& why) {
  return Error{"the system bus cannot be reached: " + why + " (without systemd, use `restart: {command: [...]}`)"};
}

}  // namespace

// One restart, from the request to systemd's word on its result.
struct SystemdUnits::Job {
  SystemdUnits* owner = nullptr;
  std::string unit;
  Done done;
  std::string path;  // of systemd's job, once it has said so
  BusSlot call;
  std::unique_ptr<Timer> again;
  std::unique_ptr<Timer> deadline;
  Status refused;  // what the deadline reports: the timeout, or why the request could not even be sent
};

struct SystemdUnits::Question {
  SystemdUnits* owner = nullptr;
  std::string path;  // of the unit's object
  Told told;
  UnitState state;
  BusSlot call;
  std::unique_ptr<Timer> deadline;
  Error refused = unreachable("no answer came");
};

SystemdUnits::SystemdUnits(EventLoop& loop, SystemBus& bus) : loop_(loop), bus_(bus) {
  const auto add_matches = [this](sd_bus* connection) {
    return sd_bus_match_signal_async(connection, nullptr, systemd_name, systemd_manager_path, systemd_manager,
                                     "JobRemoved", on_job_removed, nullptr, this);
  };
  bus_.add_user({add_matches, [this] { return lost(); }});
}

SystemdUnits::~SystemdUnits() = default;

void SystemdUnits::restart(const std::string& unit, Duration timeout, Done done) {
  Job& job = *jobs_.emplace_back(std::make_unique<Job>());
  job.owner = this;
  job.unit = unit;
  job.done = std::move(done);
  job.again = std::make_unique<Timer>(loop_, [this, &job] { request(job); });
  job.deadline = std::make_unique<Timer>(loop_, [this, &job] { finish(job, job.refused); });
  job.refused = Error{"systemd has not finished within " + readable(timeout) + " (see: systemctl status " + unit + ")"};
  job.deadline->arm(loop_.now() + timeout);
  request(job);
}

// Mode "fail": a job that contradicts ours ends first. Replacing it would make the `systemctl stop` of whoever
// just stopped the unit fail, as "canceled".
void SystemdUnits::request(Job& job) {
  const auto refuse = [&](const std::string& why) {
    job.refused = unreachable(why);
    job.deadline->arm(loop_.now());
  };
  const auto bus = bus_.connected();
  if (!bus) return refuse(bus.error().text);
  sd_bus_slot* slot = nullptr;
  const int error = sd_bus_call_method_async(*bus, &slot, systemd_name, systemd_manager_path, systemd_manager,
                                             "RestartUnit", on_reply, &job, "ss", job.unit.c_str(), "fail");
  if (error < 0) return refuse(std::strerror(-error));
  job.call.reset(slot);
}

// ---- questions ----

void SystemdUnits::ask(const std::string& unit, Told told) {
  Question& question = *questions_.emplace_back(std::make_unique<Question>());
  question.owner = this;
  question.told = std::move(told);
  question.deadline = std::make_unique<Timer>(loop_, [this, &question] { answer(question, question.refused); });
  question.deadline->arm(loop_.now() + answer_limit);
  char* path = nullptr;
  if (sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path) >= 0) {
    question.path = path;
    std::free(path);
  }
  if (!get_property(question, unit_interface, "LoadState", on_load_state)) question.deadline->arm(loop_.now());
}

bool SystemdUnits::get_property(Question& question, const char* interface, const char* property,
                                int (*on_value)(sd_bus_message*, void*, sd_bus_error*)) {
  const auto bus = bus_.connected();
  if (!bus) {
    question.refused = unreachable(bus.error().text);
    return false;
  }
  sd_bus_slot* slot = nullptr;
  const int error =
      sd_bus_call_method_async(*bus, &slot, systemd_name, question.path.c_str(), "org.freedesktop.DBus.Properties",
                               "Get", on_value, &question, "ss", interface, property);
  if (error < 0) {
    question.refused = unreachable(std::strerror(-error));
    return false;
  }
  question.call.reset(slot);
  return true;
}

// False where the question is answered, with the reason why there is no value.
bool SystemdUnits::take(sd_bus_message* message, Question& question, std::string& value) {
  const char* text = nullptr;
  if (const sd_bus_error* refused = sd_bus_message_get_error(message)) {
    question.owner->answer(question, Error{SystemBus::refusal(*refused)});
    return false;
  }
  if (sd_bus_message_read(message, "v", "s", &text) < 0) {
    question.owner->answer(question, Error{"systemd's answer makes no sense"});
    return false;
  }
  value = text;
  return true;
}

void SystemdUnits::take_load_state(sd_bus_message* message, Question& question) {
  if (!take(message, question, question.state.load)) return;
  if (!get_property(question, unit_interface, "ActiveState", on_active_state)) answer(question, question.refused);
}

void SystemdUnits::take_active_state(sd_bus_message* message, Question& question) {
  if (!take(message, question, question.state.active)) return;
  if (!get_property(question, "org.freedesktop.systemd1.Service", "Result", on_result)) {
    answer(question, question.refused);
  }
}

void SystemdUnits::take_result(sd_bus_message* message, Question& question) {
  const char* value = nullptr;
  // Other units than services have no result.
  if (!sd_bus_message_get_error(message) && sd_bus_message_read(message, "v", "s", &value) >= 0) {
    question.state.result = value;
  }
  answer(question, question.state);
}

void SystemdUnits::answer(Question& question, const Result<UnitState>& state) {
  const auto found =
      std::find_if(questions_.begin(), questions_.end(), [&](const auto& each) { return each.get() == &question; });
  const std::unique_ptr<Question> ended = std::move(*found);
  questions_.erase(found);
  ended->told(Result<UnitState>(state));
}

// ---- jobs ----

void SystemdUnits::finish(Job& job, const Status& status) {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& each) { return each.get() == &job; });
  const std::unique_ptr<Job> ended = std::move(*found);
  const Status outcome = status;  // may be the job's own
  jobs_.erase(found);
  ended->done(outcome);
}

std::function<void()> SystemdUnits::lost() {
  struct Lost {
    std::list<std::unique_ptr<Job>> jobs;
    std::list<std::unique_ptr<Question>> questions;
  };
  const auto lost = std::make_shared<Lost>(Lost{std::exchange(jobs_, {}), std::exchange(questions_, {})});
  // Nobody finishes them any more but what is given back.
  for (const auto& job : lost->jobs) job->again->disarm(), job->deadline->disarm();
  for (const auto& question : lost->questions) question->deadline->disarm();
  return [lost] {
    for (const auto& job : lost->jobs) job->done(unreachable("the connection was lost"));
    for (const auto& question : lost->questions) question->told(unreachable("the connection was lost"));
  };
}

void SystemdUnits::job_removed(const std::string& path, const std::string& result) {
  const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const auto& job) { return job->path == path; });
  if (found == jobs_.end()) return;
  Job& job = **found;
  if (result == "done") return finish(job, {});
  finish(job, Error{"systemd's job ended as '" + result + "' (see: systemctl status " + job.unit + ")"});
}

void SystemdUnits::replied(sd_bus_message* message, Job& job) {
  const char* path = nullptr;
  const sd_bus_error* refused = sd_bus_message_get_error(message);
  if (refused && std::strcmp(refused->name, contradicted) == 0) {
    job.again->arm(loop_.now() + pause_when_contradicted);
  } else if (refused) {
    // Errors that the library makes itself (no bus, connection lost) and systemd's own look alike.
    finish(job, Error{SystemBus::refusal(*refused)});
  } else if (sd_bus_message_read(message, "o", &path) >= 0) {
    job.path = path;
  } else {
    finish(job, Error{"systemd's answer makes no sense"});
  }
}

// ---- what sd-bus calls ----

int SystemdUnits::on_reply(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Job& job = *static_cast<Job*>(userdata);
  SystemdUnits& self = *job.owner;
  self.loop_.guard([&] { self.replied(message, job); });
  return 0;
}

int SystemdUnits::on_load_state(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Question& question = *static_cast<Question*>(userdata);
  SystemdUnits& self = *question.owner;
  self.loop_.guard([&] { self.take_load_state(message, question); });
  return 0;
}

int SystemdUnits::on_active_state(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Question& question = *static_cast<Question*>(userdata);
  SystemdUnits& self = *question.owner;
  self.loop_.guard([&] { self.take_active_state(message, question); });
  return 0;
}

int SystemdUnits::on_result(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  Question& question = *static_cast<Question*>(userdata);
  SystemdUnits& self = *question.owner;
  self.loop_.guard([&] { self.take_result(message, question); });
  return 0;
}

int SystemdUnits::on_job_removed(sd_bus_message* message, void* userdata, sd_bus_error*) noexcept {
  auto& self = *static_cast<SystemdUnits*>(userdata);
  std::uint32_t id = 0;
  const char *path = nullptr, *unit = nullptr, *result = nullptr;
  if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) >= 0) {
    self.loop_.guard([&] { self.job_removed(path, result); });
  }
  return 0;
}

}  // namespace holdfast
