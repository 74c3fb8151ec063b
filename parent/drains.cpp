#include "parent/drains.hpp"

#include "common/config/text_file.hpp"
#include "parent/message_ids.hpp"

#include <nlohmann/json.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace holdfast {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t largest_record = 1u << 20;

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<std::set<std::string>> Drains::read_record(const std::string& path) {
  if (access(path.c_str(), F_OK) != 0 && errno == ENOENT) return std::set<std::string>{};
  const std::string mend = "; until `holdfast resume` this host stays away from all its addresses";
  const auto file = read_text_file(path, largest_record);
  if (!file) return Error{"the record of what is drained, " + path + ", " + file.error().text + mend};
  const Json document = Json::parse(file->text, nullptr, false);
  const auto names = document.is_object() ? document.find("drained") : document.end();
  const bool makes_sense = document.is_object() && names != document.end() && names->is_array() &&
                           std::all_of(names->begin(), names->end(), [](const Json& name) { return name.is_string(); });
  if (!makes_sense) return Error{"the record of what is drained, " + path + ", makes no sense" + mend};
  return names->get<std::set<std::string>>();
}

Drains::Drains(EventLoop& loop, const std::string& path, std::set<std::string> recorded, Handlers handlers)
    : file_(loop, path), drained_(std::move(recorded)), handlers_(std::move(handlers)) {}

void Drains::drain(const std::vector<DrainGroup>& groups, bool force, Answer answer) {
  const auto request = std::make_shared<Request>();
  request->answer = std::move(answer);
  std::vector<DrainGroup> begun;
  for (const DrainGroup& group : groups) {
    const std::string names = joined(group.members);
    // One that is drained keeps its whole group away, whatever a reload has put together.
    const bool is_away = std::any_of(group.members.begin(), group.members.end(),
                                     [this](const std::string& name) { return is_drained(name); });
    if (is_away) {
      const auto known = drained_.size();
      drained_.insert(group.members.begin(), group.members.end());
      if (drained_.size() > known) request->recorded = false;
      request->result.lines.push_back(names + ": drained already");
    } else if (pending_.contains(group.decider)) {
      request->result.ok = false;
      request->result.lines.push_back(names + ": is being drained already; wait for that to end");
    } else {
      ++request->waiting;
      begun.push_back(group);
    }
  }
  if (begun.empty()) return finish(request);
  for (const DrainGroup& group : begun) {
    pending_[group.decider] = {group, force, request};
    say(LogLevel::notice, message_id::drain_started, group.decider,
        joined(group.members) + ": draining" + (force ? ", also if nobody takes over" : ""));
  }
  handlers_.changed();
}

void Drains::resume(const std::set<std::string>& names, Answer answer) {
  const auto request = std::make_shared<Request>();
  request->answer = std::move(answer);
  const auto is_meant = [&](const std::string& name) { return names.empty() || names.contains(name); };
  for (auto entry = pending_.begin(); entry != pending_.end();) {
    const bool meant = std::any_of(entry->second.group.members.begin(), entry->second.group.members.end(), is_meant);
    const auto here = entry++;
    if (!meant) continue;
    const Pending pending = std::move(here->second);
    pending_.erase(here);
    request->result.lines.push_back(joined(pending.group.members) + ": the drain that was under way ends");
    settle(pending, false, joined(pending.group.members) + ": resumed before it was away");
  }
  for (auto name = drained_.begin(); name != drained_.end();) {
    if (!is_meant(*name)) {
      ++name;
      continue;
    }
    request->result.lines.push_back(*name + ": takes part again");
    request->recorded = false;
    say(LogLevel::notice, message_id::resumed, *name, *name + ": resumed, takes part again");
    name = drained_.erase(name);
  }
  if (request->result.lines.empty()) request->result.lines.emplace_back("nothing was drained");
  handlers_.changed();
  finish(request);
}

void Drains::ended(const std::string& decider, bool away, const std::string& reason) {
  const auto found = pending_.find(decider);
  if (found == pending_.end()) return;  // resumed while the message was under way
  const Pending pending = std::move(found->second);
  pending_.erase(found);
  const std::string names = joined(pending.group.members);
  if (away || pending.force) {
    drained_.insert(pending.group.members.begin(), pending.group.members.end());
    pending.request->recorded = false;
    record({});  // not only when the slowest of them has ended
    const std::string line =
        names + ": " + (away ? reason : "given up, although no other router answered: nobody has the addresses now");
    say(LogLevel::notice, message_id::drained, decider, line + "; stays away until: holdfast resume " + decider);
    settle(pending, true, line);
  } else {
    const std::string line = names +
                             ": keeps its addresses, since no other router answered; is another host running, healthy "
                             "and not drained? `holdfast drain --force " +
                             decider + "` gives them up all the same";
    say(LogLevel::warning, message_id::drain_failed, decider, line);
    settle(pending, false, line);
  }
  handlers_.changed();
}

void Drains::cancel(const std::string& why) {
  for (auto& [decider, pending] : std::exchange(pending_, {})) {
    const std::string line = joined(pending.group.members) + ": not drained: " + why + "; try it again";
    say(LogLevel::warning, message_id::drain_failed, decider, line);
    settle(pending, false, line);
  }
}

void Drains::settle(const Pending& pending, bool ok, const std::string& line) {
  Request& request = *pending.request;
  request.result.ok = request.result.ok && ok;
  request.result.lines.push_back(line);
  if (--request.waiting == 0) finish(pending.request);
}

void Drains::record(StateFile::Done done) {
  file_.save(
      Json{{"drained", drained_}}.dump() + "\n", done ? std::move(done) : [](const Status&) {});
}

// What was done is in the record before the one who asked hears of it.
void Drains::finish(const std::shared_ptr<Request>& request) {
  if (request->recorded) return request->answer(request->result);
  record([this, request](const Status& status) {
    if (!status) {
      request->result.ok = false;
      request->result.lines.push_back(status.error().text +
                                      "; until that is mended, a restart of holdfastd forgets it");
      handlers_.journal({LogLevel::error, status.error().text, nullptr, {}});
    }
    request->answer(request->result);
  });
}

std::optional<Fitness> Drains::fitness(const std::string& name) const {
  if (is_drained(name)) return Fitness::drained;
  const bool is_pending = std::any_of(pending_.begin(), pending_.end(), [&](const auto& entry) {
    const auto& members = entry.second.group.members;
    return std::find(members.begin(), members.end(), name) != members.end();
  });
  return is_pending ? std::optional(Fitness::draining) : std::nullopt;
}

void Drains::say(LogLevel level, const char* message_id, const std::string& instance, const std::string& text) {
  handlers_.journal({level, text, message_id, {{"HOLDFAST_INSTANCE", instance}, {"HOLDFAST_REASON", text}}});
}

}  // namespace holdfast
