// Stands in for both children in the supervisor's tests. It logs what it is told, and says what a test makes
// it say by a signal. Its title chooses the role and how it misbehaves: "holdfast-vrrp: die".
#include "common/channel.hpp"
#include "common/event_loop.hpp"
#include "common/privileges.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

using namespace holdfast;

namespace {

std::string title;

bool asked_to(const char* misbehaviour) { return title.find(misbehaviour) != std::string::npos; }

void send_raw(const std::vector<std::uint8_t>& bytes) { send(child_channel_fd, bytes.data(), bytes.size(), 0); }

template <class Out, class In, class Item>
class Fake {
 public:
  explicit Fake(EventLoop& loop)
      : loop_(loop),
        channel_(loop, Fd(child_channel_fd),
                 {[this](In&& message) { std::visit([this](auto&& m) { on(m); }, message); },
                  [this](const std::string&) { loop_.exit(0); }}) {
    if (asked_to("mute")) return;
    channel_.send(ChildReady{effective_capabilities()});
  }

  void say(const Out& message) { channel_.send(message); }
  const std::vector<Item>& items() const { return items_; }
  const std::vector<std::string>& watched() const { return watched_; }

 private:
  void log(const std::string& text) { channel_.send(Logged{LogLevel::info, text}); }

  void on(const BeginConfig&) {
    items_.clear();
    watched_.clear();
  }
  void on(const ConfigureInstance& m) {
    items_.push_back(m);
    log("instance " + std::to_string(m.id.value) + " " + m.router.name + " priority " +
        std::to_string(m.standing.priority.value) + (m.leader ? " follows " + std::to_string(m.leader->value) : "") +
        (m.was_active_at ? " was active " + std::to_string(m.was_active_at->time_since_epoch().count()) : ""));
  }
  void on(const ConfigureCheck& m) {
    items_.push_back(m);
    log("check " + std::to_string(m.id.value) + " " + m.check.name);
  }
  void on(const WatchInterface& m) {
    watched_.push_back(m.name);
    log("watch " + m.name);
  }
  void on(const CommitConfig& m) {
    channel_.send(ConfigApplied{m.generation});
    log("applied " + std::to_string(m.generation));
    if (asked_to("die")) loop_.exit(3);
  }
  void on(const SetPriority& m) {
    log("set " + std::to_string(m.id.value) + " priority " + std::to_string(m.standing.priority.value) +
        (m.standing.fitness == Fitness::fit ? "" : " unfit") + ": " + m.standing.reason);
  }
  void on(const ProbeNow& m) { log("probe " + std::to_string(m.id.value)); }
  void on(const ScriptFinished& m) {
    log("script " + std::to_string(m.id.value) + " run " + std::to_string(m.run) + (m.ok ? " good: " : " bad: ") +
        m.detail);
  }
  void on(const RequestReports& m) {
    if (!asked_to("silent")) channel_.send(ReportsDone{m.serial});
  }
  void on(const Ping& m) { channel_.send(Pong{m.serial}); }
  void on(const Shutdown&) {
    log("told to leave");
    if (!asked_to("stay")) loop_.exit(0);
  }

  EventLoop& loop_;
  std::vector<Item> items_;
  std::vector<std::string> watched_;  // interfaces
  Channel<Out, In> channel_;
};

int run_vrrp(EventLoop& loop) {
  Fake<VrrpToParent, ParentToVrrp, ConfigureInstance> fake(loop);
  const auto all_become = [&](InstanceState from, InstanceState to) {
    for (const auto& item : fake.items()) {
      fake.say(StateChanged{item.id, from, to, "because\nof the test", Priority{100}, loop.now()});
    }
  };
  const SignalWatch active(loop, SIGUSR1, [&] { all_become(InstanceState::backup, InstanceState::active); });
  const SignalWatch fault(loop, SIGUSR2, [&] { all_become(InstanceState::backup, InstanceState::fault); });
  const SignalWatch malformed(loop, SIGHUP, [] { send_raw({0xff, 1, 2}); });
  const SignalWatch foreign(loop, SIGURG, [&] {
    fake.say(StateChanged{InstanceId{999}, InstanceState::backup, InstanceState::active, "", Priority{1}, loop.now()});
  });
  const SignalWatch pong(loop, SIGWINCH, [&] { fake.say(Pong{1000000}); });
  const auto links_are = [&](bool up) {
    for (const auto& name : fake.watched()) {
      fake.say(InterfaceChanged{name, up, up ? "" : "interface " + name + " has no\ncarrier"});
    }
  };
  const SignalWatch links_up(loop, SIGTTIN, [&] { links_are(true); });
  const SignalWatch links_down(loop, SIGTTOU, [&] { links_are(false); });
  const SignalWatch foreign_link(loop, SIGTSTP, [&] { fake.say(InterfaceChanged{"eth999", true, ""}); });
  const SignalWatch future(loop, SIGCONT, [&] {
    fake.say(StateChanged{fake.items().at(0).id, InstanceState::backup, InstanceState::active, "", Priority{1},
                          TimePoint::max()});
  });
  return loop.run();
}

int run_checker(EventLoop& loop) {
  Fake<CheckerToParent, ParentToChecker, ConfigureCheck> fake(loop);
  std::uint64_t run = 0;
  const auto all_are = [&](CheckStatus status) {
    for (const auto& item : fake.items()) {
      fake.say(HealthChanged{item.id, status, status == CheckStatus::up ? "it runs" : "it is gone", loop.now()});
    }
  };
  const SignalWatch up(loop, SIGUSR1, [&] { all_are(CheckStatus::up); });
  const SignalWatch down(loop, SIGUSR2, [&] { all_are(CheckStatus::down); });
  const SignalWatch malformed(loop, SIGHUP, [] { send_raw({0xff, 1, 2}); });
  const SignalWatch foreign(loop, SIGURG, [&] {
    fake.say(HealthChanged{CheckId{999}, CheckStatus::up, "", loop.now()});
  });
  const SignalWatch scripts(loop, SIGWINCH, [&] {
    for (const auto& item : fake.items()) fake.say(RunScript{item.id, ++run});
  });
  return loop.run();
}

}  // namespace

int main(int, char** argv) {
  title = argv[0];
  EventLoop loop;
  return title.starts_with("holdfast-vrrp") ? run_vrrp(loop) : run_checker(loop);
}
