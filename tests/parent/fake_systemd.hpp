// A bus of our own with a systemd of our own on it: what the real one answers is tested on a real one, in tests/system.
#pragma once

#include "common/fd.hpp"
#include "tests/parent/loop_support.hpp"
#include "tests/parent/temp_folder.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <csignal>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::testing {

inline const char* const bus_config = R"(<busconfig><type>system</type><listen>unix:path=@</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>)";

struct PrivateBus {
  TempFolder folder;
  std::string address = "unix:path=" + folder.file("bus");
  pid_t daemon = -1;
  EventLoop loop;

  PrivateBus() {
    std::string config = bus_config;
    config.replace(config.find('@'), 1, folder.file("bus"));
    const std::string file = "--config-file=" + folder.write("bus.conf", config, 0644);
    daemon = fork();
    if (daemon == 0) {
      execlp("dbus-daemon", "dbus-daemon", file.c_str(), "--nofork", "--nopidfile", nullptr);
      _exit(127);
    }
    REQUIRE(run_until(loop, [&] { return std::filesystem::exists(folder.file("bus")); }));
  }
  ~PrivateBus() { end(); }
  void end() {
    if (daemon > 0) kill(daemon, SIGKILL);
    if (daemon > 0) waitpid(daemon, nullptr, 0);
    daemon = -1;
  }
};

// Answers RestartUnit: the unit's name says how. Runs transient units: a process group stands in for the control group.
class FakeSystemd {
 public:
  FakeSystemd(EventLoop& loop, const std::string& address) : loop_(loop) {
    REQUIRE(sd_bus_new(&bus_) >= 0);
    REQUIRE(sd_bus_set_address(bus_, address.c_str()) >= 0);
    REQUIRE(sd_bus_set_bus_client(bus_, 1) >= 0);
    REQUIRE(sd_bus_negotiate_fds(bus_, 1) >= 0);
    REQUIRE(sd_bus_start(bus_) >= 0);
    REQUIRE(sd_bus_request_name(bus_, "org.freedesktop.systemd1", 0) >= 0);
    REQUIRE(sd_bus_add_object(bus_, nullptr, manager_path, on_call, this) >= 0);
    REQUIRE(sd_bus_add_fallback(bus_, nullptr, unit_path, on_unit_call, this) >= 0);
    REQUIRE(sd_bus_attach_event(bus_, loop.raw(), 0) >= 0);
  }
  ~FakeSystemd() { sd_bus_flush_close_unref(bus_); }

  int subscribed = 0;
  int contradictions = 0;  // how often stopping.service still has another job
  int unreferenced = 0;
  bool deaf = false;  // starts nothing and does not answer
  bool mute = false;  // the ends of units go unheard
  int started = 0;
  void forget_units() { running_.clear(); }
  std::vector<std::string> calls;  // methods that start, stop or kill

  // As while it executes itself anew.
  void leave_bus() { REQUIRE(sd_bus_release_name(bus_, "org.freedesktop.systemd1") >= 0); }
  void return_to_bus() { REQUIRE(sd_bus_request_name(bus_, "org.freedesktop.systemd1", 0) >= 0); }

 private:
  static constexpr const char* manager_path = "/org/freedesktop/systemd1";
  static constexpr const char* unit_path = "/org/freedesktop/systemd1/unit";
  struct Running {
    pid_t pid = -1;
    ChildWatch exit;
    int code = 0, status = 0;  // once it has ended
  };

  static int on_call(sd_bus_message* message, void* userdata, sd_bus_error*) {
    auto& self = *static_cast<FakeSystemd*>(userdata);
    if (self.deaf) return 1;
    const std::string_view method(sd_bus_message_get_member(message));
    if (method == "StartTransientUnit" || method == "StopUnit" || method == "KillUnit") self.calls.emplace_back(method);
    if (method == "StopUnit") return sd_bus_reply_method_return(message, "o", self.next_job().c_str());
    if (sd_bus_message_is_method_call(message, nullptr, "Subscribe")) {
      ++self.subscribed;
      return sd_bus_reply_method_return(message, "");
    }
    if (sd_bus_message_is_method_call(message, nullptr, "StartTransientUnit")) return self.start(message);
    if (sd_bus_message_is_method_call(message, nullptr, "KillUnit")) return self.kill_unit(message);
    if (sd_bus_message_is_method_call(message, nullptr, "UnrefUnit")) {
      ++self.unreferenced;
      return sd_bus_reply_method_return(message, "");
    }
    return self.restart(message);
  }

  int restart(sd_bus_message* message) {
    const char *unit = nullptr, *mode = nullptr;
    if (sd_bus_message_read(message, "ss", &unit, &mode) < 0) return 0;
    if (std::strcmp(unit, "missing.service") == 0) {
      return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.NoSuchUnit", "Unit %s not found.", unit);
    }
    if (std::strcmp(unit, "stopping.service") == 0 && contradictions > 0) {
      --contradictions;
      return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.TransactionIsDestructive",
                                        "Transaction for %s/restart is destructive", unit);
    }
    const std::string path = next_job();
    sd_bus_reply_method_return(message, "o", path.c_str());
    if (std::strcmp(unit, "slow.service") == 0) return 1;
    // Somebody else's job first: it must not be taken for ours.
    emit("/org/freedesktop/systemd1/job/999", "other.service", "failed");
    emit(path, unit, std::strcmp(unit, "broken.service") == 0 ? "failed" : "done");
    return 1;
  }

  int start(sd_bus_message* message) {
    const char *name = nullptr, *mode = nullptr, *property = nullptr, *type = nullptr;
    std::string program;
    Fd input, output, error;
    sd_bus_message_read(message, "ss", &name, &mode);
    sd_bus_message_enter_container(message, 'a', "(sv)");
    while (sd_bus_message_enter_container(message, 'r', "sv") > 0) {
      sd_bus_message_read(message, "s", &property);
      sd_bus_message_peek_type(message, nullptr, &type);
      const std::string_view is(property);
      Fd* wanted = is == "StandardInputFileDescriptor"    ? &input
                   : is == "StandardOutputFileDescriptor" ? &output
                   : is == "StandardErrorFileDescriptor"  ? &error
                                                          : nullptr;
      int fd = -1;
      if (wanted != nullptr && sd_bus_message_read(message, "v", "h", &fd) >= 0) {
        *wanted = Fd(fcntl(fd, F_DUPFD_CLOEXEC, 50));
      } else if (is == "ExecStart") {
        const char *path = nullptr, *title = nullptr;
        int ignore = 0;
        sd_bus_message_read(message, "v", "a(sasb)", 1, &path, 1, &title, &ignore);
        program = path;
      } else {
        sd_bus_message_skip(message, "v");
      }
      sd_bus_message_exit_container(message);
    }
    char* path = nullptr;
    sd_bus_path_encode("/org/freedesktop/systemd1/unit", name, &path);
    Running& unit = running_[name];
    unit.pid = fork();
    if (unit.pid == 0) {
      setsid();
      dup2(input.get(), 0), dup2(output.get(), 1), dup2(error.get(), 2);
      std::signal(SIGPIPE, SIG_IGN);
      execl(program.c_str(), "holdfast-command", nullptr);
      _exit(203);
    }
    ++started;
    unit.exit = ChildWatch(loop_, unit.pid, [this, &unit, object = std::string(path)](int status) {
      const int code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
      unit.code = code;
      unit.status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
      if (mute) return;
      sd_bus_emit_signal(bus_, object.c_str(), "org.freedesktop.DBus.Properties", "PropertiesChanged", "sa{sv}as",
                         "org.freedesktop.systemd1.Service", 4, "Type", "s", "simple", "ExecMainCode", "i", code,
                         "ExecMainStatus", "i", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), "Result",
                         "s", "success", 0);
    });
    free(path);
    return sd_bus_reply_method_return(message, "o", next_job().c_str());
  }

  int kill_unit(sd_bus_message* message) {
    const char *name = nullptr, *who = nullptr;
    int number = 0;
    sd_bus_message_read(message, "ssi", &name, &who, &number);
    const auto found = running_.find(name);
    if (found == running_.end()) {
      return sd_bus_reply_method_errorf(message, "org.freedesktop.systemd1.NoSuchUnit", "Unit %s not loaded.", name);
    }
    // Like the real one: no process at all is no error.
    if (std::string_view(who) == "all") kill(-found->second.pid, number);
    return sd_bus_reply_method_return(message, "");
  }

  static int on_unit_call(sd_bus_message* message, void* userdata, sd_bus_error*) {
    auto& self = *static_cast<FakeSystemd*>(userdata);
    if (self.deaf) return 1;
    if (!sd_bus_message_is_method_call(message, "org.freedesktop.DBus.Properties", "GetAll")) return 0;
    char* name = nullptr;
    sd_bus_path_decode(sd_bus_message_get_path(message), unit_path, &name);
    const auto found = self.running_.find(name ? name : "");
    free(name);
    const bool known = found != self.running_.end();
    const int code = known ? found->second.code : 0;
    return sd_bus_reply_method_return(message, "a{sv}", 6, "LoadState", "s", known ? "loaded" : "not-found",
                                      "ActiveState", "s", known && code == 0 ? "active" : "inactive", "Job", "(uo)", 0u,
                                      "/", "ExecMainCode", "i", code, "ExecMainStatus", "i",
                                      known ? found->second.status : 0, "Result", "s", "success");
  }

  std::string next_job() { return "/org/freedesktop/systemd1/job/" + std::to_string(++jobs_); }
  void emit(const std::string& path, const char* unit, const char* result) {
    sd_bus_emit_signal(bus_, manager_path, "org.freedesktop.systemd1.Manager", "JobRemoved", "uoss", 1u, path.c_str(),
                       unit, result);
  }

  EventLoop& loop_;
  sd_bus* bus_ = nullptr;
  unsigned jobs_ = 0;
  std::map<std::string, Running> running_;
};

}  // namespace holdfast::testing
