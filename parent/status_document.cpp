#include "parent/status_document.hpp"

#include "common/ip_text.hpp"

#include <algorithm>
#include <set>

namespace holdfast {
namespace {

using Json = nlohmann::ordered_json;

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json process(const ProcessStatus& status) {
  return {{"role", status.role},
          {"pid", status.view.pid},
          {"user", status.user},
          {"capabilities", status.view.capabilities},
          {"restarts", status.view.restarts},
          {"state", status.view.state}};
}

Json move(const std::optional<MoveStatus>& status) {
  if (!status) return nullptr;
  return {{"state", to_string(status->state)}, {"failed", status->failed}, {"last_error", or_null(status->last_error)}};
}

Json statistics(const InstanceStatistics& counters) {
  Json json = Json::object();
#define X(name) json[#name] = counters.name;
  HOLDFAST_INSTANCE_COUNTERS(X)
#undef X
  return json;
}

Json statistics(const DaemonStatus& daemon, const WallClock& clock) {
  std::set<std::string> interfaces;
  for (const InstanceStatus& each : daemon.instances) interfaces.insert(each.config->router.interface);
  Json json{{"virtual_routers", daemon.instances.size()},
            {"interfaces", interfaces.size()},
            {"discontinuity_datetime", clock.text(daemon.counting_since)}};
#define X(name) json[#name] = daemon.statistics.name;
  HOLDFAST_GLOBAL_COUNTERS(X)
#undef X
  return json;
}

CheckStatus status_of(const TrackConfig& track, const DaemonStatus& daemon) {
  if (track.check.empty()) {
    const auto interface = daemon.interfaces.find(track.interface);
    return interface == daemon.interfaces.end() ? CheckStatus::unknown : interface->second;
  }
  const auto check = std::find_if(daemon.checks.begin(), daemon.checks.end(),
                                  [&](const CheckState& each) { return each.config->spec.name == track.check; });
  return check == daemon.checks.end() ? CheckStatus::unknown : check->summary.status;
}

Json track(const TrackConfig& config, const DaemonStatus& daemon) {
  Json json = config.check.empty() ? Json{{"interface", config.interface}} : Json{{"check", config.check}};
  json["status"] = to_string(status_of(config, daemon));
  switch (config.effect) {
    case TrackConfig::Effect::weight: json["weight"] = config.weight; break;
    case TrackConfig::Effect::demote: json["while_down"] = "demote"; break;
    case TrackConfig::Effect::fault: json["while_down"] = "fault"; break;
  }
  return json;
}

Json address(const VirtualAddress& address, const InstanceReport& report) {
  const auto found = std::find_if(report.addresses.begin(), report.addresses.end(),
                                  [&](const AddressReport& each) { return each.address == address; });
  const bool known = found != report.addresses.end();
  return {{"address", to_string(address.prefix)},
          {"interface", address.interface},
          {"present", known && found->present},
          {"problem", or_null(known ? found->problem : "")}};
}

Json conflict(const ConflictReport& conflict, const WallClock& clock) {
  return {{"kind", conflict.kind},
          {"address", to_string(conflict.peer)},
          {"since", clock.text(conflict.since)},
          {"last", clock.text(conflict.last)},
          {"count", conflict.count},
          {"text", conflict.text}};
}

// The state leaves of RFC 8347, beside the counters.
void add_rfc8347_state(Json& json, const VirtualRouterConfig& router, const InstanceReport& report,
                       const WallClock& clock) {
  json["is_owner"] = router.priority == owner_priority;
  json["last_adv_source"] = report.last_advert_source ? Json(to_string(*report.last_advert_source)) : Json(nullptr);
  json["up_datetime"] = report.up_since ? Json(clock.text(*report.up_since)) : Json(nullptr);
  json["master_down_interval"] = std::chrono::round<Centiseconds>(report.active_down_interval).count();
  json["skew_time"] = report.skew_time.count();
  json["last_event"] = or_null(report.last_event);
  json["new_master_reason"] = or_null(report.new_master_reason);
}

Json instance(const InstanceStatus& status, const DaemonStatus& daemon, const WallClock& clock) {
  static const InstanceReport nothing_reported;
  const VirtualRouterConfig& router = status.config->router;
  const InstanceReport& report = status.report ? *status.report : nothing_reported;

  Json addresses = Json::array(), peers = Json::array(), tracks = Json::array(), conflicts = Json::array();
  for (const VirtualAddress& each : router.addresses) addresses.push_back(address(each, report));
  for (const IpAddr& each : router.peers) peers.push_back(to_string(each));
  for (const TrackConfig& each : status.config->tracks) tracks.push_back(track(each, daemon));
  for (const ConflictReport& each : report.conflicts) conflicts.push_back(conflict(each, clock));
  Json active_router = nullptr;
  if (report.active_router) {
    active_router = {{"address", to_string(*report.active_router)}, {"priority", report.active_priority.value}};
  }

  Json json{
      {"name", router.name},
      {"state", to_string(status.state)},
      {"since", clock.text(status.since)},
      {"reason", status.reason},
      {"interface", router.interface},
      {"vrid", router.vrid.value},
      {"family", router.family == IpFamily::ipv4 ? "ipv4" : "ipv6"},
      {"version", static_cast<int>(router.version)},
      {"priority",
       {{"configured", router.priority.value},
        {"effective", status.standing.priority.value},
        {"reason", or_null(status.standing.reason)}}},
      {"advert_interval_ms", std::chrono::duration_cast<std::chrono::milliseconds>(router.advert_interval).count()},
      {"peers", peers},
      {"virtual_mac", router.virtual_mac},
      {"sync_group", or_null(status.config->sync_group)},
      {"leader", or_null(status.config->leader)},
      {"drained", status.drained},
      {"handing_over", report.handing_over},
      {"active_router", active_router},
      {"addresses", addresses},
      {"conflicts", conflicts},
      {"move", move(status.move)},
      {"tracks", tracks}};
  add_rfc8347_state(json, router, report, clock);
  json["statistics"] = statistics(report.statistics);
  return json;
}

Json notification(const NotificationStatus& status) {
  return {{"name", status.name},
          {"type", status.type},
          {"queued", status.counters.queued},
          {"sent", status.counters.sent},
          {"failed", status.counters.failed},
          {"dropped", status.counters.dropped},
          {"last_error", or_null(status.counters.last_error)}};
}

Json check(const CheckState& state, const WallClock& clock) {
  const Health::Summary& summary = state.summary;
  return {
      {"name", state.config->spec.name},
      {"type", type_name(state.config->spec.probe)},
      {"status", to_string(summary.status)},
      {"since", clock.text(summary.since)},
      {"detail", summary.detail},
      {"restart", or_null(summary.restart)},
      {"held_down_until", summary.held_down_until ? Json(clock.text_to_come(*summary.held_down_until)) : Json(nullptr)},
      {"runs", summary.runs},
      {"failures", summary.failures},
      {"restarts", summary.restarts},
      {"latency_ms", static_cast<double>(summary.latency.count()) / 1000}};
}

}  // namespace

Json status_document(const DaemonStatus& daemon, const WallClock& clock) {
  Json processes = Json::array(), instances = Json::array(), checks = Json::array(), notifications = Json::array();
  for (const ProcessStatus& each : daemon.processes) processes.push_back(process(each));
  for (const InstanceStatus& each : daemon.instances) instances.push_back(instance(each, daemon, clock));
  for (const CheckState& each : daemon.checks) checks.push_back(check(each, clock));
  for (const NotificationStatus& each : daemon.notifications) notifications.push_back(notification(each));
  return {{"node", daemon.node},
          {"version", HOLDFAST_VERSION},
          {"started", clock.text(daemon.started)},
          {"config",
           {{"file", daemon.config_file},
            {"loaded", clock.text(daemon.config_loaded)},
            {"error", daemon.config_error ? Json(*daemon.config_error) : Json(nullptr)}}},
          {"processes", processes},
          {"instances", instances},
          {"checks", checks},
          {"notifications", notifications},
          {"statistics", statistics(daemon, clock)}};
}

}  // namespace holdfast
