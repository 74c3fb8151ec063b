// Tells people and programs what happens, and runs the `move` of instances. Everything goes through queues of its own
// and through processes of their own: nothing here is ever waited for.
//
//   journal entry -> news -> one notification_queue per target -> command_runner -> the user's command,
//                    |                                                            or holdfast-notify (mail, webhook)
//                    +----> one move_queue per instance         -> command_runner -> the `move` command
#pragma once

#include "common/config/model.hpp"
#include "common/event_loop.hpp"
#include "parent/child_process.hpp"
#include "parent/command_runner.hpp"
#include "parent/journal.hpp"
#include "parent/move_queue.hpp"
#include "parent/news.hpp"
#include "parent/notification_queue.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

// For status --json.
struct NotificationStatus {
  std::string name;
  std::string type;  // command, email, webhook
  NotificationQueue::Counters counters;
};
struct MoveStatus {
  MoveQueue::State state = MoveQueue::State::idle;
  std::uint64_t failed = 0;
  std::string last_error;
};

class Notifier {
 public:
  struct Setup {
    Account script_account;  // as whom commands without a `user` run
    Account helper_account;  // as whom mails and webhooks are sent: nobody else's, for their secrets
    ChildProgram helper;
    JournalSink journal;
    CommandLauncher* units = nullptr;  // see CommandRunner
  };

  // How long what was queued at the end is waited for.
  static constexpr Duration closing_time = std::chrono::seconds(3);

  Notifier(EventLoop& loop, Setup setup);

  // The targets and instances from now on; what waits for those that stay is kept.
  void configure(const Config& config);
  // For every entry of the journal.
  void on(const JournalEntry& entry);
  // Sends one notification past the queue and answers how it went: "delivered in 20ms", or why not.
  void test(const std::string& target, std::function<void(const Result<std::string>&)> answer);
  // The daemon leaves: tries what is queued once more and calls `done` when nothing is left or its time is over.
  void close(std::function<void()> done);

  std::vector<NotificationStatus> targets() const;
  // Nothing where the instance has no `move`.
  std::optional<MoveStatus> move(const std::string& instance) const;

 private:
  struct Target {
    NotifyTarget config;
    std::optional<Result<Account>> account;  // of a command with a `user`
    std::optional<NotificationQueue> queue;
    CommandRunner::RunId run = 0;  // the last one
  };
  struct Move {
    MoveConfig config;
    std::optional<Result<Account>> account;
    MoveQueue queue{Duration{}};
    CommandRunner::RunId run = 0;  // the last one
  };
  // What became of an attempt; empty: it was delivered.
  using Outcome = std::function<void(const std::string& error)>;

  void send(Target& target, const Notification& notification, Outcome outcome);
  void run_helper(Target& target, const Notification& notification, Outcome outcome);
  void attempted(const std::shared_ptr<Target>& target, const std::string& error);
  void moved(const std::string& instance, const std::shared_ptr<Move>& move, const Notification& state,
             const std::string& error);
  void proceed();
  void finish_if_idle();

  EventLoop& loop_;
  Account script_account_;
  Account helper_account_;
  ChildProgram helper_;
  JournalSink journal_;
  std::string message_domain_;  // makes the ids of mails unique
  News news_;
  std::vector<std::shared_ptr<Target>> targets_;  // in file order; shared with the attempts under way
  std::map<std::string, std::shared_ptr<Move>> moves_;
  CommandRunner commands_;
  Timer timer_;
  Timer closing_;
  std::function<void()> closed_;
};

}  // namespace holdfast
