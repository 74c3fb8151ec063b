#include "parent/news.hpp"

#include "common/config/message_template.hpp"
#include "common/ip_text.hpp"
#include "parent/message_ids.hpp"
#include "parent/wall_clock.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace holdfast {
namespace {

std::string in_capitals(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return text;
}

std::string field(const std::map<std::string, std::string>& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : found->second;
}

// What the states of an instance are to who is told of them.
struct StateWords {
  std::string_view state;
  NotifyEvent event;
  Notification::Status status;
  std::string_view title;  // behind the name
  std::string_view keepalived;
};
constexpr StateWords states[] = {
    {"active", NotifyEvent::active, Notification::Status::recovery, "is active", "MASTER"},
    {"backup", NotifyEvent::backup, Notification::Status::recovery, "is backup", "BACKUP"},
    {"fault", NotifyEvent::fault, Notification::Status::problem, "is in fault", "FAULT"},
    {"initialize", NotifyEvent::stop, Notification::Status::news, "stops", "STOP"},
};

const StateWords& words_of(std::string_view state) {
  const auto* found =
      std::find_if(std::begin(states), std::end(states), [&](auto& each) { return each.state == state; });
  return found == std::end(states) ? states[3] : *found;
}

}  // namespace

void News::configure(const Config& config) {
  node_ = config.node;
  in_order_.clear();
  trackers_.clear();
  std::map<std::string, Instance> next;
  for (const InstanceConfig& instance : config.instances) {
    const VirtualRouterConfig& router = instance.router;
    in_order_.push_back(router.name);
    Instance& known = next[router.name];
    if (const auto before = instances_.find(router.name); before != instances_.end()) known.last = before->second.last;
    known.interface = router.interface;
    known.vrid = std::to_string(router.vrid.value);
    known.priority = std::to_string(router.priority.value);
    known.addresses.clear();
    for (const VirtualAddress& address : router.addresses) {
      known.addresses += (known.addresses.empty() ? "" : " ") + to_string(address.prefix.address);
    }
    for (const TrackConfig& track : instance.tracks) {
      if (!track.check.empty()) trackers_[track.check].push_back(router.name);
    }
  }
  // The last word of an instance that a reload removes is still to come.
  for (auto& [name, instance] : instances_) next.try_emplace(name, std::move(instance));
  instances_ = std::move(next);
}

std::vector<Notification> News::of(const JournalEntry& entry, TimePoint now) {
  if (entry.message_id == nullptr) return {};
  const std::string_view id = entry.message_id;
  Fields fields;
  for (const auto& [name, value] : entry.fields) fields[name] = value;

  std::vector<Notification> news;
  if (id == message_id::transition) {
    news.push_back(transition(fields, now));
  } else if (id == message_id::health_changed) {
    if (auto change = health(fields, now)) news.push_back(std::move(*change));
  } else if (id == message_id::restart_failed || id == message_id::restarts_exhausted ||
             (id == message_id::restart_refused && entry.level == LogLevel::error)) {
    news.push_back(restart_failed(fields, entry.text, now));
  } else if (id == message_id::conflict) {
    if (field(fields, "HOLDFAST_REPEATED") != "yes") news.push_back(conflict(fields, entry.text, false, now));
  } else if (id == message_id::conflict_over) {
    news.push_back(conflict(fields, entry.text, true, now));
    if (field(fields, "HOLDFAST_RESULT") == "won") {
      if (auto still = again(field(fields, "HOLDFAST_INSTANCE"), "still_active", now))
        news.push_back(std::move(*still));
    }
  }
  for (Notification& each : news) each.serial = ++last_serial_;
  return news;
}

Notification News::about_instance(const std::string& name, TimePoint now) const {
  Notification notification;
  notification.at = now;
  notification.topic = name;
  notification.instances = {name};
  notification.fields = {{"node", node_}, {"time", iso_time(std::chrono::system_clock::now())}, {"instance", name}};
  if (const auto known = instances_.find(name); known != instances_.end()) {
    notification.fields["interface"] = known->second.interface;
    notification.fields["vrid"] = known->second.vrid;
    notification.fields["addresses"] = known->second.addresses;
    notification.fields["priority"] = known->second.priority;
  }
  return notification;
}

Notification News::transition(const Fields& fields, TimePoint now) {
  const std::string name = field(fields, "HOLDFAST_INSTANCE");
  Notification notification = about_instance(name, now);
  notification.from = field(fields, "HOLDFAST_FROM");
  notification.to = field(fields, "HOLDFAST_TO");
  const StateWords& words = words_of(notification.to);
  notification.kind = words.event;
  notification.event = to_string(words.event);
  notification.status = words.status;
  notification.title = name + " " + std::string(words.title);
  notification.reason = field(fields, "HOLDFAST_REASON");
  notification.text = name + ": " + notification.from + " -> " + notification.to + ": " + notification.reason;
  // 0 is what a router says that leaves; scripts expect the priority that it had.
  const std::string priority = field(fields, "HOLDFAST_PRIORITY");
  if (!priority.empty() && priority != "0") notification.fields["priority"] = priority;
  const auto known = instances_.find(name);
  if (known != instances_.end()) known->second.last = notification;
  return notification;
}

std::optional<Notification> News::again(const std::string& instance, const char* event, TimePoint now) const {
  const auto known = instances_.find(instance);
  if (known == instances_.end() || !known->second.last) return std::nullopt;
  Notification notification = *known->second.last;
  notification.at = now;
  notification.fields["time"] = iso_time(std::chrono::system_clock::now());
  notification.event = event;
  notification.status = Notification::Status::news;
  notification.from = notification.to;
  notification.title = instance + " is still " + notification.to;
  notification.text = instance + ": still " + notification.to;
  return notification;
}

Notification News::about_check(const std::string& name, TimePoint now) const {
  Notification notification;
  notification.at = now;
  notification.topic = "check " + name;
  if (const auto found = trackers_.find(name); found != trackers_.end()) notification.instances = found->second;
  notification.fields = {{"node", node_}, {"time", iso_time(std::chrono::system_clock::now())}, {"check", name}};
  return notification;
}

std::optional<Notification> News::health(const Fields& fields, TimePoint now) const {
  const std::string name = field(fields, "HOLDFAST_CHECK");
  Notification notification = about_check(name, now);
  notification.from = field(fields, "HOLDFAST_FROM");
  notification.to = field(fields, "HOLDFAST_TO");
  notification.reason = field(fields, "HOLDFAST_REASON");
  const bool up = notification.to == "up";
  // A first result that is good is no news, nor is another way of not being up.
  if (up && notification.from == "down") notification.kind = NotifyEvent::check_up;
  if (!up && (notification.from == "up" || notification.to == "down")) notification.kind = NotifyEvent::check_down;
  if (!up && notification.from != "up" && notification.to != "down") return std::nullopt;
  notification.event = to_string(up ? NotifyEvent::check_up : NotifyEvent::check_down);
  notification.status = up ? Notification::Status::recovery : Notification::Status::problem;
  notification.title = "check " + name + " is " + notification.to;
  notification.text = "check " + name + ": " + notification.from + " -> " + notification.to +
                      (notification.reason.empty() ? "" : ": " + notification.reason);
  return notification;
}

Notification News::restart_failed(const Fields& fields, const std::string& text, TimePoint now) const {
  const std::string name = field(fields, "HOLDFAST_CHECK");
  Notification notification = about_check(name, now);
  notification.kind = NotifyEvent::restart_failed;
  notification.event = to_string(NotifyEvent::restart_failed);
  notification.status = Notification::Status::problem;
  notification.title = "check " + name + ": restarting does not help";
  notification.text = text;
  notification.reason = field(fields, "HOLDFAST_REASON");
  return notification;
}

Notification News::conflict(const Fields& fields, const std::string& text, bool over, TimePoint now) const {
  const std::string name = field(fields, "HOLDFAST_INSTANCE");
  Notification notification = about_instance(name, now);
  notification.topic = "conflict of " + name;
  notification.kind = over ? NotifyEvent::conflict_over : NotifyEvent::conflict;
  notification.event = to_string(*notification.kind);
  notification.status = over ? Notification::Status::recovery : Notification::Status::problem;
  notification.title = name + (over ? ": the conflict is over" : ": conflict with another router");
  notification.text = text;
  notification.reason = field(fields, "HOLDFAST_REASON");
  notification.fields["peer"] = field(fields, "HOLDFAST_PEER");
  return notification;
}

Notification News::test(const std::vector<std::string>& instances, TimePoint now) {
  const std::string name = !instances.empty() ? instances.front() : in_order_.empty() ? "" : in_order_.front();
  std::optional<Notification> present = again(name, "test", now);
  Notification notification = present ? std::move(*present) : about_instance(name, now);
  if (!present) {
    notification.event = "test";
    notification.kind = NotifyEvent::backup;
    notification.from = notification.to = "initialize";
  }
  notification.serial = ++last_serial_;
  notification.title = "test from " + node_;
  notification.text = "This is a test from " + node_ + ": " + name + " is " + notification.to;
  notification.reason = "holdfast notify-test";
  return notification;
}

// ---- as programs get it ----

std::string value_of(const Notification& notification, std::string_view name) {
  if (name == "text") return notification.text;
  if (name == "title") return notification.title;
  if (name == "event") return notification.event;
  if (name == "status") return to_string(notification.status);
  if (name == "topic") return notification.topic;
  if (name == "from") return notification.from;
  if (name == "to") return notification.to;
  if (name == "reason") return notification.reason;
  const auto found = notification.fields.find(std::string(name));
  return found == notification.fields.end() ? "" : found->second;
}

std::vector<std::string> environment_of(const Notification& notification) {
  std::vector<std::string> environment;
  for (const std::string& name : template_names()) {
    const std::string value = value_of(notification, name);
    if (!value.empty()) environment.push_back("HOLDFAST_" + in_capitals(name) + "=" + value);
  }
  return environment;
}

std::vector<std::string> arguments_of(const Notification& notification) {
  const std::string check = value_of(notification, "check");
  if (!check.empty()) {
    const std::string event = in_capitals(notification.event);
    return {"CHECK", check, event.starts_with("CHECK_") ? event.substr(6) : event, "0"};
  }
  const bool is_state = notification.kind && *notification.kind <= NotifyEvent::stop;
  return {"INSTANCE", value_of(notification, "instance"),
          is_state ? std::string(words_of(notification.to).keepalived) : in_capitals(notification.event),
          value_of(notification, "priority")};
}

}  // namespace holdfast
