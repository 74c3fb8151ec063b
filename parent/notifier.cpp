#include "parent/notifier.hpp"

#include "common/config/message_template.hpp"
#include "common/config/suggest.hpp"
#include "parent/message_ids.hpp"
#include "parent/notify_job.hpp"
#include "parent/text.hpp"

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

// What the helper may take beyond the limit that it keeps itself: its start, and its last words.
constexpr Duration helper_grace = std::chrono::seconds(2);
constexpr Duration stuck_pause = std::chrono::seconds(5);

NotificationQueue::Policy policy_of(const NotifyTarget& target) {
  // Commands stand in for keepalived's: they see each state once, and are not told twice.
  if (std::holds_alternative<NotifyCommand>(target.how))
    return {.merge_early = false, .repeat = false, .recoveries = false};
  const auto* webhook = std::get_if<NotifyWebhook>(&target.how);
  return {.recoveries = webhook == nullptr || webhook->recoveries};
}

std::optional<Result<Account>> account_of(const std::string& user) {
  if (user.empty()) return std::nullopt;
  return find_account(user);
}

std::string outcome_of(const CommandResult& result) { return result.ok() ? "" : one_line(result.text); }

}  // namespace

Notifier::Notifier(EventLoop& loop, Setup setup)
    : loop_(loop),
      script_account_(std::move(setup.script_account)),
      helper_account_(std::move(setup.helper_account)),
      helper_(std::move(setup.helper)),
      journal_(std::move(setup.journal)),
      commands_(loop, setup.units),
      timer_(
          loop, [this] { proceed(); }, LoopPriority::idle),
      closing_(loop, [this] { std::exchange(closed_, nullptr)(); }) {}

void Notifier::configure(const Config& config) {
  news_.configure(config);
  if (message_domain_.empty()) message_domain_ = mail_domain(config.node);

  std::vector<std::shared_ptr<Target>> targets;
  for (const NotifyTarget& wanted : config.notify) {
    const auto known = std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) {
      return target->config.name == wanted.name && target->config.how.index() == wanted.how.index();
    });
    const auto target = known != targets_.end() ? *known : std::make_shared<Target>();
    if (!target->queue) target->queue.emplace(policy_of(wanted), wanted.on, wanted.instances);
    target->queue->set_policy(policy_of(wanted));
    if (target->config != wanted) target->queue->reconfigure(wanted.on, wanted.instances);
    target->config = wanted;
    const auto* command = std::get_if<NotifyCommand>(&wanted.how);
    target->account = command == nullptr ? std::nullopt : account_of(command->user);
    targets.push_back(target);
  }
  targets_ = std::move(targets);

  std::map<std::string, std::shared_ptr<Move>> moves;
  for (const InstanceConfig& instance : config.instances) {
    if (!instance.move) continue;
    const auto known = moves_.find(instance.router.name);
    auto& move = moves[instance.router.name] = known != moves_.end() ? known->second : std::make_shared<Move>();
    move->config = *instance.move;
    move->queue.set_retry(move->config.retry);
    move->account = account_of(move->config.user);
  }
  moves_ = std::move(moves);
  timer_.arm(loop_.now());
}

void Notifier::on(const JournalEntry& entry) {
  for (const Notification& notification : news_.of(entry, loop_.now())) {
    for (const auto& target : targets_) target->queue->add(notification);
    const auto move = moves_.find(notification.topic);
    const bool is_state = notification.kind && *notification.kind <= NotifyEvent::stop;
    if (move != moves_.end() && is_state) {
      // What still moves the address here must not come after what moves it away.
      commands_.end(move->second->run, "the state has changed meanwhile");
      const auto& on = move->second->config.on;
      if (std::find(on.begin(), on.end(), *notification.kind) != on.end())
        move->second->queue.want(notification);
      else
        move->second->queue.forget();
    }
    // Not from here: whoever writes the entry may be in the middle of a failover.
    timer_.arm(loop_.now());
  }
}

// Starts what is due, and sets the timer for what is not.
void Notifier::proceed() {
  std::optional<TimePoint> next;
  const auto consider = [&next](const std::optional<TimePoint>& due) {
    if (due && (!next || *due < *next)) next = due;
  };
  // One that was killed and does not die: nothing more is started beside it.
  const auto hangs = [&](CommandRunner::RunId run, const std::optional<TimePoint>& due) {
    const bool is_stuck = due && commands_.alive(run);
    if (is_stuck) consider(std::max(*due, loop_.now() + stuck_pause));
    return is_stuck;
  };
  for (const auto& target : targets_) {
    if (hangs(target->run, target->queue->next_deadline())) continue;
    if (const auto notification = target->queue->next(loop_.now())) {
      send(*target, *notification, [this, target](const std::string& error) { attempted(target, error); });
    }
    consider(target->queue->next_deadline());
  }
  for (const auto& [name, move] : moves_) {
    if (hangs(move->run, move->queue.next_deadline())) continue;
    if (const auto state = move->queue.next(loop_.now())) {
      const MoveConfig& config = move->config;
      const auto done = [this, instance = name, target = move, sent = *state](const std::string& error) {
        moved(instance, target, sent, error);
      };
      if (move->account && !*move->account) {
        // An attempt like any other: the user may be there at the next reload.
        done(move->account->error().text);
      } else {
        std::vector<std::string> argv = config.argv;
        const auto arguments = arguments_of(*state);
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        move->run = commands_.run({std::move(argv), move->account ? **move->account : script_account_, config.timeout,
                                   environment_of(*state)},
                                  [done](const CommandResult& result) { done(outcome_of(result)); });
      }
    }
    consider(move->queue.next_deadline());
  }
  if (next)
    timer_.arm(*next);
  else
    timer_.disarm();
  finish_if_idle();
}

// ---- targets ----

void Notifier::send(Target& target, const Notification& notification, Outcome outcome) {
  const auto* command = std::get_if<NotifyCommand>(&target.config.how);
  if (command == nullptr) return run_helper(target, notification, std::move(outcome));
  if (target.account && !*target.account) return outcome(target.account->error().text);
  std::vector<std::string> argv = command->argv;
  const auto arguments = arguments_of(notification);
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  target.run = commands_.run({std::move(argv), target.account ? **target.account : script_account_,
                              target.config.timeout, environment_of(notification)},
                             [outcome](const CommandResult& result) { outcome(outcome_of(result)); });
}

void Notifier::run_helper(Target& target, const Notification& notification, Outcome outcome) {
  Command command{{helper_.title},
                  helper_account_,
                  target.config.timeout + helper_grace,
                  {},
                  notify_job(target.config, notification, message_domain_),
                  helper_.binary.get()};
  if (!helper_.binary) return outcome("the program holdfast-notify is missing; is the installation complete?");
  target.run =
      commands_.run(std::move(command), [this, name = target.config.name, outcome](const CommandResult& result) {
        const NotifyOutcome done = notify_outcome(result);
        if (!done.remark.empty()) {
          journal_({LogLevel::warning, "target " + name + ": " + done.remark, nullptr, {{"HOLDFAST_TARGET", name}}});
        }
        outcome(done.error);
      });
}

void Notifier::attempted(const std::shared_ptr<Target>& target, const std::string& error) {
  const bool failed_before = !target->queue->counters().last_error.empty();
  target->queue->finished(error, loop_.now());
  const std::string& name = target->config.name;
  if (!error.empty()) {
    const Duration pause = target->queue->pause();
    journal_({LogLevel::warning,
              "target " + name + " was not notified: " + error +
                  (pause == Duration::zero() ? "" : "; next attempt in " + readable(pause)),
              message_id::notification_failed,
              {{"HOLDFAST_TARGET", name}, {"HOLDFAST_REASON", error}}});
  } else if (failed_before) {
    journal_({LogLevel::notice, "target " + name + " can be notified again", nullptr, {{"HOLDFAST_TARGET", name}}});
  }
  timer_.arm(loop_.now());
}

void Notifier::test(const std::string& name, std::function<void(const Result<std::string>&)> answer) {
  const auto found =
      std::find_if(targets_.begin(), targets_.end(), [&](const auto& target) { return target->config.name == name; });
  if (found == targets_.end()) {
    std::vector<std::string> names;
    for (const auto& target : targets_) names.push_back(target->config.name);
    return answer(Error{
        "there is no target called '" + one_line(name, 64) + "'" +
        (names.empty() ? "; the configuration has none below `notify`" : hint_for(name, names, "the targets are"))});
  }
  const TimePoint began = loop_.now();
  send(**found, news_.test((*found)->config.instances, began),
       [this, target = *found, began, answer](const std::string& error) {
         if (error.empty()) {
           target->queue->reachable();
           timer_.arm(loop_.now());
         }
         answer(error.empty() ? Result<std::string>("delivered in " + readable(loop_.now() - began))
                              : Result<std::string>(Error{error}));
       });
}

std::vector<NotificationStatus> Notifier::targets() const {
  std::vector<NotificationStatus> all;
  for (const auto& target : targets_) {
    all.push_back({target->config.name, type_name(target->config.how), target->queue->counters()});
  }
  return all;
}

// ---- moves ----

void Notifier::moved(const std::string& instance, const std::shared_ptr<Move>& move, const Notification& state,
                     const std::string& error) {
  move->queue.finished(error, loop_.now());
  std::vector<std::pair<const char*, std::string>> fields{
      {"HOLDFAST_INSTANCE", instance}, {"HOLDFAST_TO", state.to}, {"HOLDFAST_REASON", error}};
  if (!error.empty()) {
    const auto again = move->queue.next_deadline();
    journal_({LogLevel::error,
              instance + ": move for state " + state.to + " failed: " + error +
                  (again ? "; next attempt in " + readable(std::max(*again - loop_.now(), Duration::zero())) : ""),
              message_id::move_failed, std::move(fields)});
  } else {
    fields.pop_back();
    journal_({LogLevel::notice,
              instance + ": move for state " + state.to + " succeeded" +
                  (move->queue.attempts() > 1 ? " at attempt " + std::to_string(move->queue.attempts()) : ""),
              message_id::moved, std::move(fields)});
  }
  timer_.arm(loop_.now());
}

std::optional<MoveStatus> Notifier::move(const std::string& instance) const {
  const auto found = moves_.find(instance);
  if (found == moves_.end()) return std::nullopt;
  const MoveQueue& queue = found->second->queue;
  return MoveStatus{queue.state(), queue.failed(), queue.last_error()};
}

// ---- the end ----

void Notifier::close(std::function<void()> done) {
  closed_ = std::move(done);
  for (const auto& target : targets_) target->queue->close();
  for (const auto& [name, move] : moves_) move->queue.close();
  closing_.arm(loop_.now() + closing_time);
  proceed();
}

void Notifier::finish_if_idle() {
  if (!closed_) return;
  const bool idle = std::all_of(targets_.begin(), targets_.end(), [](auto& target) { return target->queue->idle(); }) &&
                    std::all_of(moves_.begin(), moves_.end(), [](auto& entry) { return entry.second->queue.idle(); });
  if (idle) closing_.arm(loop_.now());
}

}  // namespace holdfast
