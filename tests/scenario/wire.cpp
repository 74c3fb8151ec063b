#include "tests/scenario/wire.hpp"

#include <utility>

namespace holdfast::scenario {
namespace {

constexpr int eth0 = 2;

}  // namespace

void Host::add(InstanceId id, VirtualRouterConfig config) {
  const Standing standing{config.priority, Fitness::fit, ""};
  table_->configure({id, std::move(config), standing, {}, {}}, wire_.now(), actions_);
  table_->set_link(id, {eth0, {true, address_, ""}}, wire_.now(), actions_);
  perform();
}

void Host::standing(InstanceId id, int priority, Fitness fitness) {
  table_->set_standing(id, {Priority{static_cast<std::uint8_t>(priority)}, fitness, "a test"}, wire_.now(), actions_);
  perform();
}

void Host::plug(bool in) {
  plugged_ = in;
  for (const auto& [id, router] : table_->routers()) {
    table_->set_link(id, {eth0, {in, address_, in ? "" : "no carrier"}}, wire_.now(), actions_);
  }
  perform();
}

void Host::power_off() {
  off_ = true;
  held_.clear();
}

void Host::shut_down() {
  for (const auto& [id, router] : table_->routers()) table_->shut_down(id, wire_.now(), actions_);
  perform();
}

void Host::perform() {
  for (const auto& [id, action] : std::exchange(actions_, {})) {
    VirtualRouter& router = *table_->find(id);
    if (const auto* advert = std::get_if<SendAdvert>(&action)) {
      for (const AdvertPacket& packet : router.advert_to_send(advert->priority)) {
        router.count_sent(advert->priority);
        ++sent_;
        if (plugged_ && !cut) wire_.flying_.push_back({this, packet.envelope, packet.bytes});
      }
    } else if (std::holds_alternative<HoldAddresses>(action)) {
      if (!holds(id)) held_.push_back(id);
    } else if (std::holds_alternative<RemoveAddresses>(action)) {
      std::erase(held_, id);
    } else if (std::holds_alternative<Transition>(action)) {
      ++transitions_;
    }
  }
}

void Host::hear(const Envelope& envelope, const std::vector<std::uint8_t>& packet) {
  if (off_ || !plugged_ || cut) return;
  table_->receive({eth0, envelope, 255, packet}, wire_.now(), actions_);
  perform();
}

void Wire::pass(Duration duration, const std::function<void()>& each) {
  const TimePoint end = now_ + duration;
  for (;;) {
    deliver();
    each();
    TimePoint next = DeadlineHeap::never;
    for (const auto& host : hosts_) {
      if (!host->off_) next = std::min(next, host->table_->next_deadline());
    }
    if (next > end) break;
    now_ = std::max(now_, next);
    for (const auto& host : hosts_) {
      if (host->off_) continue;
      host->table_->run_timers(now_, host->actions_);
      host->perform();
    }
  }
  now_ = end;
}

void Wire::deliver() {
  while (!flying_.empty()) {
    for (const Packet& packet : std::exchange(flying_, {})) {
      for (const auto& host : hosts_) {
        if (host.get() != packet.sender) host->hear(packet.envelope, packet.bytes);
      }
    }
  }
}

std::vector<const Host*> Wire::holders(InstanceId id) const {
  std::vector<const Host*> result;
  for (const auto& host : hosts_) {
    if (host->holds(id)) result.push_back(host.get());
  }
  return result;
}

}  // namespace holdfast::scenario
