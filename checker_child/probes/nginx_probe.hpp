// The nginx probe: does it really serve? Its master lives, a page is answered as wanted, workers are there, and the
// numbers of stub_status, where wanted, can be read.
#pragma once

#include "checker_child/probes/http_client.hpp"
#include "checker_child/probes/http_probe.hpp"
#include "checker_child/probes/probe_runner.hpp"
#include "checker_child/probes/process_probe.hpp"
#include "common/check_config.hpp"
#include "common/event_loop.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace holdfast {

// A run asks one after the other; the first bad answer ends it. The death of the master is an event, as in the process
// probe. A new master is none: it is a reason to look at once, and only the page makes the check up.
class NginxProbeRunner : public ProbeRunner {
 public:
  NginxProbeRunner(EventLoop& loop, HttpClient& client, NginxProbe probe, ProbeSink sink);

  void start(std::uint64_t run) override;
  void cancel() override;
  std::string waiting_for() const override;

 private:
  enum class Stage { idle, master, page, stub_status };

  void master_seen(const ProbeResult& result);
  void master_changed(const ProbeResult& result);
  void page_answered(const ProbeResult& result);
  void ask_stub_status(std::string page_detail);
  ProbeResult judge_stub_status(const HttpAnswer& answer, const std::string& page_detail) const;
  bool has_no_worker() const;
  void finish(const ProbeResult& result);

  HttpClient& client_;
  ProbeSink sink_;
  HttpProbe stub_status_;  // no URL: not asked
  ProcessProbeRunner master_;
  HttpProbeRunner page_;
  std::unique_ptr<HttpClient::Transfer> transfer_;  // of stub_status

  std::uint64_t run_ = 0;  // where a stage is under way
  Stage stage_ = Stage::idle;
};

}  // namespace holdfast
