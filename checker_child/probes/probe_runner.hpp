// What every kind of probe looks like to the checker process.
#pragma once

#include "checker_child/core/check.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace holdfast {

// Where a runner's results go. A runner calls these as the last thing it does: the answer may be the next
// start() or cancel().
struct ProbeSink {
  std::function<void(std::uint64_t run, const ProbeResult&)> finished;
  // Only probes that watch something call these, between runs:
  std::function<void(const ProbeResult&)> event;  // saw what is a result by itself
  std::function<void()> look_now;                 // saw what a run must judge, at once
};

// Runs one probe, over and over. Works on the event loop, never blocks it, never forks; what goes wrong is a
// result, not an exception.
class ProbeRunner {
 public:
  ProbeRunner() = default;
  ProbeRunner(const ProbeRunner&) = delete;
  ProbeRunner& operator=(const ProbeRunner&) = delete;
  virtual ~ProbeRunner() = default;

  // Begins a run, which ends in one call of finished(), perhaps before start() returns. None is in flight.
  virtual void start(std::uint64_t run) = 0;
  // Gives the run in flight up: it does not report any more.
  virtual void cancel() = 0;
  // What the run in flight waits for, for the sentence of a timeout: "connecting to 127.0.0.1:80".
  virtual std::string waiting_for() const = 0;
};

}  // namespace holdfast
