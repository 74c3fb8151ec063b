// Several hosts' real router tables on a fake wire with a fake clock: adverts that one sends are
// received by the others, byte for byte, when the wire lets them through.
#pragma once

#include "vrrp_child/core/router_table.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::scenario {

class Wire;

class Host {
 public:
  Host(Wire& wire, IpAddr address) : wire_(wire), address_(address) {}

  // A virtual router of the instance id's VRID on this host.
  void add(InstanceId id, VirtualRouterConfig config);
  void standing(InstanceId id, int priority, Fitness fitness = Fitness::fit);
  void plug(bool in);  // the cable: the host sees it
  void power_off();    // everything stops at once
  void shut_down();    // the daemon leaves cleanly

  InstanceState state(InstanceId id) { return off_ ? InstanceState::initialize : table_->find(id)->machine().state(); }
  bool holds(InstanceId id) const { return !off_ && std::ranges::find(held_, id) != held_.end(); }
  const IpAddr& address() const { return address_; }
  std::size_t sent() const { return sent_; }
  std::size_t transitions() const { return transitions_; }

  bool cut = false;  // the wire drops what this host sends and would hear; the host does not see it

 private:
  friend class Wire;
  void perform();
  void hear(const Envelope& envelope, const std::vector<std::uint8_t>& packet);

  Wire& wire_;
  IpAddr address_;
  std::unique_ptr<RouterTable> table_ = std::make_unique<RouterTable>();
  RouterTable::Actions actions_;
  std::vector<InstanceId> held_;
  bool plugged_ = true;
  bool off_ = false;
  std::size_t sent_ = 0;
  std::size_t transitions_ = 0;
};

class Wire {
 public:
  Host& host(const IpAddr& address) { return *hosts_.emplace_back(std::make_unique<Host>(*this, address)); }

  // Lets time pass; `each` runs after every event.
  void pass(
      Duration duration, const std::function<void()>& each = [] {});
  TimePoint now() const { return now_; }

  // The hosts that hold the addresses of an instance.
  std::vector<const Host*> holders(InstanceId id) const;

 private:
  friend class Host;
  void deliver();

  struct Packet {
    const Host* sender;
    Envelope envelope;
    std::vector<std::uint8_t> bytes;
  };
  TimePoint now_{std::chrono::seconds(1000)};
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<Packet> flying_;
};

}  // namespace holdfast::scenario
