#include "vrrp_child/background_work.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <utility>

namespace holdfast {
namespace {

constexpr std::size_t stack_size = 256u << 10;

}  // namespace

BackgroundWork::~BackgroundWork() {
  if (!started_) return;
  finish();
  state_.store(State::ending, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  pthread_join(thread_, nullptr);
}

bool BackgroundWork::begin(std::function<void()> work) {
  if (!started_) {
    wake_ = Fd(eventfd(0, EFD_CLOEXEC));
    if (!wake_) return false;
    sigset_t all, before;  // signals are for the loop
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    // Little is called there, and where memory is locked, all of the stack is.
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, stack_size);
    started_ = pthread_create(&thread_, &small, run, this) == 0;
    pthread_attr_destroy(&small);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!started_) return false;
  }
  work_ = std::move(work);
  state_.store(State::working, std::memory_order_release);
  const std::uint64_t one = 1;
  if (write(wake_.get(), &one, sizeof one) == sizeof one) return true;
  state_.store(State::idle, std::memory_order_release);
  return false;
}

void BackgroundWork::finish() { state_.wait(State::working, std::memory_order_acquire); }

void* BackgroundWork::run(void* self) {
  auto& background = *static_cast<BackgroundWork*>(self);
  std::uint64_t count = 0;
  while (read(background.wake_.get(), &count, sizeof count) == sizeof count) {
    if (background.state_.load(std::memory_order_acquire) == State::ending) break;
    background.work_();
    background.state_.store(State::idle, std::memory_order_release);
    background.state_.notify_one();
  }
  return nullptr;
}

}  // namespace holdfast
