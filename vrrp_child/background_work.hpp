// Requests to the kernel that may wait: the renewal of leases, sent by a thread of its own. Whoever changes interfaces
// or addresses holds a lock of the kernel's, for tens of milliseconds where a busy machine does not let him go on; an
// advert must not wait for that.
//
// The thread touches nothing but its batch and its socket. It is started with the first batch, so that it lives in
// whatever sandbox the process has by then.
#pragma once

#include "common/fd.hpp"

#include <pthread.h>

#include <atomic>
#include <functional>

namespace holdfast {

class BackgroundWork {
 public:
  BackgroundWork() = default;
  BackgroundWork(const BackgroundWork&) = delete;
  BackgroundWork& operator=(const BackgroundWork&) = delete;
  ~BackgroundWork();

  // Whether something can be begun; what was begun before has ended then.
  bool idle() const { return state_.load(std::memory_order_acquire) == State::idle; }
  // Runs `work` on the thread. False: there can't be a thread; do it yourself. Only when idle().
  bool begin(std::function<void()> work);
  // Waits until it is idle.
  void finish();

 private:
  enum class State { idle, working, ending };
  static void* run(void* self);

  std::function<void()> work_;
  std::atomic<State> state_{State::idle};
  pthread_t thread_{};
  bool started_ = false;
  Fd wake_;
};

}  // namespace holdfast
