// sd-event as values: one class per kind of source. A source fires while its object lives; handlers
// may destroy any source, their own included. Exceptions stop at the C boundary: the loop ends with failure.
#pragma once

#include "common/types.hpp"

#include <systemd/sd-event.h>

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <string>

namespace holdfast {

// Lower runs first among what is due in one turn.
enum class LoopPriority : int { urgent = -10, normal = 0, idle = 10 };

class EventLoop {
 public:
  EventLoop();

  // Runs until exit(); gives the exit code.
  int run();
  void exit(int code);
  // Runs what a C library calls back, which nothing may unwind through: an exception ends the loop with failure.
  template <class Function>
  void guard(const Function& function) noexcept try {
    function();
  } catch (const std::exception& failure) {
    stop_because_of(failure);
  }

  // CLOCK_MONOTONIC, read at this moment.
  TimePoint now() const;

  sd_event* raw() const { return event_.get(); }

 private:
  void stop_because_of(const std::exception& failure) noexcept;

  struct Unref {
    void operator()(sd_event* event) const { sd_event_unref(event); }
  };
  std::unique_ptr<sd_event, Unref> event_;
};

namespace detail {
struct UnrefSource {
  void operator()(sd_event_source* source) const { sd_event_source_disable_unref(source); }
};
using SourcePtr = std::unique_ptr<sd_event_source, UnrefSource>;
// A handler on the heap, shared with the call that runs it, so that it may destroy its own source.
template <class... Args>
using Handler = std::shared_ptr<std::function<void(Args...)>>;
}  // namespace detail

// Fires while `fd` is ready for `events` (EPOLLIN, EPOLLOUT, ...); the descriptor stays the caller's.
class IoWatch {
 public:
  using Handler = std::function<void(std::uint32_t events)>;
  IoWatch() = default;
  IoWatch(EventLoop& loop, int fd, std::uint32_t events, Handler handler, LoopPriority priority = LoopPriority::normal);
  void set_events(std::uint32_t events);
  // Runs the handler at most `times` within `interval`, and looks away for the rest of it: whoever keeps the descriptor
  // ready does not keep the process busy.
  void limit_rate(Duration interval, unsigned times);
  explicit operator bool() const { return source_ != nullptr; }

 private:
  detail::Handler<std::uint32_t> handler_;
  detail::SourcePtr source_;
};

// Fires once per arm(), at the given time (accuracy 1 us) or at once when that has passed.
class Timer {
 public:
  using Handler = std::function<void()>;
  Timer(EventLoop& loop, Handler handler, LoopPriority priority = LoopPriority::normal);
  void arm(TimePoint due);
  void disarm();

 private:
  detail::Handler<> handler_;
  detail::SourcePtr source_;
};

// Blocks the signal for the process and delivers it through the loop.
class SignalWatch {
 public:
  using Handler = std::function<void()>;
  SignalWatch(EventLoop& loop, int signal_number, Handler handler);

 private:
  detail::Handler<> handler_;
  detail::SourcePtr source_;
};

// Fires once when the child process exits, and reaps it. status is that of waitpid(2).
class ChildWatch {
 public:
  using Handler = std::function<void(int status)>;
  ChildWatch() = default;
  ChildWatch(EventLoop& loop, pid_t pid, Handler handler);

 private:
  detail::Handler<int> handler_;
  detail::SourcePtr source_;
};

// Fires when something happens to the entries of a directory; `mask` as in inotify(7). Stays empty where the
// directory can't be watched: it does not exist, is not readable, or there are too many watches.
class PathWatch {
 public:
  // name: the entry that it happened to; empty for the directory itself.
  using Handler = std::function<void(std::uint32_t mask, const std::string& name)>;
  PathWatch() = default;
  PathWatch(EventLoop& loop, const std::string& directory, std::uint32_t mask, Handler handler);
  explicit operator bool() const { return source_ != nullptr; }

 private:
  detail::Handler<std::uint32_t, const std::string&> handler_;
  detail::SourcePtr source_;
};

// Runs after the handlers of a turn in which anything happened: the place to flush what they gathered.
class AfterTurn {
 public:
  using Handler = std::function<void()>;
  AfterTurn(EventLoop& loop, Handler handler);

 private:
  detail::Handler<> handler_;
  detail::SourcePtr source_;
};

}  // namespace holdfast
