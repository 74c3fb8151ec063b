// What the program holdfast-notify is given to do, and what it said: JSON on its stdin, a line of JSON back.
#pragma once

#include "common/config/notify_model.hpp"
#include "parent/command_runner.hpp"
#include "parent/notification.hpp"

#include <string>

namespace holdfast {

// target: a mail or a webhook.
std::string notify_job(const NotifyTarget& target, const Notification& notification, const std::string& domain);

struct NotifyOutcome {
  std::string error;   // empty: it was delivered
  std::string remark;  // of one that was delivered, but not to everybody
};
NotifyOutcome notify_outcome(const CommandResult& result);

// The part of a mail's id behind the @: unique to this run of the daemon.
std::string mail_domain(const std::string& node);

}  // namespace holdfast
