#include "checker_child/probes/nginx_probe.hpp"

#include "checker_child/core/stub_status.hpp"
#include "checker_child/probes/proc_table.hpp"

#include <utility>

namespace holdfast {

NginxProbeRunner::NginxProbeRunner(EventLoop& loop, HttpClient& client, NginxProbe probe, ProbeSink sink)
    : client_(client),
      sink_(std::move(sink)),
      stub_status_(probe.page),
      master_(loop, {.pid_file = std::move(probe.pid_file), .name = ""},
              {.finished = [this](std::uint64_t, const ProbeResult& result) { master_seen(result); },
               .event = [this](const ProbeResult& result) { master_changed(result); },
               .look_now = {}}),
      page_(client, std::move(probe.page),
            {.finished = [this](std::uint64_t, const ProbeResult& result) { page_answered(result); },
             .event = {},
             .look_now = {}}) {
  stub_status_.url = std::move(probe.stub_status);
}

void NginxProbeRunner::start(std::uint64_t run) {
  run_ = run;
  stage_ = Stage::master;
  master_.start(run);
}

void NginxProbeRunner::cancel() {
  master_.cancel();
  page_.cancel();
  transfer_.reset();
  stage_ = Stage::idle;
}

void NginxProbeRunner::finish(const ProbeResult& result) {
  cancel();
  sink_.finished(run_, result);
}

std::string NginxProbeRunner::waiting_for() const {
  switch (stage_) {
    case Stage::idle: break;
    case Stage::master: return master_.waiting_for();
    case Stage::page: return page_.waiting_for();
    case Stage::stub_status: return transfer_->waiting_for();
  }
  return {};
}

void NginxProbeRunner::master_seen(const ProbeResult& result) {
  if (!result.good) return finish(result);
  stage_ = Stage::page;
  page_.start(run_);
}

void NginxProbeRunner::master_changed(const ProbeResult& result) {
  if (result.good) return sink_.look_now();
  sink_.event(result);
  // A page that is still under way comes from what the dead master left behind.
  if (stage_ == Stage::page || stage_ == Stage::stub_status) finish(result);
}

void NginxProbeRunner::page_answered(const ProbeResult& result) {
  // Not before the page: a master that has just begun writes its pid file first.
  if (has_no_worker()) {
    const std::string no_worker = "nginx's master process " + std::to_string(master_.watched()) + " has no worker";
    return finish({.detail = result.detail + (result.good ? ", but not from nginx: " : "; ") + no_worker});
  }
  if (!result.good || stub_status_.url.empty()) return finish(result);
  ask_stub_status(result.detail);
}

bool NginxProbeRunner::has_no_worker() const {
  const auto children = children_of(master_.watched());
  return children && children->empty();
}

void NginxProbeRunner::ask_stub_status(std::string page_detail) {
  stage_ = Stage::stub_status;
  auto transfer =
      client_.get(stub_status_, [this, page = std::move(page_detail)](const HttpAnswer& answer) {
        finish(judge_stub_status(answer, page));
      });
  if (!transfer) return finish({.detail = "stub_status: " + transfer.error().text});
  transfer_ = std::move(*transfer);
}

ProbeResult NginxProbeRunner::judge_stub_status(const HttpAnswer& answer, const std::string& page_detail) const {
  const std::string at = "stub_status at " + stub_status_.url;
  if (!answer.error.empty()) return {.detail = at + ": " + answer.error};
  if (answer.status != 200) return {.detail = at + " answered " + std::to_string(answer.status) + ", wanted 200"};
  const auto status = parse_stub_status(answer.body);
  if (!status) return {.detail = at + " shows no numbers of connections; is `stub_status;` in that location?"};
  return {.good = true,
          .detail = page_detail + "; " + std::to_string(status->active) +
                    (status->active == 1 ? " connection" : " connections")};
}

}  // namespace holdfast
