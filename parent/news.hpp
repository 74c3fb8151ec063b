// What is worth telling people, read off the journal: whatever they are told stands there, in the same words.
#pragma once

#include "common/config/model.hpp"
#include "parent/journal.hpp"
#include "parent/notification.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast {

class News {
 public:
  void configure(const Config& config);

  // What the entry tells, if anything; a conflict that this host has won tells two things.
  std::vector<Notification> of(const JournalEntry& entry, TimePoint now);
  // The present state of the first of these instances (empty: of all), to see whether a target can be told.
  Notification test(const std::vector<std::string>& instances, TimePoint now);

 private:
  using Fields = std::map<std::string, std::string>;
  struct Instance {
    std::string interface;
    std::string vrid;
    std::string addresses;
    std::string priority;              // as configured
    std::optional<Notification> last;  // its last transition
  };

  Notification about_instance(const std::string& name, TimePoint now) const;
  Notification transition(const Fields& fields, TimePoint now);
  std::optional<Notification> health(const Fields& fields, TimePoint now) const;
  Notification restart_failed(const Fields& fields, const std::string& text, TimePoint now) const;
  Notification about_check(const std::string& name, TimePoint now) const;
  Notification conflict(const Fields& fields, const std::string& text, bool over, TimePoint now) const;
  std::optional<Notification> again(const std::string& instance, const char* event, TimePoint now) const;

  std::string node_;
  std::map<std::string, Instance> instances_;
  std::vector<std::string> in_order_;
  std::map<std::string, std::vector<std::string>> trackers_;  // the instances that track a check
  std::uint64_t last_serial_ = 0;
};

// The value of a name that templates know (common/config/message_template.hpp).
std::string value_of(const Notification& notification, std::string_view name);

// "HOLDFAST_INSTANCE=VI_1" and so on, for all of those names that have a value.
std::vector<std::string> environment_of(const Notification& notification);

// keepalived's four: "INSTANCE", the name, "MASTER", "BACKUP", "FAULT" or "STOP", and the priority. What keepalived
// doesn't tell looks alike: "CHECK", its name, "DOWN", "UP" or "RESTART_FAILED", 0.
std::vector<std::string> arguments_of(const Notification& notification);

}  // namespace holdfast
