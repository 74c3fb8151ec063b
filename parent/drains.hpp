// Which instances an operator keeps away (`holdfast drain`), and those on their way there. What is drained is recorded
// in the state directory, so that it stays away over restarts of the daemon and the host, until `holdfast resume`.
//
//                drain                  a successor answered, or there was nothing to hand over
//   takes part --------->  draining  ------------------------------------------------------->  drained
//       ^                     |        (--force: also when nobody answered)                        |
//       |    nobody answered, |                                                                    |
//       +---- or resumed <----+                        resume                                      |
//       +------------------------------------------------------------------------------------------+
//
// The members of a sync group go together; the one that decides for it answers for all.
#pragma once

#include "common/event_loop.hpp"
#include "common/result.hpp"
#include "common/router_config.hpp"
#include "parent/journal.hpp"
#include "parent/state_file.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace holdfast {

// A line for each instance; ok: all of it was done.
struct DrainAnswer {
  bool ok = true;
  std::vector<std::string> lines;
};

// What moves together: an instance, or a sync group.
struct DrainGroup {
  std::string decider;               // who answers
  std::vector<std::string> members;  // the decider included
  bool operator==(const DrainGroup&) const = default;
};

class Drains {
 public:
  using Answer = std::function<void(const DrainAnswer&)>;
  struct Handlers {
    std::function<void()> changed;  // fitness() may say something else
    JournalSink journal;
  };

  // The recorded names. An unreadable record is an error: who might be drained must not take an address.
  static Result<std::set<std::string>> read_record(const std::string& path);

  // path: of the record.
  Drains(EventLoop& loop, const std::string& path, std::set<std::string> recorded, Handlers handlers);

  // Answers when all are away or keep their addresses, and that is recorded.
  void drain(const std::vector<DrainGroup>& groups, bool force, Answer answer);
  // `names` empty: everything that is recorded, also what the configuration does not name any more.
  void resume(const std::set<std::string>& names, Answer answer);

  // The VRRP child's word on a group that drains; reason: why its decider is in the state that it is in.
  void ended(const std::string& decider, bool away, const std::string& reason);
  // The VRRP child died, or there is another configuration: those on their way take part again.
  void cancel(const std::string& why);

  // What this makes of an instance; nothing: it takes part.
  std::optional<Fitness> fitness(const std::string& name) const;
  bool any() const { return !drained_.empty() || !pending_.empty(); }
  bool is_drained(const std::string& name) const { return drained_.contains(name); }

 private:
  struct Request {
    DrainAnswer result;
    Answer answer;
    std::size_t waiting = 0;  // groups that have not ended
    bool recorded = true;     // what is in the record is all that is known
  };
  struct Pending {
    DrainGroup group;
    bool force = false;
    std::shared_ptr<Request> request;
  };

  void record(StateFile::Done done);
  void settle(const Pending& pending, bool ok, const std::string& line);
  void finish(const std::shared_ptr<Request>& request);
  void say(LogLevel level, const char* message_id, const std::string& instance, const std::string& text);

  StateFile file_;
  std::set<std::string> drained_;
  std::map<std::string, Pending> pending_;  // by decider
  Handlers handlers_;
};

}  // namespace holdfast
