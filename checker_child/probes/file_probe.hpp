// The file probe: is something at a path? It waits on the directory, so that coming and going are events.
#pragma once

#include "checker_child/probes/probe_runner.hpp"
#include "common/check_config.hpp"
#include "common/event_loop.hpp"

#include <sys/stat.h>

#include <optional>
#include <string>

namespace holdfast {

// What can't be told is a bad result, whatever `invert` says: a link that leads nowhere, a directory that the checker
// may not search. A directory that is missing holds no file; the nearest one above it is watched until it comes.
class FileProbeRunner : public ProbeRunner {
 public:
  FileProbeRunner(EventLoop& loop, FileProbe probe, ProbeSink sink);

  void start(std::uint64_t run) override;
  void cancel() override {}  // a run ends before start() returns
  std::string waiting_for() const override { return {}; }

 private:
  ProbeResult look();
  void something_happened();
  void watch();
  PathWatch watch_on(const std::string& directory);
  // Whether the directory is still the one that is watched, and not another one of its name.
  bool watch_holds() const;

  EventLoop& loop_;
  FileProbe probe_;
  ProbeSink sink_;
  std::string directory_;  // of the path

  PathWatch watch_;
  std::string watched_;  // directory_, or one above it
  struct stat identity_ {};
  std::optional<bool> last_;  // what the last look said
};

}  // namespace holdfast
