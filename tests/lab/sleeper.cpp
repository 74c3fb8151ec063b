// A bare real-time process: sleeps until each multiple of an interval and notes when it woke, until SIGTERM. What the
// kernel makes of it is the best that any process of this priority can have on the machine.
//
//   sleeper MICROSECONDS    then on stdout, one a line: the times of waking on the monotonic clock, in microseconds
#include <sched.h>
#include <sys/mman.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

namespace {

constexpr int priority = 10;  // of parent/child_process.cpp
constexpr long long second = 1'000'000'000;
volatile std::sig_atomic_t ended = 0;

}  // namespace

int main(int argc, char** argv) {
  const long long interval = argc == 2 ? std::atoll(argv[1]) * 1000 : 0;
  const sched_param parameters{priority};
  if (interval <= 0 || sched_setscheduler(0, SCHED_FIFO, &parameters) != 0) {
    std::perror("sleeper MICROSECONDS, as root");
    return 2;
  }
  std::signal(SIGTERM, [](int) { ended = 1; });
  std::vector<long long> woken;
  woken.reserve(1'000'000);
  mlockall(MCL_CURRENT);
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  for (long long due = now.tv_sec * second + now.tv_nsec; ended == 0 && woken.size() < woken.capacity();) {
    due += interval;
    const timespec until{due / second, due % second};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    clock_gettime(CLOCK_MONOTONIC, &now);
    woken.push_back(now.tv_sec * second + now.tv_nsec);
  }
  for (const long long at : woken) std::printf("%lld\n", at / 1000);
  return 0;
}
