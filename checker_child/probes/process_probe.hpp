// The process probe: is the process of a pid file, or the one of a name, alive? It waits on a pidfd, so a death
// is an event; and on the pid file's directory, so that a restart is one too.
#pragma once

#include "checker_child/core/processes.hpp"
#include "checker_child/probes/probe_runner.hpp"
#include "common/check_config.hpp"
#include "common/event_loop.hpp"
#include "common/fd.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class ProcessProbeRunner : public ProbeRunner {
 public:
  ProcessProbeRunner(EventLoop& loop, ProcessProbe probe, ProbeSink sink);

  void start(std::uint64_t run) override;
  void cancel() override;
  std::string waiting_for() const override { return waiting_for_; }

  // The process that is watched now; 0: none.
  ProcessId watched() const { return pid_; }

 private:
  struct PidFile {
    ProcessId pid = 0;
    struct stat identity {};
  };

  // Looks now, and watches the process that it finds.
  ProbeResult look();
  ProbeResult look_at_file();
  ProbeResult look_for_name();
  void finish(const ProbeResult& result);

  // Watches `pid` instead of what was watched; else gives why not: "is not running".
  std::optional<std::string> watch(ProcessId pid);
  void forget();
  bool watched_lives() const;
  // Its death may be known before the loop tells it; no other look may swallow that event.
  bool watched_died() const { return pid_ != 0 && !watched_lives(); }
  void process_died();
  void watch_directory();
  void directory_changed(std::uint32_t mask, const std::string& name);
  std::string process_text(ProcessId pid) const;

  EventLoop& loop_;
  ProcessProbe probe_;
  ProbeSink sink_;

  std::optional<std::uint64_t> run_;
  Timer second_look_;
  std::string waiting_for_;

  ProcessId pid_ = 0;  // watched; 0: none
  Fd pidfd_;
  IoWatch death_;

  // By pid file:
  PathWatch directory_;
  PidFile file_;                 // as last read
  bool file_is_away_ = false;    // at the last look it was missing or empty
  std::optional<PidFile> dead_;  // as it was when its process died

  // By name:
  std::vector<ProcessId> children_;  // of the watched process, when last seen
  Leftovers leftovers_;
};

}  // namespace holdfast
