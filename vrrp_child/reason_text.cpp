#include "vrrp_child/reason_text.hpp"

#include "common/ip_text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

std::string seconds(Duration duration) {
  const double value = std::chrono::duration<double>(duration).count();
  return value < 1 ? fmt::format("{:.0f} ms", value * 1000) : fmt::format("{:.1f} s", value);
}

// " (check nginx is down)", or nothing while the priority is as configured.
std::string because(const Standing& standing) { return standing.reason.empty() ? "" : " (" + standing.reason + ")"; }

}  // namespace

std::string sentence(const Reason& reason, const Standing& standing) {
  const auto peer = [&] { return to_string(reason.peer); };
  const unsigned peer_priority = reason.peer_priority.value;
  const unsigned own = reason.own_priority.value;
  switch (reason.cause) {
    case Cause::none: return "not started yet";
    case Cause::started: return "started; listening for an active router";
    case Cause::started_as_owner: return "started as the owner of the address (priority 255)";
    case Cause::resumed: return "went on as active after a restart of the VRRP process";
    case Cause::active_silent:
      if (reason.peer.is_unspecified()) return fmt::format("no active router was heard for {}", seconds(reason.waited));
      return fmt::format("the active router {} fell silent: nothing was heard from it for {}", peer(),
                         seconds(reason.waited));
    case Cause::active_resigned: return fmt::format("the active router {} resigned", peer());
    case Cause::active_demoted:
      return fmt::format("the active router {} says that it is unfit (priority {})", peer(), peer_priority);
    case Cause::preempted_worse:
      return fmt::format("our priority {}{} is above {} of the active router {}", own, because(standing), peer_priority,
                         peer());
    case Cause::better_heard:
      return fmt::format("{} is active with priority {}, above our {}{}", peer(), peer_priority, own,
                         because(standing));
    case Cause::tie_lost:
      return fmt::format("{} is active with our priority {} and wins the tie by its greater address", peer(), own);
    case Cause::handed_over: return fmt::format("handed over to {}{}", peer(), because(standing));
    case Cause::slept: return fmt::format("{} took over while this host or process was stopped for too long", peer());
    case Cause::followed: return "moves with the leader of its sync group";
    case Cause::link_unusable:
    case Cause::check_fault: return reason.problem;
    case Cause::recovered: return "able to take part again; listening for an active router";
    case Cause::drained: return "drained: stays away until it is resumed";
    case Cause::brought_back: return "resumed; listening for an active router";
    case Cause::shut_down: return "shut down";
  }
  return "";
}

const char* event_name(Cause cause) {
  switch (cause) {
    case Cause::none:
    case Cause::followed: return "vrrp-event-none";
    case Cause::started:
    case Cause::started_as_owner:
    case Cause::resumed: return "vrrp-event-startup";
    case Cause::active_silent:
    case Cause::active_resigned: return "vrrp-event-master-timeout";
    case Cause::active_demoted:
    case Cause::preempted_worse: return "vrrp-event-lower-priority-master";
    case Cause::better_heard:
    case Cause::tie_lost:
    case Cause::handed_over:
    case Cause::slept: return "vrrp-event-higher-priority-backup";
    case Cause::link_unusable: return "vrrp-event-interface-down";
    case Cause::recovered: return "vrrp-event-interface-up";
    case Cause::brought_back: return "vrrp-event-startup";
    case Cause::drained:
    case Cause::check_fault:
    case Cause::shut_down: return "vrrp-event-shutdown";
  }
  return "";
}

const char* new_master_reason(Cause became_active_because) {
  switch (became_active_because) {
    case Cause::none: return "not-master";
    case Cause::active_silent:
    case Cause::active_resigned: return "no-response";
    case Cause::active_demoted:
    case Cause::preempted_worse: return "preempted";
    default: return "priority";
  }
}

const char* name_of(ConflictKind kind) {
  switch (kind) {
    case ConflictKind::two_actives: return "two_actives";
    case ConflictKind::own_address: return "own_address";
    case ConflictKind::version: return "version";
    case ConflictKind::auth_type: return "auth_type";
    case ConflictKind::password: return "password";
    case ConflictKind::interval: return "interval";
    case ConflictKind::address_list: return "address_list";
    case ConflictKind::hop_limit: return "hop_limit";
    case ConflictKind::address_taken: return "address_taken";
    case ConflictKind::not_a_peer: return "not_a_peer";
    case ConflictKind::destination: return "destination";
    case ConflictKind::no_addresses: return "no_addresses";
    case ConflictKind::link_local_first: return "link_local_first";
  }
  return "";
}

std::string sentence(const Conflict& conflict, const VirtualRouterConfig& config, const Standing& standing) {
  const std::string peer = to_string(conflict.peer);
  const std::string dropped = fmt::format("dropping the adverts of {}: ", peer);
  switch (conflict.kind) {
    case ConflictKind::two_actives:
      return fmt::format(
          "{} claims to be active too, with priority {}; ours is {}{}{}", peer, conflict.peer_priority.value,
          standing.priority.value, because(standing),
          conflict.peer_priority > standing.priority
              ? ", but another member decides for the sync group; write the same `sync_groups` on both hosts"
              : ", so it should give way");
    case ConflictKind::own_address:
      if (std::ranges::find(config.peers, conflict.peer) != config.peers.end()) {
        return dropped + "that is our own address, which stands in `peers`; remove it there";
      }
      return dropped + "that is our own address; another host has it too, or the network sends our packets back";
    case ConflictKind::version:
      return fmt::format("{}it speaks VRRP version {}, we speak {}; write `version: {}` here, or change the other host",
                         dropped, conflict.theirs, static_cast<int>(config.version), conflict.theirs);
    case ConflictKind::auth_type:
      return dropped +
             (config.password
                  ? "it sends no password, or not as plain text; configure ours there, or remove `password` here"
                  : "it sends a password and we have none; write the same `password` here");
    case ConflictKind::password: return dropped + "its password is not ours; write the same on both hosts";
    case ConflictKind::interval:
      if (conflict.dropped) {
        return fmt::format("{}it advertises every {}, we every {}; write the same `advert_interval` on both hosts",
                           dropped, seconds(std::chrono::milliseconds(conflict.theirs)),
                           seconds(config.advert_interval));
      }
      return fmt::format("{} advertises every {}, we every {}; write the same `advert_interval` on both hosts", peer,
                         seconds(std::chrono::milliseconds(conflict.theirs)), seconds(config.advert_interval));
    case ConflictKind::address_list:
      return (conflict.dropped ? dropped + "its" : peer + " is heard, but its") +
             " list of virtual addresses is not ours; write the same `addresses` on both hosts";
    case ConflictKind::hop_limit:
      return fmt::format(
          "{}they come with {} {} and not 255; in a keepalived write `unicast_ttl 255`, and have no "
          "router between the hosts",
          dropped, config.family == IpFamily::ipv4 ? "TTL" : "hop limit", conflict.theirs);
    case ConflictKind::address_taken:
      return fmt::format(
          "another host, with MAC {:02x}, answers for {} too, and no VRRP that we accept comes from it; "
          "if it is in no group of ours, remove the address there, or its proxy ARP",
          fmt::join(conflict.mac, ":"), peer);
    case ConflictKind::not_a_peer: return dropped + "it is not among `peers`; add it here, or remove us from its peers";
    case ConflictKind::destination:
      return dropped + (config.peers.empty()
                            ? "it sends to us alone, and we listen to the multicast group; write `peers` "
                              "on all hosts, or on none"
                            : "it sends to others than us; write `peers` on all hosts, or on none");
    case ConflictKind::no_addresses:
      return dropped + "it advertises no address; write the same `addresses` on both hosts";
    case ConflictKind::link_local_first:
      return dropped + "its list does not begin with a link-local address, which `require_link_local_first` demands";
  }
  return "";
}

}  // namespace holdfast
