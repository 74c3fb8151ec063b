#include "checker_child/checker_process.hpp"

#include "checker_child/probes/file_probe.hpp"
#include "checker_child/probes/http_probe.hpp"
#include "checker_child/probes/nginx_probe.hpp"
#include "checker_child/probes/process_probe.hpp"
#include "checker_child/probes/script_probe.hpp"
#include "checker_child/probes/tcp_probe.hpp"
#include "common/log.hpp"
#include "common/privileges.hpp"

#include <cstdio>
#include <utility>
#include <variant>

namespace holdfast {

struct CheckerProcess::Entry {
  Entry(CheckerProcess& process, CheckId its_id, CheckSpec its_spec, TimePoint now, const Check::Past* past)
      : id(its_id),
        spec(std::move(its_spec)),
        // Numbered by the clock, so that an answer to a check of that id before this one, even in a checker that
        // died, cannot be taken for an answer to this one.
        check(spec, now, phase_of(id, spec.interval), static_cast<std::uint64_t>(now.time_since_epoch().count()), past),
        // After everything that is ready to be read: when the host slept, answers that came in time are no timeouts.
        timer(
            process.loop_, [this, &process] { process.time_passed(*this); }, LoopPriority::idle),
        runner(process.make_runner(*this)) {
    timer.arm(check.due());
  }

  CheckId id;
  CheckSpec spec;
  Check check;
  Timer timer;
  std::unique_ptr<ProbeRunner> runner;
};

CheckerProcess::CheckerProcess(EventLoop& loop, Fd channel, Confine confine)
    : loop_(loop),
      confine_(std::move(confine)),
      http_(loop),
      channel_(loop, std::move(channel),
               {.message =
                    [this](ParentToChecker&& message) {
                      std::visit([this](auto&& m) { on(std::move(m)); }, std::move(message));
                    },
                .closed = [this](const std::string& reason) { closed(reason); }}) {
  channel_.send(ChildReady{effective_capabilities()});
}

CheckerProcess::~CheckerProcess() = default;

void CheckerProcess::say(LogLevel level, std::string_view text) {
  if (channel_.is_open())
    channel_.send(Logged{level, std::string(text)});
  else
    std::fprintf(stderr, "holdfast-checker: %s: %.*s\n", to_string(level), static_cast<int>(text.size()), text.data());
}

// ---- the conversation ----

void CheckerProcess::on(BeginConfig&& message) {
  if (staged_) return fail("a configuration begins before the last one was committed");
  staged_ = Staged{message.generation, {}};
}

void CheckerProcess::on(ConfigureCheck&& message) {
  const std::string& name = message.check.name;
  if (!staged_) return fail("check " + name + " is configured outside of a configuration");
  if (message.check.interval <= Duration{} || message.check.timeout <= Duration{}) {
    return fail("check " + name + " has no interval or no timeout");
  }
  if (!staged_->checks.emplace(message.id, std::move(message.check)).second) {
    fail("two checks have the number " + std::to_string(message.id.value));
  }
}

void CheckerProcess::on(CommitConfig&& message) {
  if (!staged_ || staged_->generation != message.generation) {
    return fail("configuration " + std::to_string(message.generation) + " is committed but was not begun");
  }
  if (!may_run_staged()) return;
  const TimePoint now = loop_.now();
  std::map<CheckId, std::unique_ptr<Entry>> next;
  for (auto& [id, spec] : staged_->checks) {
    const auto old = entries_.find(id);
    if (old == entries_.end()) {
      next.emplace(id, std::make_unique<Entry>(*this, id, std::move(spec), now, nullptr));
    } else if (old->second->spec == spec) {
      next.emplace(id, std::move(old->second));
    } else {
      const Check::Past past = old->second->check.past();
      const bool same_name = old->second->spec.name == spec.name;
      next.emplace(id, std::make_unique<Entry>(*this, id, std::move(spec), now, same_name ? &past : nullptr));
    }
  }
  entries_ = std::move(next);
  staged_.reset();
  channel_.send(ConfigApplied{message.generation});
}

// The first configuration decides what this process may touch until its end. For one that needs more, the parent starts
// another process.
bool CheckerProcess::may_run_staged() {
  std::vector<CheckSpec> checks;
  for (const auto& [id, spec] : staged_->checks) checks.push_back(spec);
  CheckerRights needed = rights_needed(checks);
  if (rights_) {
    if (rights_->cover(needed)) return true;
    fail("the new configuration needs rights that this process has given up");
    return false;
  }
  if (const Status confined = confine_(needed); !confined) {
    fail("refusing to run: " + confined.error().text);
    return false;
  }
  rights_ = std::move(needed);
  return true;
}

// The check may have gone with a reload while the message was under way: then there is nothing to do.
void CheckerProcess::on(ProbeNow&& message) {
  const auto found = entries_.find(message.id);
  if (found != entries_.end()) perform(*found->second, found->second->check.probe_now(loop_.now()));
}

void CheckerProcess::on(ScriptFinished&& message) {
  const auto found = entries_.find(message.id);
  if (found == entries_.end()) return;
  const ProbeResult result{.good = message.ok, .detail = std::move(message.detail), .took = message.took};
  perform(*found->second, found->second->check.finished(loop_.now(), message.run, result));
}

void CheckerProcess::on(RequestReports&& message) {
  for (const auto& [id, entry] : entries_) channel_.send(entry->check.report(id));
  channel_.send(ReportsDone{message.serial});
}

void CheckerProcess::on(Ping&& message) { channel_.send(Pong{message.serial}); }

void CheckerProcess::on(Shutdown&&) { loop_.exit(0); }

void CheckerProcess::closed(const std::string& reason) {
  if (reason.empty()) return loop_.exit(0);
  fail("the channel to holdfastd failed: " + reason);
}

void CheckerProcess::fail(const std::string& what) {
  log(LogLevel::error, "stopping: " + what);
  loop_.exit(1);
}

// ---- the checks ----

void CheckerProcess::time_passed(Entry& e) {
  const std::string waiting_for = e.runner->waiting_for();
  perform(e, e.check.advance(loop_.now(), waiting_for));
}

std::unique_ptr<ProbeRunner> CheckerProcess::make_runner(Entry& e) {
  ProbeSink sink{
      .finished = [this, &e](std::uint64_t run,
                             const ProbeResult& result) { perform(e, e.check.finished(loop_.now(), run, result)); },
      .event = [this, &e](const ProbeResult& result) { perform(e, e.check.event(loop_.now(), result)); },
      .look_now = [this, &e] { perform(e, e.check.probe_now(loop_.now())); }};
  struct Make {
    CheckerProcess& self;
    Entry& e;
    ProbeSink sink;
    std::unique_ptr<ProbeRunner> operator()(const ProcessProbe& probe) {
      return std::make_unique<ProcessProbeRunner>(self.loop_, probe, std::move(sink));
    }
    std::unique_ptr<ProbeRunner> operator()(const TcpProbe& probe) {
      return std::make_unique<TcpProbeRunner>(self.loop_, probe, std::move(sink));
    }
    std::unique_ptr<ProbeRunner> operator()(const HttpProbe& probe) {
      return std::make_unique<HttpProbeRunner>(self.http_, probe, std::move(sink));
    }
    std::unique_ptr<ProbeRunner> operator()(const NginxProbe& probe) {
      return std::make_unique<NginxProbeRunner>(self.loop_, self.http_, probe, std::move(sink));
    }
    std::unique_ptr<ProbeRunner> operator()(const FileProbe& probe) {
      return std::make_unique<FileProbeRunner>(self.loop_, probe, std::move(sink));
    }
    std::unique_ptr<ProbeRunner> operator()(const ScriptProbe&) {
      return std::make_unique<ScriptProbeRunner>([&channel = self.channel_, id = e.id](std::uint64_t run) {
        channel.send(RunScript{id, run});
      });
    }
  };
  return std::visit(Make{*this, e, std::move(sink)}, e.spec.probe);
}

// Starting a run may end it before start() returns, and so come back here; the check's own state is complete
// by then, and the timer is set by whoever is last.
void CheckerProcess::perform(Entry& e, const CheckActions& actions) {
  if (actions.cancel) e.runner->cancel();
  if (actions.changed) channel_.send(HealthChanged{e.id, e.check.status(), e.check.detail(), loop_.now()});
  if (actions.start) e.runner->start(*actions.start);
  e.timer.arm(e.check.due());
}

}  // namespace holdfast
