// The checker's shell: takes the parent's messages, runs the checks and tells the parent what they say.
#pragma once

#include "checker_child/core/check.hpp"
#include "checker_child/probes/http_client.hpp"
#include "checker_child/probes/probe_runner.hpp"
#include "common/channel.hpp"
#include "common/checker_rights.hpp"
#include "common/event_loop.hpp"
#include "common/fd.hpp"
#include "common/messages.hpp"
#include "common/result.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// Ends the loop with 0 when the parent says so or is gone, with 1 when the parent sends what makes no sense.
class CheckerProcess {
 public:
  // channel: the socket to the parent. Says ChildReady at once.
  // confine: puts the walls around this process; called with what the first configuration needs, before its first
  // check.
  using Confine = std::function<Status(const CheckerRights&)>;
  CheckerProcess(EventLoop& loop, Fd channel, Confine confine);
  CheckerProcess(const CheckerProcess&) = delete;
  CheckerProcess& operator=(const CheckerProcess&) = delete;
  ~CheckerProcess();

  // A line for the parent's log; to stderr when the parent is gone.
  void say(LogLevel level, std::string_view text);

 private:
  struct Entry;
  // What Begin announced and Commit has not yet put into force.
  struct Staged {
    std::uint32_t generation = 0;
    std::map<CheckId, CheckSpec> checks;
  };

  void on(BeginConfig&& message);
  void on(ConfigureCheck&& message);
  void on(CommitConfig&& message);
  void on(ProbeNow&& message);
  void on(ScriptFinished&& message);
  void on(RequestReports&& message);
  void on(Ping&& message);
  void on(Shutdown&& message);
  bool may_run_staged();
  void closed(const std::string& reason);
  void fail(const std::string& what);

  void time_passed(Entry& entry);
  std::unique_ptr<ProbeRunner> make_runner(Entry& entry);
  void perform(Entry& entry, const CheckActions& actions);

  EventLoop& loop_;
  Confine confine_;
  std::optional<CheckerRights> rights_;  // once confined
  HttpClient http_;
  std::optional<Staged> staged_;
  std::map<CheckId, std::unique_ptr<Entry>> entries_;
  Channel<CheckerToParent, ParentToChecker> channel_;
};

}  // namespace holdfast
