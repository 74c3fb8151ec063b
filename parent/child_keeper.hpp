// Keeps one child running: start, readiness, heartbeat, and the next start after its end.
#pragma once

#include "common/event_loop.hpp"
#include "common/messages.hpp"
#include "parent/child_pace.hpp"
#include "parent/child_process.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

// What people want to know of a process.
struct ProcessView {
  pid_t pid = 0;  // 0: there is none at the moment
  std::vector<std::string> capabilities;
  std::uint64_t restarts = 0;
  std::string state;  // starting, running, restarting, stopped
};

template <class Out, class In>
class ChildKeeper {
 public:
  struct End {
    std::string why;        // continues "the VRRP child ..."
    TimePoint alive_until;  // it was surely alive until then
    Duration lifetime;
  };
  struct Handlers {
    std::function<void(In&&)> message;
    // The child is gone; restart_after() brings the next one.
    std::function<void(const End&)> ended;
  };

  // answer_limit: how long it may leave a Ping unanswered.
  ChildKeeper(EventLoop& loop, ChildProgram program, ChildIdentity identity, Duration answer_limit, Handlers handlers)
      : loop_(loop),
        program_(std::move(program)),
        identity_(std::move(identity)),
        handlers_(std::move(handlers)),
        heartbeat_(answer_limit),
        start_timer_(
            loop, [this] { start(); }, LoopPriority::urgent),
        watch_timer_(loop, [this] { watch(); }) {}

  void start() {
    started_ = loop_.now();
    auto spawned = spawn_child(program_, identity_);
    if (!spawned) {
      start_failure_ = spawned.error().text;
    } else {
      child_ = std::make_unique<Child>(
          loop_, std::move(*spawned),
          typename Child::Handlers{[this](In&& message) { handlers_.message(std::move(message)); },
                                   [this](const std::string& why) { finish(why); }});
    }
    watch_timer_.arm(start_failure_.empty() ? started_ + ready_limit : started_);
  }
  void restart_after(Duration pause) {
    ++restarts_;
    replace_after(pause);
  }
  // The same, where the end was our wish.
  void replace_after(Duration pause) { start_timer_.arm(loop_.now() + pause); }
  void cancel_restart() { start_timer_.disarm(); }

  // The child's first message; false when it comes twice.
  bool on(ChildReady&& message) {
    if (ready_) return false;
    ready_ = true;
    capabilities_ = std::move(message.capabilities);
    heartbeat_.begin(loop_.now());
    watch_timer_.arm(loop_.now());
    return true;
  }
  // False when nobody asked.
  bool on(const Pong& message) { return heartbeat_.pong(message.serial, loop_.now()); }

  // It may leave Pings unanswered until then, as it has much to do; a time that has passed: it is done.
  void set_answer_limit(Duration limit) { heartbeat_.set_limit(limit); }

  // To a child that is ready; else dropped, since a new child is told everything anyway.
  void send(const Out& message) {
    if (child_ && ready_) child_->send(message);
  }
  void kill(const std::string& why) {
    if (child_) child_->kill(why);
  }

  bool exists() const { return child_ != nullptr; }
  bool ready() const { return ready_; }
  pid_t pid() const { return child_ ? child_->pid() : 0; }
  // When the child that there is, or was last, was started.
  TimePoint started() const { return started_; }
  const UserIds& user() const { return identity_.user; }
  ProcessView view() const {
    const char* state = ready_ ? "running" : child_ ? "starting" : "restarting";
    return {pid(), capabilities_, restarts_, state};
  }

 private:
  using Child = ChildProcess<Out, In>;
  static constexpr Duration ready_limit = std::chrono::seconds(10);

  void watch() {
    if (!start_failure_.empty()) return finish("could not be started: " + std::exchange(start_failure_, ""));
    if (!ready_) return kill("it was not ready within " + std::to_string(ready_limit / std::chrono::seconds(1)) + " s");
    const auto serial = heartbeat_.tick(loop_.now());
    if (!serial) return kill("it did not answer for too long");
    child_->send(Ping{*serial});
    watch_timer_.arm(heartbeat_.due());
  }

  void finish(const std::string& why) {
    const TimePoint now = loop_.now();
    const End end{why, ready_ ? heartbeat_.alive_until(now) : started_, now - started_};
    watch_timer_.disarm();
    child_.reset();
    ready_ = false;
    capabilities_.clear();
    handlers_.ended(end);
  }

  EventLoop& loop_;
  ChildProgram program_;
  ChildIdentity identity_;
  Handlers handlers_;
  Heartbeat heartbeat_;
  Timer start_timer_;
  Timer watch_timer_;
  std::unique_ptr<Child> child_;
  TimePoint started_{};
  std::string start_failure_;
  bool ready_ = false;
  std::vector<std::string> capabilities_;
  std::uint64_t restarts_ = 0;
};

}  // namespace holdfast
