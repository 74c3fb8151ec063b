#include "common/event_loop.hpp"

#include "common/log.hpp"

#include <pthread.h>
#include <sys/inotify.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <ctime>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

namespace holdfast {
namespace {

int stop(sd_event* event, const std::exception& failure) {
  log(LogLevel::error, std::string("internal error, stopping: ") + failure.what());
  return sd_event_exit(event, EXIT_FAILURE);
}

void must(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
}

// Runs a handler; nothing may unwind through sd-event. The handler is held while it runs, because it
// may destroy the object that owns it.
template <class Function, class... Args>
int guarded(sd_event_source* source, void* userdata, Args... args) noexcept try {
  const std::shared_ptr<Function> handler = *static_cast<std::shared_ptr<Function>*>(userdata);
  (*handler)(args...);
  return 0;
} catch (const std::exception& failure) {
  return stop(sd_event_source_get_event(source), failure);
}

// The heap cell that sd-event's userdata points to; freed with the source.
template <class Function>
void adopt(sd_event_source* source, detail::SourcePtr& into, const std::shared_ptr<Function>& handler) {
  into.reset(source);
  auto* cell = new std::shared_ptr<Function>(handler);
  sd_event_source_set_userdata(source, cell);
  sd_event_source_set_destroy_callback(
      source, [](void* userdata) { delete static_cast<std::shared_ptr<Function>*>(userdata); });
}

int on_io(sd_event_source* s, int, std::uint32_t events, void* u) { return guarded<IoWatch::Handler>(s, u, events); }
int on_time(sd_event_source* s, std::uint64_t, void* u) { return guarded<Timer::Handler>(s, u); }
int on_signal(sd_event_source* s, const signalfd_siginfo*, void* u) { return guarded<SignalWatch::Handler>(s, u); }
int on_child(sd_event_source* s, const siginfo_t* info, void* u) {
  sd_event_source_set_enabled(s, SD_EVENT_OFF);  // once
  // waitid's code and status as waitpid's one number, so that WIFEXITED and friends apply.
  const int status = info->si_code == CLD_EXITED ? W_EXITCODE(info->si_status, 0) : W_EXITCODE(0, info->si_status);
  return guarded<ChildWatch::Handler>(s, u, status);
}
int on_path(sd_event_source* s, const inotify_event* event, void* u) {
  return guarded<PathWatch::Handler>(s, u, event->mask, std::string(event->len > 0 ? event->name : ""));
}
int on_turn(sd_event_source* s, void* u) { return guarded<AfterTurn::Handler>(s, u); }

void block(int signal_number) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, signal_number);
  must(-pthread_sigmask(SIG_BLOCK, &set, nullptr), "pthread_sigmask");
}

}  // namespace

EventLoop::EventLoop() {
  sd_event* event = nullptr;
  must(sd_event_new(&event), "sd_event_new");
  event_.reset(event);
}

int EventLoop::run() {
  const int code = sd_event_loop(event_.get());
  if (code < 0) throw std::system_error(-code, std::generic_category(), "sd_event_loop");
  return code;
}

void EventLoop::exit(int code) { sd_event_exit(event_.get(), code); }

void EventLoop::stop_because_of(const std::exception& failure) noexcept { stop(event_.get(), failure); }

TimePoint EventLoop::now() const {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return TimePoint(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec / 1000));
}

IoWatch::IoWatch(EventLoop& loop, int fd, std::uint32_t events, Handler handler, LoopPriority priority)
    : handler_(std::make_shared<Handler>(std::move(handler))) {
  sd_event_source* source = nullptr;
  must(sd_event_add_io(loop.raw(), &source, fd, events, on_io, nullptr), "sd_event_add_io");
  adopt(source, source_, handler_);
  must(sd_event_source_set_priority(source, static_cast<int>(priority)), "sd_event_source_set_priority");
}

void IoWatch::set_events(std::uint32_t events) {
  must(sd_event_source_set_io_events(source_.get(), events), "sd_event_source_set_io_events");
}

void IoWatch::limit_rate(Duration interval, unsigned times) {
  must(sd_event_source_set_ratelimit(source_.get(), static_cast<std::uint64_t>(interval.count()), times),
       "sd_event_source_set_ratelimit");
}

Timer::Timer(EventLoop& loop, Handler handler, LoopPriority priority)
    : handler_(std::make_shared<Handler>(std::move(handler))) {
  sd_event_source* source = nullptr;
  // Accuracy 1 us; 0 would mean systemd's default of 250 ms.
  must(sd_event_add_time(loop.raw(), &source, CLOCK_MONOTONIC, 0, 1, on_time, nullptr), "sd_event_add_time");
  adopt(source, source_, handler_);
  must(sd_event_source_set_enabled(source, SD_EVENT_OFF), "sd_event_source_set_enabled");
  must(sd_event_source_set_priority(source, static_cast<int>(priority)), "sd_event_source_set_priority");
}

void Timer::arm(TimePoint due) {
  const auto since_boot = due.time_since_epoch().count();
  must(sd_event_source_set_time(source_.get(), since_boot > 0 ? static_cast<std::uint64_t>(since_boot) : 0),
       "sd_event_source_set_time");
  must(sd_event_source_set_enabled(source_.get(), SD_EVENT_ONESHOT), "sd_event_source_set_enabled");
}

void Timer::disarm() { must(sd_event_source_set_enabled(source_.get(), SD_EVENT_OFF), "sd_event_source_set_enabled"); }

SignalWatch::SignalWatch(EventLoop& loop, int signal_number, Handler handler)
    : handler_(std::make_shared<Handler>(std::move(handler))) {
  block(signal_number);
  sd_event_source* source = nullptr;
  must(sd_event_add_signal(loop.raw(), &source, signal_number, on_signal, nullptr), "sd_event_add_signal");
  adopt(source, source_, handler_);
}

ChildWatch::ChildWatch(EventLoop& loop, pid_t pid, Handler handler)
    : handler_(std::make_shared<Handler>(std::move(handler))) {
  block(SIGCHLD);
  sd_event_source* source = nullptr;
  must(sd_event_add_child(loop.raw(), &source, pid, WEXITED, on_child, nullptr), "sd_event_add_child");
  adopt(source, source_, handler_);
  // Not the default, one shot: a pidfd may be readable a moment before waitid() gives the status, and sd-event
  // would not look again. Off first: only what is switched on is registered anew.
  must(sd_event_source_set_enabled(source, SD_EVENT_OFF), "sd_event_source_set_enabled");
  must(sd_event_source_set_enabled(source, SD_EVENT_ON), "sd_event_source_set_enabled");
}

PathWatch::PathWatch(EventLoop& loop, const std::string& directory, std::uint32_t mask, Handler handler)
    : handler_(std::make_shared<Handler>(std::move(handler))) {
  sd_event_source* source = nullptr;
  if (sd_event_add_inotify(loop.raw(), &source, directory.c_str(), mask | IN_ONLYDIR, on_path, nullptr) < 0) return;
  adopt(source, source_, handler_);
}

AfterTurn::AfterTurn(EventLoop& loop, Handler handler) : handler_(std::make_shared<Handler>(std::move(handler))) {
  sd_event_source* source = nullptr;
  must(sd_event_add_post(loop.raw(), &source, on_turn, nullptr), "sd_event_add_post");
  adopt(source, source_, handler_);
}

}  // namespace holdfast
