#include "parent/status_document.hpp"

#include "common/ip_text.hpp"

#include <algorithm>

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

Json statistics(const InstanceStatistics& counters) {
  Json json = Json::object();
#define X(name) json[#name] = counters.name;
  HOLDFAST_INSTANCE_COUNTERS(X)
#undef X
  return json;
}

Json statistics(const GlobalStatistics& counters) {
  Json json = Json::object();
#define X(name) json[#name] = counters.name;
  HOLDFAST_GLOBAL_COUNTERS(X)
#undef X
  return json;
}

Json track(const TrackConfig& config, const std::vector<CheckState>& checks) {
  const auto check = std::find_if(checks.begin(), checks.end(),
                                  [&](const CheckState& each) { return each.config->spec.name == config.check; });
  Json json{{"check", config.check},
            {"status", to_string(check == checks.end() ? CheckStatus::unknown : check->summary.status)}};
  switch (config.effect) {
    case TrackConfig::Effect::weight: json["weight"] = config.weight; break;
    case TrackConfig::Effect::demote: json["while_down"] = "demote"; break;
    case TrackConfig::Effect::fault: json["while_down"] = "fault"; break;
  }
  return json;
}

bool is_present(const VirtualAddress& address, const InstanceReport* report) {
  return report && std::any_of(report->addresses.begin(), report->addresses.end(),
                               [&](const AddressReport& each) { return each.present && each.address == address; });
}

Json instance(const InstanceStatus& status, const std::vector<CheckState>& checks, const WallClock& clock) {
  const VirtualRouterConfig& router = status.config->router;
  const InstanceReport* report = status.report;

  Json addresses = Json::array();
  for (const VirtualAddress& address : router.addresses) {
    addresses.push_back({{"address", to_string(address.prefix)},
                         {"interface", address.interface},
                         {"present", is_present(address, report)}});
  }
  Json tracks = Json::array();
  for (const TrackConfig& each : status.config->tracks) tracks.push_back(track(each, checks));
  Json active_router = nullptr;
  if (report && report->active_router) {
    active_router = {{"address", to_string(*report->active_router)}, {"priority", report->active_priority.value}};
  }

  Json conflicts = Json::array();
  for (const ConflictReport& each : report ? report->conflicts : std::vector<ConflictReport>{}) {
    conflicts.push_back({{"kind", each.kind},
                         {"address", to_string(each.peer)},
                         {"since", clock.text(each.since)},
                         {"last", clock.text(each.last)},
                         {"count", each.count},
                         {"text", each.text}});
  }

  return {{"name", router.name},
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
          {"drained", false},
          {"handing_over", report && report->handing_over},
          {"active_router", active_router},
          {"addresses", addresses},
          {"conflicts", conflicts},
          {"tracks", tracks},
          {"statistics", statistics(report ? report->statistics : InstanceStatistics{})}};
}

Json check(const CheckState& state, const WallClock& clock) {
  const Health::Summary& summary = state.summary;
  return {{"name", state.config->spec.name},
          {"type", type_name(state.config->spec.probe)},
          {"status", to_string(summary.status)},
          {"since", clock.text(summary.since)},
          {"detail", summary.detail},
          {"restart", or_null(summary.restart)},
          {"runs", summary.runs},
          {"failures", summary.failures},
          {"restarts", summary.restarts},
          {"latency_ms", static_cast<double>(summary.latency.count()) / 1000}};
}

}  // namespace

Json status_document(const DaemonStatus& daemon, const WallClock& clock) {
  Json processes = Json::array(), instances = Json::array(), checks = Json::array();
  for (const ProcessStatus& each : daemon.processes) processes.push_back(process(each));
  for (const InstanceStatus& each : daemon.instances) instances.push_back(instance(each, daemon.checks, clock));
  for (const CheckState& each : daemon.checks) checks.push_back(check(each, clock));
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
          {"statistics", statistics(daemon.statistics)}};
}

}  // namespace holdfast
