// The script probe: only the parent runs commands; this one asks and waits for ScriptFinished.
#pragma once

#include "checker_child/probes/probe_runner.hpp"

#include <functional>
#include <utility>

namespace holdfast {

class ScriptProbeRunner : public ProbeRunner {
 public:
  // ask: sends RunScript. The answer goes from the message straight to the check, which knows its run's number.
  explicit ScriptProbeRunner(std::function<void(std::uint64_t run)> ask) : ask_(std::move(ask)) {}

  void start(std::uint64_t run) override { ask_(run); }
  void cancel() override {}  // the parent ends a command by itself; a late answer carries an old number
  std::string waiting_for() const override { return "holdfastd has not said how the command ended"; }

 private:
  std::function<void(std::uint64_t run)> ask_;
};

}  // namespace holdfast
